// The audio element: a signed link, tried again while the file is being made, and the playhead in step with it.
// Looping plays another file, cut to the bars with its tail wrapped; that one is fetched with the key.
import { fetchFile } from "./api.js";
import { $ } from "./dom.js";
import { playhead } from "./steps.js";

const RETRIES = 5;
const RETRY_MS = 2500;
const NAME = "audio.wav";

let beat = null;
let tries = 0;
let timer = 0;
let freshLink = async () => "";
let looped = ""; // the blob: address of the looping file

export function start(linkOf) {
  freshLink = linkOf;
  const audio = $("audio");
  const follow = () => {
    const sounding = (audio.currentTime > 0 || !audio.paused) && audio.currentTime < (beat?.grid_json.duration_s ?? 0);
    playhead(sounding ? audio.currentTime : null);
    if (!audio.paused) requestAnimationFrame(follow);
  };
  audio.addEventListener("play", follow);
  audio.addEventListener("seeked", follow);
  audio.addEventListener("ended", () => playhead(null));
  audio.addEventListener("canplay", () => say(""));
  audio.addEventListener("error", again);
  $("loop").addEventListener("change", change);
}

export function load(next) {
  beat = next;
  tries = 0;
  clearTimeout(timer);
  if (looped) URL.revokeObjectURL(looped);
  looped = "";
  change();
}

async function change() {
  const audio = $("audio");
  const on = !audio.paused;
  playhead(null);
  audio.loop = $("loop").checked;
  if (!beat) return;
  if (!audio.loop) audio.src = beat.media[NAME];
  else {
    const of = beat;
    try {
      looped ||= await fetchFile(`${of.links[NAME]}?loop=1`);
    } catch (problem) {
      say(problem.message);
      return;
    }
    if (of !== beat || !$("loop").checked) return;
    audio.src = looped;
  }
  if (on) audio.play().catch(() => {});
}

/** A file that is still being made answers 503, and a link lives for an hour: ask again for a fresh one. */
function again() {
  if (!beat || $("loop").checked) return;
  tries += 1;
  if (tries > RETRIES) {
    say("The audio could not be loaded. Reload the page to try again.");
    return;
  }
  say("The audio is still being made …");
  const of = beat;
  timer = setTimeout(async () => {
    const link = await freshLink(of.beat_id).catch(() => of.media[NAME]);
    if (of === beat) $("audio").src = link;
  }, RETRY_MS);
}

function say(text) {
  $("audio-state").textContent = text;
}
