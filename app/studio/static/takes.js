// Several takes of the open beat side by side: hear each, keep one.
import { playButton } from "./audition.js";
import { $, button, el } from "./dom.js";

/** Show the takes; `keep(take)` makes one the newest version. */
export function draw(takes, keep) {
  $("takes").hidden = takes.length < 2;
  $("takes-list").replaceChildren(...takes.map((take, index) => row(take, index, keep)));
}

export function clear() {
  draw([], () => {});
}

function row(take, index, keep) {
  const name = `Take ${index + 1}`;
  const note = `version ${take.version}, seed ${take.seed}${index === 0 ? ", on the page now" : ""}`;
  return el("li", {},
    playButton(`Play ${name}`, take.media["audio.wav"]),
    el("span", { className: "grow" }, el("strong", { textContent: name }), " ", el("small", { textContent: note })),
    button("Keep", { "data-busy": "", "aria-label": `Keep ${name}` }, () => keep(take, name)));
}
