// The sections as a strip over the step tables; one can be chosen, renamed and filtered.
import { $, counted, el } from "./dom.js";

let sections = [];
let chosen = -1;
let barOf = () => null;

const rounded = (x) => Number(x).toLocaleString();

/** `save(sections, message)` stores the whole list; `tableOf(bar)` answers the table of a bar. */
export function start(save, tableOf) {
  barOf = tableOf;
  $("section-form").addEventListener("submit", (e) => {
    e.preventDefault();
    const typed = $("section-filter").value.trim();
    const name = $("section-name").value.trim();
    const changed = { ...sections[chosen], name, low_pass_hz: typed ? Number(typed) : null };
    save(sections.map((s, i) => (i === chosen ? changed : s)), `Section ${name || sections[chosen].name} changed`);
  });
  const close = () => {
    const button = $("sections").children[chosen];
    choose(-1);
    button?.focus();
  };
  $("section-close").addEventListener("click", close);
  $("section-form").addEventListener("keydown", (e) => e.key === "Escape" && close());
}

/** The control that a problem's field is about. */
export function controlOf(field) {
  if (!/sections/.test(field)) return null;
  return /name/.test(field) ? $("section-name") : $("section-filter");
}

/** Draw the strip; hidden where the beat has one section or none. What is being typed stays unless `fresh`. */
export function draw(beat, { fresh = true } = {}) {
  sections = beat.sections ?? [];
  $("sections").hidden = sections.length < 2;
  $("sections").replaceChildren(...sections.map(part));
  if (fresh || chosen >= sections.length || sections.length < 2) choose(-1);
  else mark();
}

function part(section, index) {
  const filter = section.low_pass_hz ? `, filtered at ${rounded(Math.round(section.low_pass_hz))} Hz` : "";
  const last = section.first_bar + section.bars;
  const says = `${section.name}: ${section.bars > 1 ? `bars ${section.first_bar + 1} to ${last}` : `bar ${last}`}${filter}. Edit`;
  const node = el("button", { type: "button", id: `section-${index}`, "aria-label": says, "aria-pressed": "false", title: says, className: section.low_pass_hz ? "filtered" : "" },
    el("b", { textContent: section.name }), el("small", { textContent: counted(section.bars, "bar") }));
  node.style.flexGrow = String(section.bars);
  node.addEventListener("click", () => choose(index));
  return node;
}

function choose(index) {
  chosen = index;
  mark();
  $("section-form").hidden = index < 0;
  if (index < 0) return;
  const section = sections[index];
  $("section-name").value = section.name;
  $("section-filter").value = section.low_pass_hz ? Math.round(section.low_pass_hz) : "";
  const place = barOf(section.first_bar);
  if (place) place.parentElement.scrollTo({ top: place.offsetTop - place.parentElement.offsetTop });
  $("section-name").focus({ preventScroll: true });
}

function mark() {
  [...$("sections").children].forEach((node, i) => node.setAttribute("aria-pressed", String(i === chosen)));
}
