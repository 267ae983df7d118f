// The list of beats, newest first, a page at a time.
import * as api from "./api.js";
import { $, counted, el, moment } from "./dom.js";
import { titleOf } from "./form.js";

const PAGE = 10;
let open = () => {};
let next = null;

export function start(whenOpened, guarded) {
  open = whenOpened;
  $("recent-more").addEventListener("click", () => guarded(more));
}

/** The newest page, and as many further ones as were shown. */
export async function load(currentId) {
  const shown = Math.max(PAGE, $("recent").children.length);
  $("recent").replaceChildren();
  next = `/v1/beats?limit=${PAGE}`;
  while (next && $("recent").children.length < shown) await more(currentId);
  $("recent-none").hidden = $("recent").children.length > 0;
}

/** Mark the open beat. */
export function mark(currentId) {
  for (const button of $("recent").querySelectorAll("button")) button.setAttribute("aria-current", String(button.dataset.beat === currentId));
}

async function more(currentId = document.querySelector("#recent [aria-current=true]")?.dataset.beat) {
  const { body, next: after } = await api.request(next);
  next = after;
  const last = $("recent").children.length;
  $("recent").append(...body.beats.map(row));
  $("recent-more").hidden = !next;
  mark(currentId);
  if (last && document.activeElement === document.body) $("recent").children[last]?.querySelector("button").focus();
}

function row(item) {
  const button = el("button", { type: "button", "data-beat": item.beat_id },
    el("span", { className: "title", textContent: item.title || "Untitled" }),
    el("small", { textContent: `${titleOf(item.style)}, ${item.bpm} bpm, ${counted(item.bars, "bar")}, ${moment(item.created_at)}` }));
  button.addEventListener("click", () => open(item.beat_id));
  return el("li", {}, button);
}
