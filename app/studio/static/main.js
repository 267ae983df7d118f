// The page: it holds the current beat, starts the panels and passes values between them.
import * as api from "./api.js";
import { $, clearProblem, clock, el, percent, showProblem } from "./dom.js";
import * as form from "./form.js";
import * as player from "./player.js";
import * as roles from "./roles.js";
import * as sounds from "./sounds.js";
import * as steps from "./steps.js";

const RECENT = 12;
const DOWNLOADS = [["audio.wav", "WAV"], ["audio.mp3", "MP3"], ["beat.mid", "MIDI"], ["kit.zip", "Kit"], ["stems.zip", "Stems"]];
const STAGES = {
  queued: "Waiting for a worker", decode: "Reading the sounds", preprocess: "Finding the hits", roles: "Hearing what each sound is",
  beat: "Writing the beat", render: "Mixing", load: "Reading the beat", store: "Saving",
};

let beat = null;
let job = null;
let reveal = false; // a beat has just come: scroll to it once what stands above has its final height

async function connect() {
  $("key").value = api.key();
  if (!api.key()) {
    $("key-state").textContent = "Enter a key to begin.";
    $("key").focus();
    return false;
  }
  try {
    const { body } = await api.request("/v1/styles");
    form.setStyles(body.styles);
    $("key-state").textContent = "The key works.";
    await listRecent();
    return true;
  } catch (problem) {
    $("key-state").textContent = problem.message;
    return false;
  }
}

