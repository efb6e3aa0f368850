import assert from "node:assert/strict";
import { test } from "node:test";
import type { KObject } from "../api/objects";
import { conditionsOf, factsOf, fingerprint, forwardedTo, happeningsOf, port } from "./facts";

const VPS: KObject = {
  metadata: { name: "dev", namespace: "default", labels: { team: "<b>red</b>" } },
  spec: {
    resources: { cores: "500m", memory: "256M", exclusive: false },
    placement: { gpus: { count: 2, model: "A100" }, nodeSelector: { disk: "ssd" } },
    ssh: { authorizedKeys: ["a", "b"] },
    volumes: [{ name: "home", target: "/root" }],
    runState: "Running",
    restartPolicy: "OnFailure",
  },
  status: {
    phase: "running",
    assignment: { node: "n1", epoch: 1, grant: { cores: "500m", memory: "256M", gpus: ["GPU-1"], sshPort: 30001 } },
    observed: { epoch: 1, ssh: { state: "ready" }, container: { image: "i", restarts: 2 } },
    conditions: [
      { type: "Scheduled", status: "True" },
      { type: "RestartRequired", status: "True", message: "memory" },
      { type: "FilesLost", status: "False" },
      { type: "SSHReady", status: "Unknown" },
      "nonsense",
    ],
  },
};

test("what is declared stands beside what was given", () => {
  const found = Object.fromEntries(factsOf(VPS).map((one) => [one.title, [one.declared.join("; "), one.granted.join("; ")]]));
  assert.deepEqual(found, {
    Cores: ["0.5", "0.5"],
    Memory: ["256M", "256M"],
    GPUs: ["2 × A100", "GPU-1"],
    Node: ["disk=ssd", "n1"],
    Image: ["", "i"],
    SSH: ["2 keys", "port 30001; ready"],
    Volumes: ["home at /root", ""],
    Runs: ["Running; restarts after an error", "running; started again 2 times"],
    Labels: ["team=<b>red</b>", ""],
  });
});

test("nonsense anywhere is left out", () => {
  const found = factsOf({ metadata: { name: "x" }, spec: { resources: 1, volumes: "a", placement: [], env: 7 }, status: { assignment: { grant: [] } } });
  assert.deepEqual(found.map((one) => one.title), ["Node", "SSH", "Runs"]);
});

test("conditions that are as they should be are apart, whichever way round they are", () => {
  const { wrong, fine } = conditionsOf(VPS);
  assert.deepEqual(wrong.map((one) => one.type), ["RestartRequired", "SSHReady"]);
  assert.deepEqual(fine.map((one) => one.type), ["Scheduled", "FilesLost"]);
});

test("events come with the latest first, in both of their forms", () => {
  const found = happeningsOf([
    { metadata: { name: "a" }, reason: "Started", lastTimestamp: "2026-11-29T05:00:00Z", count: 2, source: { component: "agent" }, type: "Normal" },
    { metadata: { name: "b" }, reason: "Scheduled", eventTime: "2026-11-29T05:00:01.5Z", reportingComponent: "controller", series: null, type: "Warning" },
  ] as unknown as KObject[]);
  assert.deepEqual(
    found.map((one) => [one.reason, one.count, one.from, one.isWarning]),
    [
      ["Scheduled", 1, "controller", true],
      ["Started", 2, "agent", false],
    ],
  );
});

test("a forwarded port reads as the command prints it", () => {
  assert.deepEqual([forwardedTo(8888, 8888), forwardedTo(5432, 5432), forwardedTo(1443, 8443)], ["http://127.0.0.1:8888", "127.0.0.1:5432", "https://127.0.0.1:1443"]);
  assert.deepEqual(["1", "65535", "0", "65536", "x", "8 "].map(port), [1, 65535, undefined, undefined, undefined, 8]);
});

test("a host key has the fingerprint that ssh shows", async () => {
  const digest = async (data: Uint8Array) => crypto.subtle.digest("SHA-256", data as Uint8Array<ArrayBuffer>);
  const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKbJVVvhVfm1NVXmJXuLDnBr8jDkdcBvgqjJ3FrFqeUG";
  assert.match((await fingerprint(key, digest)) ?? "", /^SHA256:[A-Za-z0-9+/]{43}$/);
  assert.equal(await fingerprint("nonsense", digest), undefined);
  assert.equal(await fingerprint("a !!", digest), undefined);
});
