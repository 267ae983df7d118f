// The sounds of the beat: hear each, see what it was taken for and what was done to it, change its role, level and place.
import { playButton } from "./audition.js";
import { $, el, percent } from "./dom.js";
import { ROLES, levelAndPlace } from "./lanes.js";
import { done } from "./words.js";

/** Draw the kit; `edit(op, message)` makes one change. */
export function draw(beat, edit) {
  $("kit").replaceChildren(...beat.meta.samples.map((sample) => row(sample, beat.media[`sample:${sample.sample_id}`], edit)));
}

/** The roles that the reader has fixed, by the name of the sound. */
export function locked(beat) {
  return Object.fromEntries(beat.meta.samples.filter((s) => s.locked).map((s) => [s.name, s.role]));
}

function row(sample, preview, edit) {
  const role = sample.pool_role ?? sample.role;
  const id = `sound-${sample.sample_id}`;
  const names = [el("span", { className: "name", textContent: sample.name, title: sample.name })];
  if (sample.locked) names.push(el("span", { className: "tag", textContent: "kept" }));
  if (sample.benched) names.push(el("span", { className: "tag", textContent: "benched" }));
  const heard = `${sample.instrument.replace("_", " ")}, ${percent(sample.confidence)} sure`;
  return el("li", { className: `role-${role}`, id },
    preview ? playButton(`Hear ${sample.name}`, preview) : el("span"),
    el("div", { className: "who" }, el("div", { className: "names" }, ...names), el("small", { textContent: heard })),
    choice(sample, role, id, edit),
    ...levelAndPlace(id, sample.name, sample, (op, message) => edit({ ...op, sample_id: sample.sample_id }, message)),
    story(sample, role));
}

function choice(sample, role, id, edit) {
  const select = el("select", { id: `${id}-role`, "aria-label": `Role of ${sample.name}` }, ...ROLES.map((name) => new Option(name, name)));
  select.value = role;
  select.addEventListener("change", () => edit({ op: "role", sample_id: sample.sample_id, role: select.value }, `${sample.name} plays ${select.value}`));
  return select;
}

function story(sample, role) {
  const lines = [];
  if (sample.benched) lines.push(el("p", {}, el("b", { textContent: "Benched: " }), sample.benched));
  const groups = done(sample.processing ?? [], role);
  if (groups.length) lines.push(el("p", { className: "done" }, ...groups.flatMap(group)));
  else lines.push(el("p", { className: "done", textContent: "as it was recorded" }));
  const heardAs = role !== sample.role ? `heard as ${sample.role}` : "";
  const why = [heardAs, sample.reason].filter(Boolean).join("; ");
  if (why) lines.push(el("p", { className: "why", textContent: why }));
  return el("div", { className: "story" }, ...lines);
}

function group({ title, steps }, index) {
  const between = index ? "; " : "";
  return title ? [between, el("b", { textContent: title }), ` ${steps.join(", ")}`] : [between, steps.join(", ")];
}
