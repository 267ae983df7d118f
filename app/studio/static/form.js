// The fields of a beat: reading them into a request, filling them from a beat.
import { $ } from "./dom.js";
import * as groove from "./groove.js";
import { inRange } from "./problems.js";

const SLIDERS = ["density", "swing", "humanize", "shape"];
const SECTIONS_MIN_BARS = 8;
const OWN = new Set(["title", "mode", "seed"]); // not settings of a take
const OPEN = new Set(["density", "swing", "meter", "groove"]); // null leaves them to the style
let styles = [];
let carried = null; // {mode, title} as the open beat set them
let opened = {}; // the fields as the open beat set them

export function start() {
  for (const name of SLIDERS) {
    $(name).addEventListener("input", () => {
      const free = styleBox(name);
      if (free) free.checked = false;
      showSlider(name);
    });
    styleBox(name)?.addEventListener("change", () => showSlider(name));
    showSlider(name);
  }
  $("style").addEventListener("change", showMeters);
  $("arrange").addEventListener("change", () => {
    if ($("arrange").checked && Number($("bars").value) < SECTIONS_MIN_BARS) setBars(SECTIONS_MIN_BARS);
    showArrange();
  });
  $("bars").addEventListener("input", showArrange);
  for (const button of document.querySelectorAll("[data-bars]")) button.addEventListener("click", () => setBars(button.dataset.bars));
}

function styleBox(name) {
  return document.querySelector(`[data-styles="${name}"]`);
}

function showSlider(name) {
  const text = styleBox(name)?.checked ? "–" : Number($(name).value).toFixed(2);
  document.querySelector(`output[for="${name}"]`).value = text;
}

function setBars(bars) {
  $("bars").value = bars;
  inRange("bars");
  showArrange();
}

function showArrange() {
  const bars = Number($("bars").value);
  $("arrange-bars").hidden = !$("arrange").checked;
  $("arrange-note").textContent = $("arrange").checked && bars < SECTIONS_MIN_BARS ? "Sections need at least 8 bars; this will be a loop." : "";
  for (const button of document.querySelectorAll("[data-bars]")) button.setAttribute("aria-pressed", String(Number(button.dataset.bars) === bars));
}

export function setStyles(list) {
  styles = list;
  const options = list.map((s) => new Option(`${s.title} (${s.bpm_min}–${s.bpm_max} bpm)`, s.name));
  const auto = new Option("auto: by tempo and sounds", "auto");
  const kept = $("style").value;
  $("style").replaceChildren(auto, ...options);
  $("style").value = kept;
  if (!$("style").value) $("style").value = "auto";
  showMeters();
}

/** What people call a style. */
export function titleOf(name) {
  return styles.find((s) => s.name === name)?.title ?? name;
}

function showMeters() {
  const style = styles.find((s) => s.name === $("style").value);
  const meters = style ? style.meters : [...new Set(styles.flatMap((s) => s.meters))];
  const kept = $("meter").value;
  $("meter").replaceChildren(new Option("the style's", ""), ...meters.map((m) => new Option(m, m)));
  $("meter").value = meters.includes(kept) ? kept : "";
}

/** The fields as the API takes them; what the style decides is left out. */
export function read(suggestedMode) {
  const fields = {
    bpm: Number($("bpm").value),
    bars: Number($("bars").value),
    seed: Number($("seed").value),
    style: $("style").value,
    mode: $("mode").value === "auto" ? suggestedMode : $("mode").value,
    tune: $("tune").checked,
    arrange: $("arrange").checked,
    ...groove.read(),
  };
  if ($("meter").value) fields.meter = $("meter").value;
  if ($("title").value.trim()) fields.title = $("title").value.trim();
  for (const name of SLIDERS) if (!styleBox(name)?.checked) fields[name] = Number($(name).value);
  return fields;
}

/** What another take of the open beat is asked to change: the settings that differ from the beat's; null where the style
 *  is to decide again. `seed` only when the reader has chosen one. */
export function changes() {
  const now = read(null);
  const changed = {};
  for (const name of new Set([...Object.keys(now), ...Object.keys(opened)])) {
    if (now[name] === opened[name] || OWN.has(name)) continue;
    if (name in now) changed[name] = now[name];
    else if (OPEN.has(name)) changed[name] = null;
  }
  if ("bars" in changed) {
    changed.bars_total = changed.bars;
    delete changed.bars;
  }
  if (now.seed !== opened.seed) changed.seed = now.seed;
  return changed;
}

/** Fill the fields from a beat, so that the next one starts from it. What is said of a new beat alone, its title and what
 *  its sounds are, stays where the same beat comes again as another version. */
export function fill(beat, { again = false } = {}) {
  const asked = beat.meta.parameters ?? {};
  $("bpm").value = beat.grid_json.bpm;
  $("bars").value = beat.grid_json.bars;
  $("seed").value = beat.meta.seed;
  $("style").value = asked.style ?? beat.meta.style;
  if (!$("style").value) $("style").value = "auto";
  showMeters();
  $("meter").value = asked.meter ?? "";
  if (!again) {
    $("title").value = beat.title ?? "";
    if (asked.mode) $("mode").value = asked.mode;
    carried = { mode: $("mode").value, title: $("title").value };
  }
  $("tune").checked = asked.tune ?? false;
  $("arrange").checked = asked.arrange ?? false;
  for (const name of SLIDERS) {
    const value = asked[name] ?? (name === "shape" ? 0 : null); // a beat from before sounds were shaped has no shape
    const box = styleBox(name);
    if (box) box.checked = value === null;
    if (value !== null) $(name).value = value;
    showSlider(name);
  }
  groove.fill(asked);
  showArrange();
  inRange("bpm");
  inRange("bars");
  opened = read(null);
}

/** New sounds are not the open beat's: its mode and its title go, unless the reader has changed them since. */
export function forgetCarried() {
  if (carried && $("mode").value === carried.mode) $("mode").value = "auto";
  if (carried && $("title").value === carried.title) $("title").value = "";
  carried = null;
}
