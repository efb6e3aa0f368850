import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../api/http";
import type { KObject } from "../../api/objects";
import { carriedOver, Changed, save, type Server } from "./saving";
import { declared, patched } from "./text";

const conflict = () => new ApiError(409, "Conflict", "the object has been modified");

/** One object with a revision, as the server keeps it. */
class FakeServer implements Server {
  patches: unknown[] = [];
  constructor(public stored: KObject, private readonly before: () => void = () => {}) {}
  async get(): Promise<KObject> {
    return structuredClone(this.stored);
  }
  async patch(body: any, dryRun: boolean): Promise<KObject> {
    this.before();
    this.patches.push(body);
    if (body.metadata.resourceVersion !== this.stored.metadata.resourceVersion) throw conflict();
    const next = patched(structuredClone(this.stored), body) as KObject;
    next.metadata.resourceVersion = String(Number(this.stored.metadata.resourceVersion) + 1);
    if (!dryRun) this.stored = next;
    return next;
  }
  write(change: unknown): void {
    const next = patched(structuredClone(this.stored), change) as KObject;
    next.metadata.resourceVersion = String(Number(this.stored.metadata.resourceVersion) + 1);
    this.stored = next;
  }
}

const DEV: KObject = { metadata: { name: "dev", uid: "u", resourceVersion: "7" }, spec: { resources: { memory: "1Gi", cores: 1 } }, status: { phase: "running" } };
const wanted = (memory: string): KObject => patched(declared(DEV), { spec: { resources: { memory } } }) as KObject;

test("only what was changed is sent, for exactly that version", async () => {
  const server = new FakeServer(DEV);
  const now = await save(server, DEV, wanted("2Gi"), { dryRun: false });
  assert.deepEqual(server.patches, [{ spec: { resources: { memory: "2Gi" } }, metadata: { uid: "u", resourceVersion: "7" } }]);
  assert.equal(now.spec.resources.memory, "2Gi");
  assert.equal(server.stored.spec.resources.cores, 1);
});

test("nothing changed is nothing sent", async () => {
  const server = new FakeServer(DEV);
  assert.equal(await save(server, DEV, declared(DEV), { dryRun: false }), DEV);
  assert.deepEqual(server.patches, []);
});

test("a status that was quicker is no change of anybody's", async () => {
  let reports = 2;
  const server: FakeServer = new FakeServer(DEV, () => reports-- > 0 && server.write({ status: { phase: "running", sequence: reports } }));
  const now = await save(server, DEV, wanted("2Gi"), { dryRun: false });
  assert.equal(now.spec.resources.memory, "2Gi");
  assert.equal(server.patches.length, 3);
});

test("what somebody else has declared meanwhile is not written over", async () => {
  const server = new FakeServer(DEV);
  server.write({ spec: { resources: { cores: 4 } } });
  await assert.rejects(save(server, DEV, wanted("2Gi"), { dryRun: false }), (error) => error instanceof Changed && error.newest.spec.resources.cores === 4);
  assert.equal(server.stored.spec.resources.memory, "1Gi");
});

test("one goes on from the newest with one's own changes", () => {
  const newest = patched(DEV, { spec: { resources: { cores: 4 } }, metadata: { resourceVersion: "9" } }) as KObject;
  assert.deepEqual(carriedOver(DEV, wanted("2Gi"), newest).spec, { resources: { cores: 4, memory: "2Gi" } });
  assert.deepEqual(carriedOver(DEV, declared(DEV), newest), declared(newest));
});

test("a conflict of another kind is told as it is, and a namesake is not written to", async () => {
  const busy: Server = { get: async () => DEV, patch: async () => Promise.reject(conflict()) };
  await assert.rejects(save(busy, DEV, wanted("2Gi"), { dryRun: true }), (error) => error instanceof ApiError && error.code === 409);
  const other: Server = { ...busy, get: async () => patched(DEV, { metadata: { uid: "v" } }) as KObject };
  await assert.rejects(save(other, DEV, wanted("2Gi"), { dryRun: true }), /deleted meanwhile/);
});

test("a status that is quicker for ever ends in words", async () => {
  const server: FakeServer = new FakeServer(DEV, () => server.write({ status: { sequence: server.patches.length } }));
  await assert.rejects(save(server, DEV, wanted("2Gi"), { dryRun: false }), /modified/);
  assert.equal(server.patches.length, 5);
});
