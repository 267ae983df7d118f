// The lanes: for each role another line, mute, level and place. The strips are the mix's.
import { $, button, counted, el, signed } from "./dom.js";

export const ROLES = ["CORE", "ACCENT", "MOTION", "FILL", "TEXTURE"];
const LEVEL = { min: -24, max: 12, step: 0.5 }; // dB; the API takes more, a lane needs no more
const PLACE = { min: -1, max: 1, step: 0.05 };

/** "+2 dB". */
export const levelText = (db) => `${signed(db)} dB`;
/** "centre", "30 % left". */
export const placeText = (pan) => (Math.abs(pan) < 0.01 ? "centre" : `${Math.round(100 * Math.abs(pan))} % ${pan < 0 ? "left" : "right"}`);

/** A labelled slider that tells its value while it moves and calls `set(value)` when it is let go. */
export function slider({ id, label, of, value, range, text, set }) {
  const input = el("input", { id, type: "range", ...range, "aria-label": `${label} of ${of}` });
  input.value = value;
  const output = el("output", { textContent: text(value) });
  const say = () => {
    output.textContent = text(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  say();
  input.addEventListener("input", say);
  input.addEventListener("change", () => set(Number(input.value)));
  return el("div", { className: "knob" }, el("span", { textContent: label }), output, input);
}

/** The sliders for level and place of a sound or a role; `set(op)` hears "gain" or "pan" with its field. */
export function levelAndPlace(id, of, { gain_db: gain = 0, pan = 0 }, set) {
  return [
    slider({ id: `${id}-gain`, label: "Level", of, value: gain, range: LEVEL, text: levelText, set: (x) => set({ op: "gain", gain_db: x }, `${of}: ${levelText(x)}`) }),
    slider({ id: `${id}-pan`, label: "Place", of, value: pan, range: PLACE, text: placeText, set: (x) => set({ op: "pan", pan: x }, `${of}: ${placeText(x)}`) }),
  ];
}

/** Draw the lanes; `acts` = {line(role), strip(op, message)}. */
export function draw(beat, acts) {
  const roles = ROLES.filter((role) => beat.events_json.some((e) => e.role === role));
  $("lanes").replaceChildren(...roles.map((role) => lane(role, beat, acts)));
}

function lane(role, beat, acts) {
  const events = beat.events_json.filter((e) => e.role === role);
  const sounds = new Set(events.map((e) => e.sample_id)).size;
  const strip = beat.mix.roles?.[role] ?? {};
  const muted = Boolean(strip.muted);
  const id = `lane-${role}`;
  const mute = button(muted ? "Muted" : "Mute", { id: `${id}-mute`, "aria-pressed": String(muted), "aria-label": `Mute ${role}` }, () =>
    acts.strip({ op: "mute", role, muted: !muted }, `${role} ${muted ? "sounds again" : "muted"}`));
  const line = button("Another line", { id: `${id}-line`, "data-busy": "", "aria-label": `Another line for ${role}` }, () => acts.line(role));
  const set = (op, message) => acts.strip({ ...op, role }, message);
  return el("li", { className: `role-${role}${muted ? " off" : ""}` },
    el("strong", { textContent: role }),
    el("small", { textContent: `${counted(events.length, "hit")}, ${counted(sounds, "sound")}` }),
    el("div", { className: "row" }, line, mute),
    ...levelAndPlace(id, role, strip, set));
}