async function listRecent() {
  const { body } = await api.request(`/v1/beats?limit=${RECENT}`);
  $("recent-none").hidden = body.beats.length > 0;
  $("recent").replaceChildren(...body.beats.map((item) => {
    const when = new Date(item.created_at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    const open = el("button", { type: "button", "aria-current": String(item.beat_id === beat?.beat_id) },
      el("span", { className: "title", textContent: item.title || "Untitled" }),
      el("small", { textContent: `${item.style}, ${item.bpm} bpm, ${item.bars} bars, ${when}` }));
    open.addEventListener("click", () => guarded(() => show(item.beat_id)));
    return el("li", {}, open);
  }));
}

async function show(beatId, { focus = true } = {}) {
  const { body } = await api.request(`/v1/beat/${encodeURIComponent(beatId)}`);
  beat = { ...body, beat_id: body.beat_id ?? body.job_id };
  api.showInAddress(beat.beat_id);
  form.fill(beat);
  steps.draw($("steps"), beat);
  roles.draw(beat);
  player.load(beat);
  const { grid_json: grid, meta } = beat;
  $("result-title").textContent = beat.title || "Your beat";
  $("facts").textContent = `${meta.style}, ${grid.bpm} bpm, ${grid.meter}, ${grid.bars} bars, ${clock(grid.duration_s)}, seed ${meta.seed}, `
    + `${beat.events_json.length} hits of ${Object.keys(countUsed(beat)).length} sounds`;
  $("warnings").replaceChildren(...meta.warnings.map((text) => el("li", { textContent: text })));
  $("downloads").replaceChildren(...DOWNLOADS.filter(([name]) => beat.media[name]).map(([name, label]) =>
    el("a", { className: "button", href: beat.media[name], download: "", textContent: label })));
  $("result").hidden = false;
  suggest();
  await listRecent();
  if (focus) {
    $("result-title").focus({ preventScroll: true });
    reveal = true;
  }
}

function countUsed(of) {
  return Object.fromEntries(of.events_json.filter((e) => e.sample_id).map((e) => [e.sample_id, true]));
}

/** The ids of what the current beat was made from, each once, in order. */
function sources(of) {
  return [...new Set(of.meta.samples.map((s) => s.source?.asset_id ?? s.asset_id ?? s.sample_id))];
}

async function make({ keepSounds = false } = {}) {
  const files = keepSounds ? [] : sounds.files();
  const ids = files.length || !beat ? [] : sources(beat);
  if (!files.length && !ids.length) throw new api.Problem({ detail: "Choose or record at least one sound first." });
  const locks = ids.length ? roles.locked() : {};
  const guess = files.length ? sounds.suggestedMode() : beat.meta.parameters?.mode ?? (ids.length === 1 ? "preprocess" : "oneshot");
  const body = new FormData();
  for (const [name, value] of Object.entries(form.read(guess))) body.append(name, value);
  for (const id of ids) body.append("sample_ids", id);
  if (Object.keys(locks).length) body.append("roles", JSON.stringify(locks));
  for (const file of files) body.append("samples", file, file.name);
  const headers = { Prefer: "respond-async", "Idempotency-Key": api.onceKey() };
  progress("Sending the sounds", 0);
  const answer = await api.sendForm("/v1/beat", body, headers, (part) => part < 1 && progress("Sending the sounds", part));
  job = answer.body;
  $("cancel").hidden = false;
  const done = answer.status === 202 ? await api.follow(job, heard) : job;
  await show(done.result?.beat_id ?? done.beat_id ?? done.job_id);
  sounds.clear();
}

function heard(now) {
  const place = now.state === "queued" && now.queue_position ? `, number ${now.queue_position} in line` : "";
  const left = now.eta_s > 2 ? `, about ${clock(now.eta_s)} left` : "";
  const stage = STAGES[now.stage] ?? STAGES[now.state] ?? now.stage ?? "Working";
  const alone = now.worker_alive === false ? " (no worker is running)" : "";
  progress(`${stage}${place}${left}${alone}`, now.progress);
}

function progress(text, part) {
  $("progress").hidden = false;
  $("stage").textContent = part > 0 && part < 1 ? `${text}: ${percent(part)}` : text;
  if (part > 0) $("bar").value = part;
  else $("bar").removeAttribute("value");
}

/** Run one thing at a time; what goes wrong is said in sentences. */
async function guarded(action) {
  const buttons = ["make-button", "again", "remake"].map($);
  clearProblem($("problem"), $("make"));
  for (const button of buttons) button.disabled = true;
  try {
    await action();
  } catch (problem) {
    if (!(problem instanceof api.Problem)) throw problem;
    showProblem($("problem"), problem, $("make"));
    $("problem").scrollIntoView({ block: "nearest" });
  } finally {
    for (const button of buttons) button.disabled = false;
    $("progress").hidden = true;
    $("cancel").hidden = true;
    job = null;
    if (reveal) $("result").scrollIntoView({ block: "start" });
    reveal = false;
  }
}

function suggest() {
  const count = sounds.files().length;
  const mode = sounds.suggestedMode() === "preprocess" ? "looked through for hits" : count === 1 ? "used as a single hit" : "used as single hits";
  const auto = count && $("mode").value === "auto" ? ` ${count === 1 ? "It" : "They"} will be ${mode}.` : "";
  const kept = beat && !count ? "Without new sounds, the ones of the beat below are used again." : "";
  $("sounds-note").textContent = count ? `${count} sound${count === 1 ? "" : "s"}.${auto}${sounds.leftOutNote()}` : kept;
}

function begin() {
  const { beat: wanted } = api.readAddress();
  form.start();
  sounds.start(suggest, form.forgetCarried);
  player.start(async (id) => (await api.request(`/v1/beat/${encodeURIComponent(id)}`)).body.media["audio.wav"]);
  $("mode").addEventListener("change", suggest);
  $("make").addEventListener("submit", (e) => {
    e.preventDefault();
    guarded(() => make());
  });
  $("cancel").addEventListener("click", () => job && api.request(`/v1/jobs/${job.job_id}/cancel`, { method: "POST" }).catch(() => {}));
  $("again").addEventListener("click", () => {
    form.setSeed(Number(beat.meta.seed) + 1);
    guarded(() => make({ keepSounds: true }));
  });
  $("remake").addEventListener("click", () => guarded(() => make({ keepSounds: true })));
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
