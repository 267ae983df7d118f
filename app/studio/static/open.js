// The beat that is open, and every change to it: each names the state that the page shows, so nobody's change is lost.
import * as api from "./api.js";

const STALE = "This beat was changed elsewhere, in another window perhaps. It has been read again: look, and repeat your change.";

let beat = null;
let etag = null;
let seeds = 0; // the highest seed that the open beat has tried

export const current = () => beat;
export const nextSeed = () => seeds + 1;

const path = (id = beat.beat_id) => `/v1/beat/${encodeURIComponent(id)}`;
const match = () => ({ "If-Match": etag });

function taken({ body, etag: tag }) {
  const id = body.beat_id ?? body.job_id;
  seeds = Math.max(beat?.beat_id === id ? seeds : 0, Number(body.meta.seed));
  beat = { ...body, beat_id: id };
  etag = tag;
  return beat;
}

export async function read(id) {
  return taken(await api.request(path(id)));
}

/** Run a change; when the beat stands elsewhere by now, read it and say so. */
async function changing(change) {
  try {
    return await change();
  } catch (problem) {
    if (problem.status !== 412) throw problem;
    await read(beat.beat_id);
    throw new api.Problem({ status: 412, code: problem.code, detail: STALE });
  }
}

/** One new version from edit operations. */
export function edit(ops, message) {
  return changing(async () => taken(await api.request(path(), { method: "PATCH", headers: match(), json: { ops, message } })));
}

/** Undo or redo: to another saved state. */
export function move(op) {
  return changing(async () => taken(await api.request(path(), { method: "PATCH", headers: match(), json: { ops: [{ op }] } })));
}

/** Another take; answers the siblings when several were asked for, else an empty list. */
export function regenerate(fields, heard) {
  return changing(async () => {
    const result = await api.work(`${path()}/regenerate`, { json: fields, headers: match(), heard });
    await read(beat.beat_id);
    const takes = result?.takes ?? [];
    seeds = Math.max(seeds, fields.seed ?? 0, ...takes.map((take) => Number(take.seed)));
    return takes;
  });
}

/** An older version becomes the newest. */
export function restore(version) {
  return changing(async () => taken(await api.request(`${path()}/restore`, { method: "POST", headers: match(), json: { version } })));
}

/** A page of versions, newest first: {versions, next}. */
export async function versions(address) {
  const { body, next } = await api.request(address ?? `${path()}/versions?limit=10`);
  return { versions: body.versions, next };
}

export async function remove() {
  await api.request(path(), { method: "DELETE" });
  beat = null;
  etag = null;
}
