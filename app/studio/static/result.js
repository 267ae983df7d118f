// The open beat on the page: drawn from its document, changed through its panels, each change one new version.
import * as api from "./api.js";
import * as audition from "./audition.js";
import { $, clock, counted, el, keepingFocus } from "./dom.js";
import * as form from "./form.js";
import * as kit from "./kit.js";
import * as lanes from "./lanes.js";
import * as open from "./open.js";
import * as player from "./player.js";
import * as problems from "./problems.js";
import * as recent from "./recent.js";
import * as sections from "./sections.js";
import * as steps from "./steps.js";
import * as takes from "./takes.js";
import * as versions from "./versions.js";
import { guarded, heardHere } from "./work.js";

const DOWNLOADS = [["audio.wav", "WAV"], ["audio.mp3", "MP3"], ["beat.mid", "MIDI"], ["score.pdf", "Score"], ["kit.zip", "Kit"], ["stems.zip", "Stems"]];
const MIX_OPS = new Set(["gain", "pan"]); // they change what is heard, and nothing that is drawn but their own slider
const SIBLINGS = 3;
const SAVED_MS = 4000;

let closed = () => {};
let savedTimer = 0;

/** Open a beat and bring it into view. */
export async function show(beatId, { focus = true } = {}) {
  audition.stop();
  const beat = await open.read(beatId);
  api.showInAddress(beat.beat_id);
  takes.clear();
  $("result").hidden = false;
  form.fill(beat);
  await draw();
  if (!focus) return;
  $("result-title").focus({ preventScroll: true });
  $("result").scrollIntoView({ block: "start" });
}

/** Draw everything of the open beat; what is being typed about a section stays unless `fresh`. */
async function draw({ fresh = true } = {}) {
  const beat = open.current();
  await keepingFocus(() => {
    steps.draw($("steps"), beat);
    sections.draw(beat, { fresh });
    $("layout").hidden = !beat.meta.parameters?.arrange;
    lanes.draw(beat, { line, strip: change });
    kit.draw(beat, change);
  });
  drawHead(beat);
  recent.mark(beat.beat_id);
  await versions.load();
}

function drawHead(beat) {
  const { grid_json: grid, meta } = beat;
  const used = new Set(beat.events_json.map((e) => e.sample_id).filter(Boolean)).size;
  player.load(beat);
  $("result-title").textContent = beat.title || "Your beat";
  $("facts").textContent = [`version ${beat.version}`, form.titleOf(meta.style), `${grid.bpm} bpm`, grid.meter, counted(grid.bars, "bar"), clock(grid.duration_s), `seed ${meta.seed}`,
    `${counted(beat.events_json.length, "hit")} of ${counted(used, "sound")}`].join(", ");
  $("why").textContent = meta.why ? `Why this style: ${meta.why}.` : "";
  $("warnings").replaceChildren(...meta.warnings.map((text) => el("li", { textContent: problems.plain(text) })));
  $("downloads").replaceChildren(...DOWNLOADS.filter(([name]) => beat.media[name]).map(([name, label]) =>
    el("a", { className: "button", href: beat.media[name], download: "", textContent: label })));
}

/** Draw another version of the open beat: its settings go into the form. */
async function drawVersion() {
  form.fill(open.current(), { again: true });
  await draw();
}

/** Run a change of the open beat; what fails is said above the steps, and the controls go back to what is stored. */
function changing(action, find) {
  audition.stop();
  return guarded(action, { box: $("edit-problem"), find, failed: () => open.current() && draw({ fresh: false }) });
}

function say(text) {
  $("saved").textContent = text;
  clearTimeout(savedTimer);
  savedTimer = setTimeout(() => ($("saved").textContent = ""), SAVED_MS);
}

