// The chosen sounds: dropped, picked or recorded; and what they suggest about the mode.
import { $, clock, el } from "./dom.js";

const LONG_S = 3; // one file at least this long is a recording with several hits in it, more likely than a hit
const ONESHOT_MAX_S = 30; // the server's limit for a single hit
const MAX_FILES = 64;
const RECORD_TYPES = ["audio/webm;codecs=opus", "audio/webm", "audio/mp4"];
const TICK_MS = 250;

let chosen = []; // {file, url, duration_s | null}
let changed = () => {};
let added = () => {};
let leftOut = []; // names that the last drop had no room for
let recorder = null;
let takes = 0;

export function files() {
  return chosen.map((sound) => sound.file);
}

/** `oneshot` or `preprocess` from how many files there are and how long they are. */
export function suggestedMode() {
  if (chosen.some((sound) => sound.duration_s > ONESHOT_MAX_S)) return "preprocess";
  if (chosen.length === 1 && (chosen[0].duration_s === null || chosen[0].duration_s >= LONG_S)) return "preprocess";
  return "oneshot";
}

/** The row of the sound that a problem's field names, `samples[3]`. */
export function rowOf(field) {
  const index = /^samples\[(\d+)\]/.exec(field)?.[1];
  return index === undefined ? null : $("sounds").children[Number(index)] ?? null;
}

export function clear() {
  for (const sound of chosen) URL.revokeObjectURL(sound.url);
  chosen = [];
  leftOut = [];
  draw();
}

export function start(onChange, onAdd) {
  changed = onChange;
  added = onAdd;
  const drop = $("drop");
  $("files").addEventListener("change", () => {
    add([...$("files").files]);
    $("files").value = "";
  });
  for (const name of ["dragover", "dragenter"]) {
    drop.addEventListener(name, (e) => {
      e.preventDefault();
      drop.classList.add("over");
    });
  }
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (e) => {
    e.preventDefault();
    drop.classList.remove("over");
    add([...e.dataTransfer.files]);
  });
  // A file that misses the box must not replace the page.
  for (const name of ["dragover", "drop"]) window.addEventListener(name, (e) => e.preventDefault());
  $("record").addEventListener("click", () => (recorder ? recorder.stop() : record()));
}

function add(files) {
  const room = Math.max(0, MAX_FILES - chosen.length);
  const taken = files.slice(0, room).map((file) => ({ file, url: URL.createObjectURL(file), duration_s: null }));
  leftOut = files.slice(room).map((file) => file.name);
  chosen.push(...taken);
  if (taken.length) added();
  taken.forEach(measure);
  draw();
}

/** What the last drop left out, as a sentence; empty when everything was taken. */
export function leftOutNote() {
  return leftOut.length ? ` ${leftOut.length} left out: ${leftOut.join(", ")} (${MAX_FILES} is the most).` : "";
}

function measure(sound) {
  const probe = new Audio();
  probe.preload = "metadata";
  probe.onloadedmetadata = () => {
    // A fresh recording has no length in its header: the browser says Infinity.
    sound.duration_s = Number.isFinite(probe.duration) ? probe.duration : sound.file.recorded_s ?? null;
    draw();
  };
  probe.src = sound.url;
}

function draw() {
  $("sounds").replaceChildren(...chosen.map(row));
  changed();
}

function row(sound, index) {
  const remove = el("button", { type: "button", className: "quiet", textContent: "Remove", "aria-label": `Remove ${sound.file.name}` });
  remove.addEventListener("click", () => {
    URL.revokeObjectURL(sound.url);
    chosen.splice(index, 1);
    leftOut = [];
    draw();
    ($("sounds").children[Math.min(index, chosen.length - 1)]?.querySelector("button") ?? $("files")).focus();
  });
  const play = el("button", { type: "button", textContent: "▶", "aria-label": `Play ${sound.file.name}` });
  play.addEventListener("click", () => new Audio(sound.url).play().catch(() => {
    $("sounds-note").textContent = `This browser cannot play ${sound.file.name}; the server may still read it.`;
  }));
  const length = sound.duration_s === null ? "" : clock(sound.duration_s);
  return el("li", { id: `chosen-${index}` }, play, el("span", { className: "name", textContent: sound.file.name }), el("span", { className: "hint", textContent: length }), remove);
}

async function record() {
  const state = $("record-state");
  if (!navigator.mediaDevices || !window.MediaRecorder) {
    state.textContent = "Browsers record only on https:// or localhost. Record with another program and drop the file here.";
    return;
  }
  let input;
  try {
    input = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
  } catch (err) {
    state.textContent = err.name === "NotFoundError" ? "No microphone was found." : "The microphone was not allowed.";
    return;
  }
  const type = RECORD_TYPES.find((t) => MediaRecorder.isTypeSupported(t));
  const parts = [];
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  recorder = new MediaRecorder(input, type ? { mimeType: type } : {});
  const timer = setInterval(() => (state.textContent = `Recording ${clock(seconds())}. Knock, clap, rattle.`), TICK_MS);
  recorder.ondataavailable = (e) => e.data.size && parts.push(e.data);
  recorder.onstop = () => {
    clearInterval(timer);
    input.getTracks().forEach((track) => track.stop());
    const kind = recorder.mimeType || "audio/webm";
    recorder = null;
    takes += 1;
    const file = new File(parts, `recording ${takes}.${kind.includes("mp4") ? "m4a" : "webm"}`, { type: kind });
    file.recorded_s = seconds();
    press(false);
    state.textContent = "";
    add([file]);
  };
  recorder.start();
  press(true);
}

function press(on) {
  $("record").setAttribute("aria-pressed", String(on));
  $("record").textContent = on ? "Stop" : "Record";
}
