import assert from "node:assert/strict";
import { test } from "node:test";
import type { KObject } from "../api/objects";
import { actionsOf, can, lossOf, questionOf, specOf, type Verb } from "./actions";

interface Stands {
  phase?: string;
  runState?: string;
  reason?: string;
  node?: string;
  deleted?: boolean;
  more?: object;
}

function vps({ phase = "running", runState = "Running", reason = "", node = "n1", deleted = false, more = {} }: Stands = {}): KObject {
  const metadata = { name: "dev", namespace: "default", uid: "1", ...(deleted ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}) };
  return { metadata, spec: { runState, ...more }, status: { phase, reason, assignment: node ? { node, epoch: 1 } : undefined } };
}
const verbs = (stands: Stands): Verb[] => actionsOf(vps(stands)).map((action) => action.verb);

test("each state offers what makes sense in it", () => {
  assert.deepEqual(verbs({}), ["pause", "restart", "stop", "delete"]);
  assert.deepEqual(verbs({ phase: "paused", runState: "Paused" }), ["resume", "restart", "stop", "delete"]);
  assert.deepEqual(verbs({ phase: "stopped", runState: "Stopped" }), ["start", "delete"]);
  assert.deepEqual(verbs({ phase: "stopped", reason: "Error" }), ["start", "stop", "delete"]);
  assert.deepEqual(verbs({ phase: "pending", node: "" }), ["stop", "delete"]);
  assert.deepEqual(verbs({ phase: "lost" }), ["restart", "stop", "delete", "force"]);
  assert.deepEqual(verbs({ deleted: true }), ["force"]);
});

test("one that its drained node stopped cannot be started, and says why", () => {
  const drained = vps({ phase: "stopped", reason: "NodeDrained" });
  assert.equal(can(drained, "start"), false);
  assert.match(actionsOf(drained)[0]?.whyNot ?? "", /node n1 is drained/);
});

test("a start declares it running; one that ended by itself is asked for once more", () => {
  assert.deepEqual(specOf("start", vps({ phase: "stopped", runState: "Stopped" }), "r"), { runState: "Running" });
  assert.deepEqual(specOf("start", vps({ phase: "stopped", reason: "Error" }), "r"), { runState: "Running", restartRequest: "r" });
});

test("each verb declares what the command's does", () => {
  assert.deepEqual(specOf("stop", vps(), "r"), { runState: "Stopped" });
  assert.deepEqual(specOf("pause", vps(), "r"), { runState: "Paused" });
  assert.deepEqual(specOf("resume", vps(), "r"), { runState: "Running" });
  assert.deepEqual(specOf("restart", vps(), "r"), { runState: "Running", restartRequest: "r" });
  const heard = vps({ more: { replaceFiles: 2 } });
  heard.status.observed = { epoch: 1, replaceFiles: 5 };
  assert.deepEqual(specOf("replace", heard, "r"), { runState: "Running", restartRequest: "r", replaceFiles: 6, keepReplacedFiles: "7d" });
});

test("new files are offered only where a plain restart is not enough", () => {
  const changed = vps();
  changed.status.conditions = [{ type: "RestartRequired", status: "True", reason: "ImageChanged" }];
  assert.ok(can(changed, "replace"));
  assert.ok(!can(vps(), "replace"));
});

test("what ends processes or takes files away is asked about first, and nothing else is", () => {
  const asked = (["start", "stop", "restart", "replace", "pause", "resume", "delete", "force"] as Verb[]).filter((verb) => questionOf(verb, [vps()]));
  assert.deepEqual(asked, ["stop", "restart", "replace", "delete", "force"]);
  assert.equal(questionOf("delete", []), undefined);
});

test("a deletion names what is lost and which volumes stay", () => {
  const volumes = [{ name: "data", target: "/data" }, { name: "cache", target: "/c", reclaimPolicy: "Delete" }];
  assert.deepEqual(lossOf([vps({ more: { volumes } })]), [
    "The container and all files in it, on node n1, are lost for good, and so are its SSH port and host key.",
    "Volumes that are lost too: cache.",
    "Volumes that stay on its node: data.",
  ]);
});

test("one that never had a node loses no files", () => {
  assert.deepEqual(lossOf([vps({ node: "", more: { volumes: [{ name: "data", target: "/data" }] } })]), [
    "It is on no node and has no files: only what was declared of it is lost.",
  ]);
});

test("many are named, and the rest counted", () => {
  const many = Array.from({ length: 10 }, () => vps());
  const question = questionOf("delete", many);
  assert.equal(question?.title, "Delete 10 VPSes?");
  assert.match(question?.lines[0] ?? "", /and 2 more\.$/);
});
