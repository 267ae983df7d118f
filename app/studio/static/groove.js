// Grooves: choose one, make one from a loop or a MIDI file, say how much of it.
import * as api from "./api.js";
import { $, counted } from "./dom.js";
import { guarded } from "./work.js";

const LIST = "/v1/grooves";
const PAGE = 100; // the most that a list answers at once
const MIDI_NAME = /\.(mid|midi)$/i;

/** Ask for the owner's grooves, the newest first. */
export async function load() {
  const { body } = await api.request(`${LIST}?limit=${PAGE}`);
  setGrooves(body.grooves);
}

function setGrooves(list) {
  const kept = $("groove-choice").value;
  const options = list.map((g) => new Option(`${g.name || "Untitled"} (${Math.round(g.bpm)} bpm, ${g.meter})`, g.groove_id));
  $("groove-choice").replaceChildren(new Option("the style's own", ""), ...options);
  choose(kept);
}

/** Select a groove, also one that is no longer in the list. */
function choose(id) {
  const select = $("groove-choice");
  if (id && ![...select.options].some((option) => option.value === id)) select.append(new Option("the groove of this beat", id));
  select.value = id ?? "";
  showAmount();
}

function showAmount() {
  document.querySelector('output[for="groove-amount"]').value = Number($("groove-amount").value).toFixed(2);
  $("groove-amount").disabled = !$("groove-choice").value;
}

/** The fields of a request. */
export function read() {
  const groove = $("groove-choice").value;
  return groove ? { groove, groove_amount: Number($("groove-amount").value) } : {};
}

export function fill(asked) {
  $("groove-amount").value = asked.groove_amount ?? 1;
  choose(asked.groove ?? "");
}

async function upload(file) {
  const body = new FormData();
  body.append(MIDI_NAME.test(file.name) ? "midi" : "audio", file, file.name);
  body.append("name", file.name.replace(/\.[^.]+$/, "").slice(0, 100));
  const say = (text) => ($("groove-state").textContent = text);
  say("Reading the groove …");
  try {
    const headers = { Prefer: "respond-async", "Idempotency-Key": api.onceKey() };
    const answer = await api.sendForm(LIST, body, headers, () => {});
    const made = answer.status === 202 ? (await api.follow(answer.body, () => {})).result : answer.body;
    await load();
    choose(made.groove_id);
    const steps = Object.values(made.offset_ms ?? {}).reduce((sum, row) => sum + Object.keys(row).length, 0);
    say(`Read: swing ${percentOf(made.swing)}, ${counted(steps, "step")} with their own lateness. It is used in the next beat or take.`);
  } catch (problem) {
    say("");
    throw problem;
  }
}

function percentOf(swing) {
  return `${Math.round(100 * swing)} %`;
}

export function start() {
  $("groove-choice").addEventListener("change", showAmount);
  $("groove-amount").addEventListener("input", showAmount);
  const atChoice = { find: (field) => (["audio", "midi", "bpm", "meter", "name"].includes(field) ? $("groove-choice") : null) };
  $("groove-file").addEventListener("change", () => {
    const [file] = $("groove-file").files;
    $("groove-file").value = "";
    if (file) guarded(() => upload(file), { box: $("groove-problem"), ...atChoice });
  });
  showAmount();
}
