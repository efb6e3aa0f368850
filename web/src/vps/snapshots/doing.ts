/** What the page has the server do with snapshots: the same requests as the commands send. Each throws `ApiError`. */
import { ask } from "../../api/http";
import { type Kind, pathOf, SNAPSHOT, VPS } from "../../api/kinds";
import type { KObject } from "../../api/objects";
import { create } from "../../create/sending";
import { type Plan, planned, request, restored, type Shot, forked, type Wish } from "./snapshot";

const CREATE_ID = "kohakuriver.io/create-id"; // by it the server knows a request that is sent again

const place = (kind: Kind, { metadata }: KObject, more: Record<string, string> = {}) =>
  `${pathOf(kind, metadata.namespace ?? "default", metadata.name)}?${new URLSearchParams({ fieldManager: "kohakuriver-web", ...more })}`;

const anId = (): string => crypto.randomUUID().replaceAll("-", "");

/** Its name. */
export async function take(vps: KObject, wish: Wish): Promise<string> {
  const object = request(vps, wish, new Date());
  const { name, namespace = "default" } = object.metadata;
  const metadata = { ...object.metadata, annotations: { [CREATE_ID]: anId() } };
  const query = new URLSearchParams({ fieldManager: "kohakuriver-web", fieldValidation: "Strict" });
  await ask(`${pathOf(SNAPSHOT, namespace)}?${query}`, { method: "POST", body: { ...object, metadata } });
  return name;
}

export async function restore(vps: KObject, shot: Shot, keepFor: string | undefined): Promise<void> {
  await declare(vps, restored(vps, shot, keepFor));
}

export async function plan(vps: KObject, wanted: Plan): Promise<void> {
  await declare(vps, planned(wanted));
}

/** Makes one after the other; those that were made before one that cannot be made stay, and are told to `made`. */
export async function fork(vps: KObject, shot: Shot, names: readonly string[], made: (name: string) => void): Promise<void> {
  for (const name of names) {
    await create(forked(vps, name, shot.name), anId());
    made(name);
  }
}

export async function remove(shot: Shot): Promise<void> {
  const { uid } = shot.object.metadata;
  await ask(place(SNAPSHOT, shot.object), { method: "DELETE", body: { apiVersion: "v1", kind: "DeleteOptions", preconditions: { uid } } });
}

/** Sets these fields of exactly this VPS, not of a namesake. */
async function declare(vps: KObject, spec: Record<string, unknown>): Promise<void> {
  await ask(place(VPS, vps, { fieldValidation: "Strict" }), { method: "PATCH", body: { metadata: { uid: vps.metadata.uid }, spec } });
}
