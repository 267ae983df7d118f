// Small ways to reach and build elements. Text only ever goes in as text, so names of files cannot become markup.

export const $ = (id) => document.getElementById(id);

/** An element with properties, attributes (names with a dash or `role`), and children. */
export function el(name, properties = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (key.includes("-") || key === "role" || key === "scope") node.setAttribute(key, value);
    else node[key] = value;
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

const BPM_RANGE = "The tempo must be 40 to 300 bpm.";

/** The server speaks of the API's fields; here they have other names. */
function plain(text) {
  return text.replace(/`?mode\s*=\s*preprocess`?|mode `preprocess`/g, "choose \u201clong: find the hits in them\u201d");
}

/** Show a failure as sentences, and mark the form fields that it names. */
export function showProblem(box, problem, form) {
  clearProblem(box, form);
  const sentences = [el("p", { textContent: plain(problem.message) })];
  const more = (problem.errors ?? []).filter((e) => !problem.message.includes(e.message));
  if (more.length) sentences.push(el("ul", {}, ...more.map((e) => el("li", { textContent: e.field === "bpm" ? BPM_RANGE : plain(`${e.field}: ${e.message}`) }))));
  box.replaceChildren(...sentences);
  box.hidden = false;
  for (const { field } of problem.errors ?? []) form?.elements[field]?.setAttribute?.("aria-invalid", "true");
}

export function clearProblem(box, form) {
  box.hidden = true;
  box.replaceChildren();
  form?.querySelectorAll("[aria-invalid]").forEach((field) => field.removeAttribute("aria-invalid"));
}

export function percent(x) {
  return `${Math.round(100 * x)} %`;
}

export function clock(seconds) {
  const s = Math.max(0, Math.round(seconds));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}
