/**
 * Writing a changed object: the smallest patch, of exactly the version that it was made from.
 *
 * Programs write the status of a VPS all the time, so a newer version in which the same is declared counts as the same one. Where
 * somebody else has declared something else meanwhile, nothing is written: `Changed` has what there is now.
 */
import { ApiError, json } from "../../api/http";
import { pathOf, VPS } from "../../api/kinds";
import type { KObject } from "../../api/objects";
import { declared, patchOf, patched, same } from "./text";

export class Changed extends Error {
  constructor(readonly newest: KObject) {
    super("it was changed by somebody else meanwhile");
  }
}

/** The requests; a fake stands in for it in tests. */
export interface Server {
  get(): Promise<KObject>;
  patch(body: unknown, dryRun: boolean): Promise<KObject>;
}

const TRIES = 5; // how often a status may be quicker than we are

export function serverOf(vps: KObject): Server {
  const path = pathOf(VPS, vps.metadata.namespace, vps.metadata.name);
  const query = (dryRun: boolean) => new URLSearchParams({ fieldManager: "kohakuriver-web", fieldValidation: "Strict", ...(dryRun ? { dryRun: "All" } : {}) });
  return {
    get: () => json<KObject>(path),
    patch: (body, dryRun) => json<KObject>(`${path}?${query(dryRun)}`, { method: "PATCH", body }),
  };
}

/** The object as it is then, or, rehearsed, as it would be. Throws `ApiError` and `Changed`. */
export async function save(server: Server, base: KObject, wanted: KObject, how: { dryRun: boolean }): Promise<KObject> {
  const change = patchOf(declared(base), wanted);
  if (change === undefined) return base;
  let { uid, resourceVersion } = base.metadata;
  for (let tries = 1; ; tries++) {
    try {
      return await server.patch(patched(change, { metadata: { uid, resourceVersion } }), how.dryRun);
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 409 || tries === TRIES) throw error;
      const newest = await server.get();
      if (newest.metadata.uid !== uid) throw new ApiError(409, "Conflict", "it was deleted meanwhile, and another was made of its name", "open this page again");
      if (!same(declared(newest), declared(base))) throw new Changed(newest);
      if (newest.metadata.resourceVersion === resourceVersion) throw error; // refused for another reason
      resourceVersion = newest.metadata.resourceVersion;
    }
  }
}

/** What somebody wants of `base`, wanted of the newest version instead. */
export function carriedOver(base: KObject, wanted: KObject, newest: KObject): KObject {
  const change = patchOf(declared(base), wanted);
  return (change === undefined ? declared(newest) : patched(declared(newest), change)) as KObject;
}
