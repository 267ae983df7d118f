// Listening to a recording: tempo, meter, key, loudness and sections are told; tempo and meter can be put right.
import * as api from "./api.js";
import { $, clock, el, percent, signed } from "./dom.js";
import { guarded, told } from "./work.js";

const LIST = "/v1/analyses";
const METERS = ["4/4", "3/4", "2/4", "5/4", "7/8", "6/8", "12/8"];
const BPM_LOW = 30; // what the server takes
const BPM_HIGH = 300;
const AROUND = 0.1; // a tempo that is put right is searched for this near
const WAIT = { Prefer: "wait=60" };

let shown = null; // {body, etag}

const say = (text) => ($("listen-state").textContent = text);

function tempo(a) {
  if (a.bpm === null) return "none";
  const others = a.bpm_alternatives.map((one) => Number(one.bpm.toFixed(1))).join(" or ");
  const moving = a.tempo_map.length > 1 ? ", changing" : "";
  return `${Number(a.bpm.toFixed(1))} bpm${moving}, ${percent(a.bpm_confidence)} sure${others ? `; else ${others}` : ""}`;
}

function key(a) {
  if (a.key === null) return "none";
  const cents = a.tuning_cents ? `, ${signed(a.tuning_cents, 0)} cents off 440 Hz` : "";
  return `${a.key}, ${percent(a.key_confidence)} sure${cents}`;
}

function loudness(a) {
  if (a.loudness_lufs === null) return "none";
  const range = a.loudness_range_lu === null ? "" : `, range ${a.loudness_range_lu.toFixed(1)} LU`;
  return `${signed(a.loudness_lufs)} LUFS${range}, peak ${signed(a.true_peak_db)} dBTP`;
}

function facts(a) {
  const bars = a.downbeats_s.length ? `${a.meter}, first bar at ${a.downbeats_s[0].toFixed(2)} s` : "none";
  const parts = a.sections.map((s) => `${s.label} ${clock(s.start_s)}`).join(", ");
  return [["Length", clock(a.duration_s)], ["Tempo", tempo(a)], ["Meter", bars], ["Key", key(a)], ["Loudness", loudness(a)], ["Sections", parts || "none"]];
}

function draw(body, etag) {
  shown = { body, etag };
  $("listen-facts").replaceChildren(...facts(body).flatMap(([name, text]) => [el("dt", { textContent: name }), el("dd", { textContent: text })]));
  $("listen-warnings").replaceChildren(...body.warnings.map((text) => el("li", { textContent: text })));
  $("listen-right").hidden = body.bpm === null;
  $("listen-meter").value = body.meter ?? "";
  $("listen-found").hidden = false;
}

async function analyse(file) {
  const body = new FormData();
  body.append("audio", file, file.name);
  say("Sending the recording …");
  try {
    const headers = { Prefer: "respond-async", "Idempotency-Key": api.onceKey() };
    const answer = await api.sendForm(LIST, body, headers, (part) => part < 1 && say(`Sending the recording: ${percent(part)}`));
    const heard = (now) => say(`${told(now)} …`);
    const made = answer.status === 202 ? (await api.follow(answer.body, heard)).result : answer.body;
    const { body: found, etag } = await api.request(made.links.self);
    draw(found, etag);
    say(file.name);
  } catch (problem) {
    say("");
    throw problem;
  }
}

async function correct(hints) {
  const { body, etag } = await api.request(shown.body.links.self, { method: "PATCH", json: hints, headers: { "If-Match": shown.etag, ...WAIT } });
  draw(body, etag);
}

/** The tempo that many times as fast: searched for around it, as far as the server goes. */
function faster(times) {
  const within = (bpm) => Math.min(BPM_HIGH, Math.max(BPM_LOW, bpm));
  const bpm = shown.body.bpm * times;
  return { bpm_min: within(bpm * (1 - AROUND)), bpm_max: within(bpm * (1 + AROUND)) };
}

export function start() {
  const place = { box: $("listen-problem"), find: (field) => (field === "meter" ? $("listen-meter") : null) };
  $("listen-meter").replaceChildren(...METERS.map((name) => new Option(name, name)));
  $("listen-file").addEventListener("change", () => {
    const [file] = $("listen-file").files;
    $("listen-file").value = "";
    if (file) guarded(() => analyse(file), place);
  });
  $("listen-half").addEventListener("click", () => guarded(() => correct(faster(0.5)), place));
  $("listen-double").addEventListener("click", () => guarded(() => correct(faster(2)), place));
  $("listen-meter").addEventListener("change", () => guarded(() => correct({ meter: $("listen-meter").value }), place));
  $("listen-use").addEventListener("click", () => {
    $("bpm").value = Number(shown.body.bpm.toFixed(1));
    $("bpm").dispatchEvent(new Event("input", { bubbles: true }));
    say(`The next beat will be at ${$("bpm").value} bpm.`);
  });
}
