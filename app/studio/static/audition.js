// Short listening: one sound or take at a time, tried again while the server is still making the file.
import { $ } from "./dom.js";

const RETRIES = 6;
const RETRY_MS = 1500;

let playing = null; // {audio, button}

/** A play button for an address; pressing again stops it. */
export function playButton(label, url, properties = {}) {
  const node = document.createElement("button");
  Object.assign(node, { type: "button", textContent: "▶", className: "play", ...properties });
  node.setAttribute("aria-label", label);
  node.setAttribute("aria-pressed", "false");
  node.addEventListener("click", () => {
    const mine = playing?.button === node;
    stop();
    if (!mine) listen(node, url);
  });
  return node;
}

export function stop() {
  if (!playing) return;
  playing.audio.pause();
  clearTimeout(playing.timer);
  press(playing.button, false);
  playing = null;
}

function press(node, on) {
  node.setAttribute("aria-pressed", String(on));
  node.textContent = on ? "■" : "▶";
}

function listen(node, url) {
  $("audio").pause();
  const audio = new Audio(url);
  const mine = { audio, button: node, timer: 0 };
  let tries = 0;
  playing = mine;
  press(node, true);
  audio.addEventListener("ended", () => playing === mine && stop());
  audio.addEventListener("error", () => {
    if (playing !== mine) return;
    tries += 1;
    if (tries > RETRIES) {
      node.title = "It cannot be played now: open the beat again.";
      stop();
      return;
    }
    mine.timer = setTimeout(() => {
      audio.src = url;
      audio.play().catch(() => {});
    }, RETRY_MS);
  });
  audio.play().catch(() => {});
}
