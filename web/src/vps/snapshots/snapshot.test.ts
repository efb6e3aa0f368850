import assert from "node:assert/strict";
import { test } from "node:test";
import type { KObject } from "../../api/objects";
import { nextWord } from "../../api/vps";
import { forked, keptInWords, namesFor, planned, planOf, request, restored, seconds, shotsOf, unusable, whatARestoreDoes, whyNotRestored } from "./snapshot";

const NOW = new Date("2026-12-01T09:45:00Z");

function aVPS(spec: Record<string, unknown> = {}, status: Record<string, unknown> = {}): KObject {
  return { metadata: { name: "dev", namespace: "team", uid: "u1" }, spec, status: { phase: "running", assignment: { node: "n1", epoch: 1 }, ...status } };
}

function aShot(name: string, spec: Record<string, unknown> = {}, status: Record<string, unknown> = { phase: "Ready" }): KObject {
  return {
    metadata: { name, namespace: "team", creationTimestamp: "2026-12-01T09:00:00Z" },
    spec: { vps: { name: "dev", uid: "u1", node: "n1" }, ...spec },
    status,
  };
}

const one = (shot: KObject, vps = aVPS()) => {
  const [found] = shotsOf([shot], vps);
  assert.ok(found);
  return found;
};

test("those of the VPS and of earlier ones of its name are shown, the newest first", () => {
  const all = [
    aShot("old", {}, { phase: "Ready", takenAt: "2026-12-01T08:00:00Z" }),
    aShot("new", {}, { phase: "Ready", takenAt: "2026-12-01T10:00:00Z" }),
    aShot("earlier", { vps: { name: "dev", uid: "u0", node: "n1" } }),
    aShot("other", { vps: { name: "prod", uid: "u2", node: "n1" } }),
    { ...aShot("elsewhere"), metadata: { name: "elsewhere", namespace: "other" } },
  ];
  const found = shotsOf(all, aVPS());
  assert.deepEqual(found.map((shot) => shot.name), ["new", "earlier", "old"]);
  assert.deepEqual(found.map((shot) => shot.isOfAnother), [false, true, false]);
});

test("each says how it stands, in the words of the command", () => {
  const status = { phase: "Ready", takenAt: "2026-12-01T09:45:00Z", size: 240 * 2 ** 20, pausedMilliseconds: 812, leftOut: ["/run/a.sock"] };
  const shot = one(aShot("a", { keepFor: "7d", cause: "Schedule" }, status));
  assert.deepEqual([shot.word, shot.size, shot.paused, shot.cause], ["Ready", "240Mi", "812 ms", "Schedule"]);
  assert.deepEqual(shot.notes, ["not in it: /run/a.sock"]);
  assert.equal(shot.expires, Date.parse("2026-12-08T09:45:00Z"));
  assert.ok(!shot.isWrong);
  const told = one(aShot("c", {}, { phase: "Ready", message: "not in it: 7 sockets", leftOut: ["/a", "/b", "/c", "/d", "/e", "/f"] }));
  assert.deepEqual(told.notes, ["not in it: 7 sockets (/a, /b, /c, /d, /e and more)"]);
  assert.deepEqual(one(aShot("d", {}, { phase: "Taking", message: "the volume data is read" })).notes, ["the volume data is read"]);
  const slow = one(aShot("b", {}, { phase: "Ready", pausedMilliseconds: 12_345 }));
  assert.deepEqual([slow.paused, slow.expires, slow.cause], ["12.3 s", undefined, "Manual"]);
});

test("a hook that failed is told, and one that did not is no news", () => {
  const shot = one(aShot("a", {}, { phase: "Ready", before: { exitCode: 1 }, after: { exitCode: 0 } }));
  assert.deepEqual(shot.notes, ["the hook before it failed with exit code 1"]);
  assert.ok(shot.isWrong);
  assert.deepEqual(one(aShot("b", {}, { phase: "Ready", after: { message: "it took longer than 30 s" } })).notes, ["the hook after it failed: it took longer than 30 s"]);
});

test("nonsense in place of a field is shown as nothing", () => {
  for (const nonsense of [null, 7, "x", [], {}]) {
    const shot = one(aShot("a", { keepFor: nonsense, cause: nonsense }, { phase: nonsense, size: nonsense, leftOut: nonsense, before: null, message: nonsense, pausedMilliseconds: "x" }));
    assert.equal(typeof shot.word, "string");
  }
  assert.deepEqual(shotsOf([{ metadata: { name: "bare" } }, { metadata: { name: "b" }, spec: 7, status: 7 }], aVPS()), []);
});

test("only one that is ready, on the node of the VPS, can be restored", () => {
  assert.equal(whyNotRestored(one(aShot("a")), aVPS()), "");
  assert.match(whyNotRestored(one(aShot("a", {}, { phase: "Taking" })), aVPS()), /still being taken/);
  assert.match(whyNotRestored(one(aShot("a", {}, {})), aVPS()), /node n1 has not begun/);
  assert.match(whyNotRestored(one(aShot("a")), aVPS({}, { assignment: { node: "n2", epoch: 1 } })), /lies on node n1, and dev is on node n2/);
  assert.equal(whyNotRestored(one(aShot("a")), aVPS({}, { assignment: null })), "");
  assert.match(unusable(one({ ...aShot("a"), metadata: { name: "a", namespace: "team", deletionTimestamp: "x" } })), /being deleted/);
});

