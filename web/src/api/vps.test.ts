import assert from "node:assert/strict";
import { test } from "node:test";
import type { KObject } from "./objects";
import { holdsOf, nodeOf, observedOf, sshPortOf, waitsForRestart, whyOf, wordOf } from "./vps";

const vps = (status: any = {}, spec: any = {}, metadata: any = {}): KObject => ({
  metadata: { name: "dev", namespace: "default", ...metadata },
  spec,
  status,
});

test("the word is the phase, pending before there is one, terminating once it is deleted", () => {
  assert.equal(wordOf(vps({ phase: "running" })), "running");
  assert.equal(wordOf({ metadata: { name: "dev" } }), "pending");
  assert.equal(wordOf(vps({ phase: "running" }, {}, { deletionTimestamp: "2026-01-01T00:00:00Z" })), "terminating");
});

test("why is the server's sentence, else its reason where that says more than the phase", () => {
  assert.equal(whyOf(vps({ phase: "pending", reason: "NeverFits", message: "short of cores" })), "short of cores");
  assert.equal(whyOf(vps({ phase: "stopped", reason: "Stopped" })), "");
  assert.equal(whyOf(vps({ phase: "stopped", reason: "OOMKilled" })), "OOMKilled");
});

test("it holds what was granted, and asks for what was declared until then", () => {
  const spec = { resources: { cores: 2, memory: "4Gi" }, placement: { gpus: { count: 2 } } };
  assert.deepEqual(holdsOf(vps({}, spec)), { cores: 2, memory: 4 * 2 ** 30, memoryText: "4Gi", gpus: 2 });
  const grant = { cores: "500m", memory: "1Gi", gpus: ["GPU-1"], sshPort: 30001 };
  const bound = vps({ assignment: { node: "n1", epoch: 3, grant } }, spec);
  assert.deepEqual(holdsOf(bound), { cores: 0.5, memory: 2 ** 30, memoryText: "1Gi", gpus: 1 });
  assert.equal(nodeOf(bound), "n1");
  assert.equal(sshPortOf(bound), 30001);
});

test("what an earlier placement's agent saw is not shown", () => {
  const seen = { epoch: 2, ssh: { state: "ready" } };
  assert.deepEqual(observedOf(vps({ assignment: { epoch: 3 }, observed: seen })), {});
  assert.deepEqual(observedOf(vps({ assignment: { epoch: 2 }, observed: seen })), seen);
});

test("fields of other types than they should be read as absent", () => {
  const odd = vps({ phase: 7, message: {}, assignment: "x", conditions: "none" }, { resources: [], placement: { gpus: 1 } });
  assert.equal(wordOf(odd), "pending");
  assert.equal(whyOf(odd), "");
  assert.equal(nodeOf(odd), "");
  assert.equal(sshPortOf(odd), undefined);
  assert.equal(waitsForRestart(odd), "");
  assert.deepEqual(holdsOf(odd), { cores: 1, memory: undefined, memoryText: "-", gpus: 1 });
});
