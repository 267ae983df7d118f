// The fields of a beat: reading them into a request, filling them from a beat.
import { $ } from "./dom.js";

const SLIDERS = ["density", "swing", "humanize"];
let styles = [];
let carried = null; // {mode, title} as the open beat set them

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
}

function styleBox(name) {
  return document.querySelector(`[data-styles="${name}"]`);
}

function showSlider(name) {
  const text = styleBox(name)?.checked ? "–" : Number($(name).value).toFixed(2);
  document.querySelector(`output[for="${name}"]`).value = text;
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

function showMeters() {
  const style = styles.find((s) => s.name === $("style").value);
  const meters = style ? style.meters : [...new Set(styles.flatMap((s) => s.meters))];
  const kept = $("meter").value;
  $("meter").replaceChildren(new Option("the style's", ""), ...meters.map((m) => new Option(m, m)));
  $("meter").value = meters.includes(kept) ? kept : "";
}

/** The fields as a flat object of strings; what the style decides is left out. */
export function read(suggestedMode) {
  const fields = {
    bpm: $("bpm").value.trim(),
    bars: $("bars").value.trim(),
    seed: $("seed").value.trim() || "0",
    style: $("style").value,
    mode: $("mode").value === "auto" ? suggestedMode : $("mode").value,
  };
  if ($("meter").value) fields.meter = $("meter").value;
  if ($("title").value.trim()) fields.title = $("title").value.trim();
  for (const name of SLIDERS) if (!styleBox(name)?.checked) fields[name] = $(name).value;
  return fields;
}

/** Fill the fields from a beat, so that the next one starts from it. */
export function fill(beat) {
  const asked = beat.meta.parameters ?? {};
  $("bpm").value = beat.grid_json.bpm;
  $("bars").value = beat.grid_json.bars;
  $("seed").value = beat.meta.seed;
  $("title").value = beat.title ?? "";
  $("style").value = asked.style ?? beat.meta.style;
  if (!$("style").value) $("style").value = "auto";
  showMeters();
  $("meter").value = asked.meter ?? "";
  if (asked.mode) $("mode").value = asked.mode;
  carried = { mode: $("mode").value, title: $("title").value };
  for (const name of SLIDERS) {
    const value = asked[name];
    const box = styleBox(name);
    if (box) box.checked = value === undefined || value === null;
    if (value !== undefined && value !== null) $(name).value = value;
    showSlider(name);
  }
}

/** New sounds are not the open beat's: its mode and its title go, unless the reader has changed them since. */
export function forgetCarried() {
  if (carried && $("mode").value === carried.mode) $("mode").value = "auto";
  if (carried && $("title").value === carried.title) $("title").value = "";
  carried = null;
}

export function setSeed(seed) {
  $("seed").value = seed;
}