test("a snapshot is asked for as the command does it", () => {
  const wish = { name: "", volumes: true, pause: true, keepFor: "" };
  const plain = request(aVPS(), wish, NOW);
  assert.equal(plain.metadata.name, "dev-20261201-094500");
  assert.deepEqual(plain.spec, { vps: { name: "dev", uid: "u1" } });
  const all = request(aVPS(), { name: " before ", volumes: false, pause: false, keepFor: "7d" }, NOW);
  assert.equal(all.metadata.name, "before");
  assert.deepEqual(all.spec, { vps: { name: "dev", uid: "u1" }, volumes: "Skip", pause: false, keepFor: "7d" });
});

test("a restore is filesFrom and a word that was never heard, in one patch", () => {
  const vps = aVPS({ replaceFiles: 2 }, { observed: { epoch: 1, replaceFiles: 5 } });
  assert.equal(nextWord(vps), 6);
  assert.deepEqual(restored(vps, one(aShot("a")), "7d"), { filesFrom: { snapshot: "a" }, replaceFiles: 6, keepReplacedFiles: "7d" });
  assert.deepEqual(restored(vps, one(aShot("a")), undefined), { filesFrom: { snapshot: "a" }, replaceFiles: 6, keepReplacedFiles: null });
});

test("it is said what becomes of the files that are there, and of each volume", () => {
  const vps = aVPS({ volumes: [{ name: "data", target: "/data" }, { name: "cache", target: "/c" }] });
  const shot = one(aShot("a", {}, { phase: "Ready", volumes: [{ name: "data", target: "/data", size: 1 }, { target: "/var/lib" }] }));
  assert.deepEqual(whatARestoreDoes(vps, shot, "7d"), [
    "dev is restarted, and its files are those of a. What runs in it ends.",
    "What is there now is kept for 7d, as the snapshot dev-before-1.",
    "Volumes that come back: data, /var/lib.",
    "Volumes that stay as they are: cache.",
  ]);
  const stopped = whatARestoreDoes(aVPS({ runState: "Stopped" }), one(aShot("b", { vps: { name: "dev", uid: "u0", node: "n1" } })), undefined);
  assert.deepEqual(stopped, [
    "dev is stopped: its files become those of b at its next start.",
    "What is there now is given up for good.",
    "It has the files of an earlier dev, not of this one.",
  ]);
});

test("a fork has the spec of the first one without what is that one's own", () => {
  const vps = aVPS({
    runState: "Stopped",
    restartRequest: "x",
    replaceFiles: 4,
    keepReplacedFiles: "7d",
    filesFrom: { snapshot: "before" },
    image: "debian",
    resources: { cores: "2" },
    placement: { node: "n1", numa: 0, gpus: { ids: [0, 3] } },
    snapshots: { schedule: "@daily", hooks: { before: ["sync"] } },
  });
  vps.metadata.labels = { course: "c1" };
  const made = forked(vps, "dev-1", "a");
  assert.deepEqual(made.metadata, { name: "dev-1", namespace: "team", labels: { course: "c1" } });
  assert.deepEqual(made.spec, {
    image: "debian",
    resources: { cores: "2" },
    placement: { numa: 0, gpus: { count: 2 } },
    snapshots: { hooks: { before: ["sync"] } },
    runState: "Running",
    filesFrom: { snapshot: "a" },
  });
  assert.deepEqual(forked(aVPS({ placement: { node: "n1" } }), "x", "a").spec, { runState: "Running", filesFrom: { snapshot: "a" } });
  assert.deepEqual(namesFor("dev", new Set(["dev-1", "dev-3"]), 3), ["dev-2", "dev-4", "dev-5"]);
});

test("a schedule is a merge patch that leaves hooks alone, and what is emptied is taken out", () => {
  const vps = aVPS({ snapshots: { schedule: "0 3 * * *", timeZone: "Europe/Berlin", keepLast: 3, keepFor: "7d", volumes: "Skip", pause: false, hooks: { before: ["sync"] } } });
  const plan = planOf(vps);
  assert.deepEqual(plan, { schedule: "0 3 * * *", timeZone: "Europe/Berlin", keepLast: "3", keepFor: "7d", volumes: false, pause: false });
  assert.deepEqual(planned(plan), { snapshots: { schedule: "0 3 * * *", timeZone: "Europe/Berlin", keepLast: 3, keepFor: "7d", volumes: "Skip", pause: false } });
  assert.deepEqual(planned(planOf(aVPS())), { snapshots: { schedule: null, timeZone: null, keepLast: null, keepFor: null, volumes: null, pause: null } });
  assert.throws(() => planned({ ...plan, keepLast: "many" }), /use one from 1 to 100/);
  assert.equal(keptInWords(plan), "the last 3 and those of the last 7d");
  assert.equal(keptInWords(planOf(aVPS())), "the last 7");
});

test("durations are read as the command reads them", () => {
  assert.deepEqual(["7d", "1h30m", "500ms", "90", 5].map(seconds), [604_800, 5400, 0.5, 90, 5]);
  assert.deepEqual(["", "soon", "1w", -1, null, "1 d"].map(seconds), [undefined, undefined, undefined, undefined, undefined, undefined]);
});
