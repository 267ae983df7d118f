// The versions of the open beat, newest first: what each was, and back to any of them.
import { playButton } from "./audition.js";
import { $, button, el, moment } from "./dom.js";
import * as open from "./open.js";

// The server names the stage that ran again; here it has the name of the button.
const SAID = { "Regenerate from beat": "Another take or line", "Regenerate from arrange": "Another arrangement" };

let next = null;
let restore = () => {};

export function start(whenRestored, guarded) {
  restore = whenRestored;
  $("versions-more").addEventListener("click", () => guarded(async () => add(await open.versions(next))));
}

export async function load() {
  const page = await open.versions();
  $("versions").replaceChildren();
  add(page);
  const head = page.versions.find((v) => v.head);
  // The first state has nothing before it; what can be redone only the server knows, so it is offered where a later one exists.
  offer($("undo"), head === undefined || head.parents.length > 0);
  offer($("redo"), head === undefined || page.versions.some((v) => v.parents.includes(head.commit)));
}

function offer(control, possible) {
  control.disabled = !possible;
  if (possible) delete control.dataset.off;
  else control.dataset.off = "";
}

function add(page) {
  next = page.next;
  $("versions").append(...page.versions.map(row));
  $("versions-more").hidden = !next;
}

function row(version) {
  const said = el("span", { className: "grow" },
    el("strong", { textContent: `${version.version}` }), ` ${SAID[version.message] ?? version.message} `, el("small", { textContent: moment(version.at) }));
  const act = version.head
    ? el("span", { className: "tag", textContent: "open" })
    : button("Restore", { "data-busy": "", "aria-label": `Restore version ${version.version}` }, () => restore(version.version));
  return el("li", version.head ? { "aria-current": "true" } : {}, playButton(`Play version ${version.version}`, version.media["audio.wav"]), said, act);
}
