// The step table: for each bar, roles by steps, shaded by velocity; and the playhead that walks over it.
import { el, percent } from "./dom.js";

const ROLES = ["CORE", "ACCENT", "MOTION", "FILL", "TEXTURE"];
const BEAT_STEPS = { "6/8": 6, "12/8": 6 }; // what a conductor beats; 4 in the other meters
const FAINTEST = 0.25; // shade of velocity 0: still seen

let cells = []; // [bar][step] → the column's cells
let starts = []; // [bar][step] → seconds
let lit = [];
let tables = [];

/** The table of a bar. */
export function tableOf(bar) {
  return tables[bar] ?? null;
}

/** Draw the beat into `place`. */
export function draw(place, beat) {
  const { grid_json: grid, events_json: events } = beat;
  const names = new Map(beat.meta.samples.map((s) => [s.sample_id, s.name]));
  const roles = ROLES.filter((role) => events.some((e) => e.role === role));
  cells = [];
  starts = stepStarts(grid);
  lit = [];
  const sections = beat.sections?.length > 1 ? beat.sections : [];
  const muted = new Set(Object.entries(beat.mix?.roles ?? {}).filter(([, strip]) => strip.muted).map(([role]) => role));
  tables = Array.from({ length: grid.bars }, (_, bar) => {
    const inBar = events.filter((e) => e.bar === bar);
    const section = sections.find((s) => s.first_bar === bar);
    return table({ bar, grid, roles, muted, section }, inBar, names);
  });
  place.replaceChildren(...tables);
}

function table({ bar, grid, roles, muted, section }, events, names) {
  const beatSteps = BEAT_STEPS[grid.meter] ?? 4;
  cells[bar] = Array.from({ length: grid.steps_per_bar }, () => []);
  const counts = Array.from({ length: grid.steps_per_bar }, (_, step) =>
    el("th", { scope: "col", textContent: step % beatSteps ? "·" : String(step / beatSteps + 1) }));
  const head = el("thead", {}, el("tr", {}, el("th", { scope: "col", className: "head", textContent: "Role" }), ...counts));
  const rows = roles.map((role) => row(role, bar, beatSteps, events.filter((e) => e.role === role), names));
  rows.forEach((tr, i) => tr.classList.toggle("off", muted.has(roles[i])));
  const caption = el("caption", { textContent: `Bar ${bar + 1}` }, section ? el("b", { textContent: `  ${section.name}` }) : null);
  return el("table", {}, caption, head, el("tbody", {}, ...rows));
}

function row(role, bar, beatSteps, events, names) {
  const used = [...new Set(events.map((e) => names.get(e.sample_id) ?? e.instrument))];
  const title = el("th", { scope: "row" }, role, el("small", { textContent: used.join(", "), title: used.join(", ") }));
  const tds = cells[bar].map((column, step) => {
    const td = cell(events.filter((e) => e.step === step), names);
    if (step % beatSteps === 0) td.classList.add("beat");
    column.push(td);
    return td;
  });
  return el("tr", { className: `role-${role}` }, title, ...tds);
}

function cell(hits, names) {
  const td = el("td");
  if (!hits.length) return td;
  const loudest = hits.reduce((a, b) => (b.velocity > a.velocity ? b : a));
  const says = hits.map((e) => `${names.get(e.sample_id) ?? e.instrument} ${percent(e.velocity)}`).join(", ");
  td.className = hits.every((e) => e.muted) ? "hit muted" : "hit";
  td.title = says;
  td.style.setProperty("--level", String(FAINTEST + (1 - FAINTEST) * loudest.velocity));
  td.append(el("span", { className: "visually-hidden", textContent: says }));
  return td;
}

/** Seconds at which each step of each bar begins; the second half of a swung pair comes late. */
function stepStarts(grid) {
  const n = grid.steps_per_bar;
  const half = grid.swing_unit === 8 ? 2 : 1; // steps in half a pair
  return Array.from({ length: grid.bars }, (_, bar) => {
    const from = grid.bar_starts_s[bar];
    const to = grid.bar_starts_s[bar + 1] ?? grid.duration_s;
    const step_s = (to - from) / n;
    return Array.from({ length: n }, (__, step) => from + step_s * swung(step, half, grid.swing));
  });
}

function swung(step, half, swing) {
  const inPair = step % (2 * half);
  const place = inPair < half ? (inPair / half) * swing : swing + ((inPair - half) / half) * (1 - swing);
  return step - inPair + place * 2 * half;
}

/** Light the column that sounds at `time_s`; nothing when it is null. */
export function playhead(time_s) {
  for (const td of lit) td.classList.remove("now");
  lit = [];
  if (time_s === null || !starts.length) return;
  const bar = lastAtOrBefore(starts.map((s) => s[0]), time_s);
  if (bar < 0) return;
  const step = lastAtOrBefore(starts[bar], time_s);
  lit = cells[bar]?.[step] ?? [];
  for (const td of lit) td.classList.add("now");
}

function lastAtOrBefore(times, time) {
  let found = -1;
  for (let i = 0; i < times.length && times[i] <= time + 1e-6; i += 1) found = i;
  return found;
}
