// One thing at a time: what is pressed meanwhile waits its turn, and what goes wrong is said where it was asked for.
import * as api from "./api.js";
import { $, clock, percent } from "./dom.js";
import * as problems from "./problems.js";

const STAGES = {
  queued: "Waiting for a worker", decode: "Reading the sounds", preprocess: "Finding the hits", roles: "Hearing what each sound is",
  beat: "Writing the beat", arrange: "Arranging", render: "Mixing", load: "Reading the beat", store: "Saving", groove: "Reading the groove",
  rhythm: "Hearing the beat", harmony: "Hearing the key", loudness: "Measuring the loudness", beats: "Counting the beats",
};

let tail = Promise.resolve();
let job = null;

/** Run an action after those before it. `box` shows its problem, `find` names controls for the problem's fields, `failed`
 *  may set right what the page shows. Answers whether it went well. */
export function guarded(action, { box = $("problem"), find, failed } = {}) {
  tail = tail.then(() => run(action, { box, find, failed }));
  return tail;
}

async function run(action, { box, find, failed }) {
  const focused = document.activeElement;
  const buttons = [...document.querySelectorAll("[data-busy]")];
  problems.clear(box);
  for (const one of buttons) one.disabled = true;
  try {
    await action();
    return true;
  } catch (problem) {
    if (!(problem instanceof api.Problem)) throw problem;
    await Promise.resolve(failed?.(problem)).catch(() => {}); // the server may be out of reach for that, too
    problems.show(box, problem, find);
    return false;
  } finally {
    for (const one of buttons) one.disabled = "off" in one.dataset; // off: there is nothing for it to do
    const place = focused?.isConnected ? focused : $(focused?.id); // what was drawn anew has the same id
    if (document.activeElement === document.body) place?.focus({ preventScroll: true });
    $("progress").hidden = true;
    $("cancel").hidden = true;
    $("take-state").textContent = "";
    job = null;
  }
}

/** What a job says while it runs, as a sentence. */
export function told(now) {
  job = now;
  const place = now.state === "queued" && now.queue_position ? `, number ${now.queue_position} in line` : "";
  const left = now.eta_s > 2 ? `, about ${clock(now.eta_s)} left` : "";
  const stage = STAGES[now.stage] ?? STAGES[now.state] ?? now.stage ?? "Working";
  const alone = now.worker_alive === false ? " (no worker is running)" : "";
  return `${stage}${place}${left}${alone}`;
}

/** The progress of the big button. */
export function heard(now) {
  $("cancel").hidden = false;
  progress(told(now), now.progress);
}

/** The progress of another take or line. */
export function heardHere(now) {
  $("take-state").textContent = `${told(now)} …`;
}

export function progress(text, part) {
  $("progress").hidden = false;
  $("stage").textContent = part > 0 && part < 1 ? `${text}: ${percent(part)}` : text;
  if (part > 0) $("bar").value = part;
  else $("bar").removeAttribute("value");
}

export function cancel() {
  if (job) api.request(`/v1/jobs/${job.job_id}/cancel`, { method: "POST" }).catch(() => {});
}
