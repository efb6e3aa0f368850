import assert from "node:assert/strict";
import { test } from "node:test";
import type { KObject } from "../api/objects";
import { whatHappened } from "./aftermath";

const vps = (how: { uid?: string; spec?: object; phase?: string; message?: string; deletionTimestamp?: string } = {}): KObject => ({
  metadata: { name: "dev", uid: how.uid ?? "u1", ...(how.deletionTimestamp ? { deletionTimestamp: how.deletionTimestamp } : {}) },
  spec: { runState: "Running", ...how.spec },
  status: { phase: how.phase ?? "running", message: how.message },
});

test("a shell's end is told as what was done to its VPS", () => {
  const before = vps();
  const cases: [KObject | undefined, string | undefined][] = [
    [undefined, "dev was deleted"],
    [vps({ deletionTimestamp: "2026-01-01T00:00:00Z" }), "dev was deleted"],
    [vps({ uid: "u2" }), "dev was deleted, and there is a new one of its name"],
    [vps({ spec: { runState: "Stopped" } }), "dev was stopped"],
    [vps({ spec: { restartRequest: "2026-01-01T00:00:00Z" } }), "dev was restarted"],
    [vps({ phase: "lost", message: "node n1 is silent" }), "dev is lost: node n1 is silent"],
    [vps(), undefined],
  ];
  for (const [now, words] of cases) assert.equal(whatHappened("dev", before, now)?.message, words);
  assert.equal(whatHappened("dev", undefined, vps({ uid: "u2", spec: { restartRequest: "x" } })), undefined);
});
