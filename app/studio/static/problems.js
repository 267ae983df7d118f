// What goes wrong, as sentences: in a box, and at the field that is meant.
import { $, el } from "./dom.js";

const RANGES = {
  bpm: [40, 300, "The tempo must be 40 to 300 bpm."],
  bars: [1, 64, "A beat has 1 to 64 bars."],
};
const SETTLE_MS = 300; // a sentence that moves the button under a click that is under way would make it miss
const CONTROLS = { bars_total: "bars", groove: "groove-choice", groove_amount: "groove-amount" }; // the API's name → the page's id

/** The server speaks of the API's fields; here they have other names. */
export function plain(text) {
  return text.replace(/(with )?(`?mode\s*=\s*preprocess`?|mode `preprocess`)/g, (_, joined) => `${joined ? "as" : "choose"} “long: find the hits in them”`);
}

/** Put a sentence under a control and mark it. */
export function sayAt(control, text) {
  const id = `${control.id}-problem`;
  const place = $(id) ?? el("small", { id, className: "field-problem" });
  place.textContent = text;
  control.after(place);
  control.closest("details")?.setAttribute("open", "");
  control.setAttribute("aria-invalid", "true");
  control.setAttribute("aria-describedby", id);
}

export function unsayAt(control) {
  $(`${control.id}-problem`)?.remove();
  control.removeAttribute("aria-invalid");
  control.removeAttribute("aria-describedby");
}

/** Whether the control's number is in its range; if not, a sentence at the control says so. */
export function inRange(name) {
  const control = $(name);
  const [low, high, sentence] = RANGES[name];
  const value = Number(control.value);
  if (control.value.trim() && value >= low && value <= high) {
    unsayAt(control);
    return true;
  }
  sayAt(control, sentence);
  return false;
}

/** Check the fields that can be checked here; the first wrong one gets the focus. */
export function allInRange() {
  const wrong = Object.keys(RANGES).filter((name) => !inRange(name));
  if (wrong.length) $(wrong[0]).focus();
  return wrong.length === 0;
}

export function start() {
  for (const name of Object.keys(RANGES)) {
    $(name).addEventListener("change", () => setTimeout(() => inRange(name), SETTLE_MS));
    $(name).addEventListener("input", () => $(name).getAttribute("aria-invalid") && inRange(name));
  }
}

/** Show a failure as sentences in a box and at the fields that it names; `find` knows controls of other names. */
export function show(box, problem, find = () => null) {
  clear(box);
  const more = [];
  for (const { field, message } of problem.errors ?? []) {
    const control = find(field) ?? $(CONTROLS[field] ?? field);
    if (control?.matches?.("input, select, li")) sayAt(control, RANGES[field]?.[2] ?? plain(sentence(message)));
    else if (!problem.message.includes(message)) more.push(`${field}: ${message}`);
  }
  box.replaceChildren(el("p", { textContent: plain(problem.message) }));
  if (more.length) box.append(el("ul", {}, ...more.map((text) => el("li", { textContent: plain(text) }))));
  box.hidden = false;
  box.scrollIntoView({ block: "nearest" });
}

function sentence(text) {
  const trimmed = text.trim().replace(/\.$/, "");
  return `${trimmed[0]?.toUpperCase() ?? ""}${trimmed.slice(1)}.`;
}

export function clear(box) {
  box.hidden = true;
  box.replaceChildren();
  document.querySelectorAll("[aria-invalid]").forEach((control) => control.id in RANGES || unsayAt(control));
}
