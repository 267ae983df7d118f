// The page: the key, the sounds, the form; it starts the panels and makes beats.
import * as api from "./api.js";
import { $, counted } from "./dom.js";
import * as form from "./form.js";
import * as groove from "./groove.js";
import * as kit from "./kit.js";
import * as listen from "./listen.js";
import * as open from "./open.js";
import * as problems from "./problems.js";
import * as recent from "./recent.js";
import * as result from "./result.js";
import * as sounds from "./sounds.js";
import { cancel, guarded, heard, progress } from "./work.js";

async function connect() {
  const works = await tryKey();
  $("key-panel").open = !works;
  if (!api.key()) $("key").focus();
  return works;
}

async function tryKey() {
  $("key").value = api.key();
  if (!api.key()) {
    $("key-state").textContent = "Enter a key to begin.";
    return false;
  }
  try {
    const { body } = await api.request("/v1/styles");
    form.setStyles(body.styles);
    await groove.load();
    $("key-state").textContent = "The key works.";
    await recent.load(open.current()?.beat_id);
    return true;
  } catch (problem) {
    $("key-state").textContent = problem.message;
    return false;
  }
}

/** The ids of what the open beat was made from, each once, in order. */
function sources(of) {
  return [...new Set(of.meta.samples.map((s) => s.source?.asset_id ?? s.asset_id ?? s.sample_id))];
}

async function make() {
  const beat = open.current();
  const files = sounds.files();
  const ids = files.length || !beat ? [] : sources(beat);
  if (!files.length && !ids.length) throw new api.Problem({ detail: "Choose or record at least one sound first." });
  const locks = ids.length ? kit.locked(beat) : {};
  const guess = files.length ? sounds.suggestedMode() : beat.meta.parameters?.mode ?? (ids.length === 1 ? "preprocess" : "oneshot");
  const body = new FormData();
  for (const [name, value] of Object.entries(form.read(guess))) body.append(name, String(value));
  for (const id of ids) body.append("sample_ids", id);
  if (Object.keys(locks).length) body.append("roles", JSON.stringify(locks));
  for (const file of files) body.append("samples", file, file.name);
  const headers = { Prefer: "respond-async", "Idempotency-Key": api.onceKey() };
  progress("Sending the sounds", 0);
  const answer = await api.sendForm("/v1/beat", body, headers, (part) => part < 1 && progress("Sending the sounds", part));
  const done = answer.status === 202 ? await api.follow(answer.body, heard) : answer.body;
  await result.show(done.result?.beat_id ?? done.beat_id ?? done.job_id);
  $("progress").hidden = true; // before the scroll: what stands above has its final height
  sounds.clear();
  await recent.load(open.current().beat_id);
  $("result").scrollIntoView({ block: "start" });
}

function suggest() {
  const count = sounds.files().length;
  const mode = sounds.suggestedMode() === "preprocess" ? "looked through for hits" : count === 1 ? "used as a single hit" : "used as single hits";
  const auto = count && $("mode").value === "auto" ? ` ${count === 1 ? "It" : "They"} will be ${mode}.` : "";
  const kept = open.current() && !count ? "Without new sounds, the ones of the beat below are used again." : "";
  $("sounds-note").textContent = count ? `${counted(count, "sound")}.${auto}${sounds.leftOutNote()}` : kept;
}

function begin() {
  const { beat: wanted } = api.readAddress();
  const show = async (id, options) => {
    await result.show(id, options);
    suggest();
  };
  form.start();
  groove.start();
  listen.start();
  problems.start();
  sounds.start(suggest, form.forgetCarried);
  recent.start((id) => guarded(() => show(id)), guarded);
  result.start(suggest);
  $("mode").addEventListener("change", suggest);
  $("make").addEventListener("submit", (e) => {
    e.preventDefault();
    if (problems.allInRange()) guarded(make, { find: sounds.rowOf });
  });
  $("cancel").addEventListener("click", cancel);
  $("key-form").addEventListener("submit", (e) => {
    e.preventDefault();
    api.setKey($("key").value.trim());
    connect();
  });
  $("key-forget").addEventListener("click", () => {
    api.setKey("");
    connect();
  });
  connect().then((works) => works && wanted && guarded(() => show(wanted, { focus: false })));
}

begin();