function change(op, message) {
  return changing(async () => {
    const beat = await open.edit([op], message.slice(0, 200));
    takes.clear();
    if (MIX_OPS.has(op.op)) {
      drawHead(beat); // the sliders stay as they are: another one may be held just now
      await versions.load();
    } else await draw();
    say(`Saved: ${message}.`);
  });
}

function move(op, done) {
  return changing(async () => {
    await open.move(op);
    takes.clear();
    await drawVersion();
    say(done);
  });
}

/** The same material laid out in sections anew. */
function layout() {
  changing(async () => {
    await open.regenerate({ from_stage: "arrange" }, heardHere);
    takes.clear();
    await drawVersion();
    say("Another arrangement of the same material.");
  });
}

/** Only this role is written anew. */
function line(role) {
  return changing(async () => {
    const of = (beat) => JSON.stringify(beat.events_json.filter((e) => e.role === role).map((e) => [e.bar, e.step, e.tick, e.sample_id, e.velocity]));
    const before = of(open.current());
    await open.regenerate({ from_stage: "beat", roles: [role] }, heardHere);
    takes.clear();
    await draw();
    say(before === of(open.current()) ? `This style has no other ${role} line for these sounds.` : `Another ${role} line; the rest is kept.`);
  });
}

/** The whole beat anew with the settings as they stand, as one version or several to choose from. */
function again(count) {
  if (!problems.allInRange()) return;
  const inForm = (field) => (field === "bars_total" ? $("bars") : null);
  changing(async () => {
    const fields = { from_stage: "beat", seed: open.nextSeed(), takes: count, ...form.changes() };
    const made = await open.regenerate(fields, heardHere);
    await drawVersion();
    await recent.load(open.current().beat_id);
    takes.draw(made, keep);
    say(made.length > 1 ? `${made.length} takes, each a version. Hear them and keep one.` : "Another take.");
  }, inForm);
}

function keep(take, name) {
  changing(async () => {
    if (take.version !== open.current().version) {
      await open.restore(take.version);
      await drawVersion();
    }
    takes.clear();
    say(`${name} kept. The others stay among the versions.`);
  }).then((well) => well && $("again").focus());
}

function restore(version) {
  changing(async () => {
    await open.restore(version);
    takes.clear();
    await drawVersion();
    say(`Version ${version} restored.`);
  });
}

function saveSections(list, message) {
  changing(async () => {
    await open.edit([{ op: "sections", sections: list }], message.slice(0, 200));
    await draw();
    say(`Saved: ${message}.`);
  }, sections.controlOf);
}

function askDelete() {
  const beat = open.current();
  $("delete-question").textContent = `Delete “${beat.title || "Untitled"}” with all its versions and files? This cannot be undone.`;
  $("delete-dialog").showModal();
  $("delete-no").focus();
}

function remove() {
  $("delete-dialog").close();
  changing(async () => {
    await open.remove();
    player.stop();
    $("result").hidden = true;
    api.showInAddress(null);
    await recent.load(null);
    closed();
  }).then((well) => well && (document.querySelector("#recent button") ?? $("record")).focus());
}

/** `whenClosed` is called when the open beat was deleted. */
export function start(whenClosed) {
  closed = whenClosed;
  player.start(async (id) => (await api.request(`/v1/beat/${encodeURIComponent(id)}`)).body.media["audio.wav"]);
  sections.start(saveSections, steps.tableOf);
  versions.start(restore, (action) => guarded(action, { box: $("edit-problem") }));
  $("again").addEventListener("click", () => again(1));
  $("again-3").addEventListener("click", () => again(SIBLINGS));
  $("layout").addEventListener("click", layout);
  $("undo").addEventListener("click", () => move("undo", "Undone."));
  $("redo").addEventListener("click", () => move("redo", "Done again."));
  $("delete").addEventListener("click", askDelete);
  $("delete-yes").addEventListener("click", remove);
  $("delete-no").addEventListener("click", () => $("delete-dialog").close());
  $("audio").addEventListener("play", audition.stop);
}
