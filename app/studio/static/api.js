// The API as the page uses it: the key, requests that fail with the server's own sentence, jobs by SSE or polling.

const KEY_ITEM = "soundroutine.key";
const POLL_MS = 1000;
const RETRY_MS = 2000;
const POLLS_WITHOUT_ANSWER = 30;
const ENDED = new Set(["succeeded", "failed", "canceled"]);

export class Problem extends Error {
  /** @param {{status?: number, detail?: string, title?: string, code?: string, errors?: {field: string, message: string}[]}} doc */
  constructor(doc) {
    super(doc.detail || doc.title || "The server gave no reason.");
    this.status = doc.status ?? 0;
    this.code = doc.code ?? "";
    this.errors = doc.errors ?? [];
  }
}

const UNREACHABLE = { detail: "The server cannot be reached. Is it running, and is this machine online?", code: "unreachable" };

export function key() {
  return localStorage.getItem(KEY_ITEM) ?? "";
}

export function setKey(text) {
  if (text) localStorage.setItem(KEY_ITEM, text);
  else localStorage.removeItem(KEY_ITEM);
}

/** What the address bar carries after #; a key in it is kept and taken out of the address and of the history. */
export function readAddress() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const given = parts.get("key");
  if (given) {
    setKey(given.trim());
    parts.delete("key");
    const rest = parts.toString();
    history.replaceState(null, "", location.pathname + (rest ? "#" + rest : ""));
  }
  return { beat: parts.get("beat") };
}

/** Name the open beat in the address; null for none. */
export function showInAddress(beatId) {
  history.replaceState(null, "", location.pathname + (beatId ? `#beat=${encodeURIComponent(beatId)}` : ""));
}

function auth() {
  const text = key();
  return text ? { Authorization: `Bearer ${text}` } : {};
}

async function problemOf(response) {
  const text = await response.text();
  try {
    return new Problem({ status: response.status, ...JSON.parse(text) });
  } catch {
    return new Problem({ status: response.status, detail: `The server answered ${response.status}.` });
  }
}

/** A request with the key; throws Problem. Answers {status, body, etag, next}; body is null for 304 and 204, next is the
 *  address of the list's following page or null. */
export async function request(path, { method = "GET", headers = {}, json } = {}) {
  const init = { method, headers: { Accept: "application/json", ...auth(), ...headers } };
  if (json !== undefined) {
    init.body = JSON.stringify(json);
    init.headers["Content-Type"] = "application/json";
  }
  let response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new Problem(UNREACHABLE);
  }
  if (!response.ok && response.status !== 304) throw await problemOf(response);
  const empty = response.status === 304 || response.status === 204;
  return {
    status: response.status,
    body: empty ? null : await response.json(),
    etag: response.headers.get("ETag"),
    next: /<([^>]+)>;\s*rel="next"/.exec(response.headers.get("Link") ?? "")?.[1] ?? null,
  };
}

/** A file as a blob: address, for what has no signed link. Throws Problem. */
export async function fetchFile(path) {
  let response;
  try {
    response = await fetch(path, { headers: auth() });
  } catch {
    throw new Problem(UNREACHABLE);
  }
  if (!response.ok) throw await problemOf(response);
  return URL.createObjectURL(await response.blob());
}

/** POST a form; `sent` hears 0..1 while it goes up (fetch cannot tell). Answers {status, body}; throws Problem. */
export function sendForm(path, form, headers, sent) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open("POST", path);
    for (const [name, value] of Object.entries({ Accept: "application/json", ...auth(), ...headers })) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = (e) => e.lengthComputable && sent(e.loaded / e.total);
    xhr.onerror = () => reject(new Problem(UNREACHABLE));
    xhr.onload = () => {
      let body = null;
      try {
        body = JSON.parse(xhr.responseText);
      } catch {
        reject(new Problem({ status: xhr.status, detail: `The server answered ${xhr.status}.` }));
        return;
      }
      if (xhr.status >= 200 && xhr.status < 300) resolve({ status: xhr.status, body });
      else reject(new Problem({ status: xhr.status, ...body }));
    };
    xhr.send(form);
  });
}

/** Ask for work that is a job, follow it, answer its result; throws Problem. */
export async function work(path, { json, headers = {}, heard }) {
  const init = { method: "POST", json, headers: { Prefer: "respond-async", "Idempotency-Key": onceKey(), ...headers } };
  const { status, body } = await request(path, init);
  return status === 202 ? (await follow(body, heard)).result : body;
}

/** A fresh Idempotency-Key: a request sent twice by a shaky network makes one beat. Works without HTTPS, too. */
export function onceKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}

/** Follow a job to its end: event stream first, polling where that breaks. Answers the job; throws its problem. */
export async function follow(job, heard) {
  let now = job;
  const note = (part) => {
    now = { ...now, ...part };
    heard(now);
  };
  note({});
  if (!ENDED.has(now.state)) await stream(now.links?.events ?? `/v1/jobs/${job.job_id}/events`, note, () => ENDED.has(now.state));
  const last = await poll(now.links?.self ?? `/v1/jobs/${job.job_id}`, note);
  if (last.state === "failed") throw new Problem(last.error ?? {});
  if (last.state === "canceled") throw new Problem({ detail: "Canceled.", code: "canceled" });
  return last;
}

/** Read server-sent events by fetch (EventSource cannot send the key) until the job ends or the stream breaks. */
async function stream(path, note, ended) {
  let response;
  try {
    response = await fetch(path, { headers: { Accept: "text/event-stream", ...auth() } });
  } catch {
    return;
  }
  if (!response.ok || !response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    while (!ended()) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value.replaceAll("\r", "");
      const blocks = text.split("\n\n");
      text = blocks.pop();
      blocks.map(eventData).filter(Boolean).forEach(note);
    }
    await reader.cancel();
  } catch {
    // A broken connection: the caller polls on.
  }
}

function eventData(block) {
  const lines = block.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart());
  if (!lines.length) return null;
  try {
    const data = JSON.parse(lines.join("\n"));
    return data && typeof data === "object" ? data : null;
  } catch {
    return null;
  }
}

async function poll(path, note) {
  let etag = null;
  let misses = 0;
  for (;;) {
    let wait = POLL_MS;
    try {
      const answer = await request(path, { headers: etag ? { "If-None-Match": etag } : {} });
      misses = 0;
      etag = answer.etag;
      if (answer.body) {
        note(answer.body);
        if (ENDED.has(answer.body.state)) return answer.body;
      }
    } catch (problem) {
      misses += 1;
      const passing = problem.code === "unreachable" || problem.status === 503 || problem.status === 429;
      if (!passing || misses > POLLS_WITHOUT_ANSWER) throw problem;
      wait = RETRY_MS;
    }
    await new Promise((resume) => setTimeout(resume, wait));
  }
}
