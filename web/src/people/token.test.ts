import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { bodyFor, fault, make, type Wanted } from "./token";

const ALICE: Wanted = { role: "user", user: " alice ", node: "", namespaces: ["team-a"], rights: ["mounts"], ttl: "2160h" };

test("a secret has 256 random bits, in the letters of a URL, and no two are the same", async () => {
  const secrets = new Set<string>();
  for (let each = 0; each < 50; each++) secrets.add((await make(ALICE)).secret);
  assert.equal(secrets.size, 50);
  for (const secret of secrets) {
    assert.match(secret, /^[A-Za-z0-9_-]{43}$/);
    assert.equal(Buffer.from(secret, "base64url").length, 32);
  }
});

test("only the hash of a secret is in what is sent, and a part of it in the name", async () => {
  const { secret, body } = await make(ALICE);
  const sha256 = createHash("sha256").update(secret).digest("hex");
  assert.deepEqual(body, {
    apiVersion: "kohakuriver.io/v1alpha1",
    kind: "Token",
    metadata: { name: `user-${sha256.slice(0, 8)}` },
    spec: { sha256, role: "user", user: "alice", rights: ["mounts"], ttl: "2160h", namespaces: ["team-a"] },
  });
  assert.ok(!JSON.stringify(body).includes(secret));
});

test("each role has the fields that are its own", async () => {
  const spec = async (wanted: Partial<Wanted>) => {
    const { sha256, ...rest } = (await bodyFor({ ...ALICE, ...wanted }, "s")).spec;
    assert.match(String(sha256), /^[0-9a-f]{64}$/);
    return rest;
  };
  assert.deepEqual(await spec({ role: "admin", ttl: "none" }), { role: "admin", user: "alice" });
  assert.deepEqual(await spec({ role: "viewer", namespaces: [], ttl: "none" }), { role: "viewer", user: "alice" });
  assert.deepEqual(await spec({ role: "viewer", ttl: "8h" }), { role: "viewer", user: "alice", ttl: "8h", namespaces: ["team-a"] });
  assert.deepEqual(await spec({ role: "join", node: " n2 ", ttl: "1h" }), { role: "join", node: "n2", ttl: "1h" });
  assert.deepEqual(await spec({ role: "join", ttl: "1h" }), { role: "join", ttl: "1h" });
});

test("what is missing is said before the server is asked", () => {
  assert.equal(fault(ALICE), undefined);
  assert.match(fault({ ...ALICE, user: " " }) ?? "", /the user is missing/);
  assert.match(fault({ ...ALICE, namespaces: [] }) ?? "", /a namespace is missing/);
  assert.match(fault({ ...ALICE, role: "join", ttl: "none" }) ?? "", /a join token ends/);
  for (const ttl of ["30s", "1h30m", "500ms", "90", "none", "1.5h", "7d"]) assert.equal(fault({ ...ALICE, ttl }), undefined, ttl);
  for (const ttl of ["", "soon", "1w", "-1h", "h", "1".repeat(41)]) assert.match(fault({ ...ALICE, ttl }) ?? "", /invalid duration/, ttl);
});
