// The table of sounds: hear each, see what it was taken for and why, choose another role for it.
import { $, el, percent } from "./dom.js";

const ROLES = ["CORE", "ACCENT", "MOTION", "FILL", "TEXTURE"];
let locks = {}; // sample name → role
let playing = null;

export function draw(beat) {
  locks = Object.fromEntries(beat.meta.samples.filter((s) => s.locked).map((s) => [s.name, s.role]));
  $("roles").replaceChildren(...beat.meta.samples.map((s) => row(s, beat.media[`sample:${s.sample_id}`])));
  $("remake").hidden = true;
}

/** The roles that the user has fixed, by sample name. */
export function locked() {
  return locks;
}

function row(sample, preview) {
  const tr = el("tr", { className: `role-${sample.pool_role ?? sample.role}` });
  const names = [el("span", { className: "name", textContent: sample.name })];
  if (sample.locked) names.push(el("span", { className: "tag", textContent: "kept" }));
  if (sample.benched) names.push(el("span", { className: "tag", textContent: "not played", title: sample.benched }));
  tr.append(
    el("td", {}, preview ? hear(sample, preview) : "–"),
    el("th", { scope: "row" }, ...names),
    el("td", {}, choice(sample, tr)),
    el("td", { textContent: sample.instrument.replace("_", " ") }),
    el("td", { className: "sure" }, el("meter", { min: 0, max: 1, value: sample.confidence, "aria-hidden": "true" }), ` ${percent(sample.confidence)}`),
    el("td", { className: "why", textContent: why(sample) }),
  );
  return tr;
}

function why(sample) {
  const plays = sample.pool_role && sample.pool_role !== sample.role ? `heard as ${sample.role}` : "";
  return [plays, sample.reason, sample.benched].filter(Boolean).join("; ");
}

function hear(sample, url) {
  const button = el("button", { type: "button", textContent: "▶", "aria-label": `Hear ${sample.name}` });
  button.addEventListener("click", () => {
    playing?.pause();
    playing = new Audio(url);
    playing.play().catch(() => (button.title = "It cannot be played now; make the page load the beat again."));
  });
  return button;
}

function choice(sample, tr) {
  const select = el("select", { "aria-label": `Role of ${sample.name}` }, ...ROLES.map((role) => new Option(role, role)));
  select.value = sample.pool_role ?? sample.role;
  select.addEventListener("change", () => {
    locks[sample.name] = select.value;
    tr.className = `role-${select.value}`;
    const count = Object.keys(locks).length;
    $("remake").textContent = `Make it again with ${count === 1 ? "this role" : `these ${count} roles`} kept`;
    $("remake").hidden = false;
  });
  return select;
}
