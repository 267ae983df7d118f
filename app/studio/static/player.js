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
let resume = null; // {at, on} of the file that is being replaced: seconds, and whether it was playing

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
  audio.addEventListener("canplay", ready);
  audio.addEventListener("error", again);
  $("loop").addEventListener("change", change);
}

/** Play a beat, or the same one after a change: then from where it was. */
export function load(next) {
  const audio = $("audio");
  const same = beat?.beat_id === next.beat_id;
  if (same && beat.media[NAME] === next.media[NAME]) return;
  const at = same ? resume?.at ?? audio.currentTime : 0;
  resume = { at: at < next.grid_json.duration_s ? at : 0, on: resume?.on ?? !audio.paused };
  beat = next;
  tries = 0;
  clearTimeout(timer);
  if (looped) URL.revokeObjectURL(looped);
  looped = "";
  change();
}

/** Silence and forget: the beat is gone. */
export function stop() {
  beat = null;
  clearTimeout(timer);
  const audio = $("audio");
  audio.pause();
  audio.removeAttribute("src");
  playhead(null);
}

async function change() {
  const audio = $("audio");
  resume ??= { at: audio.currentTime, on: !audio.paused };
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
}

/** The file can be played: go on where the one before it was. */
function ready() {
  say("");
  const was = resume;
  resume = null;
  if (was?.at) $("audio").currentTime = was.at;
  if (was?.on) $("audio").play().catch(() => {});
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
