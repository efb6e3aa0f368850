import assert from "node:assert/strict";
import test from "node:test";
import { credentialOf } from "./credential";

const token = (spec: any, name = "user-1") => ({ metadata: { name, uid: "u" }, spec });

test("tokens of people, sessions of browsers and tokens of machines are told apart", () => {
  const sort = (spec: any) => credentialOf(token(spec), "").sort;
  assert.equal(sort({ role: "user", user: "alice" }), "person");
  assert.equal(sort({ role: "admin", user: "alice", session: { credential: "token", sha256: "0" } }), "session");
  assert.deepEqual(["node", "join"].map((role) => sort({ role })), ["machine", "machine"]);
});

test("a token says whose it is, where it counts and until when", () => {
  const found = credentialOf({ ...token({ role: "user", user: "alice", namespaces: ["a", "b"], rights: ["mounts"] }), status: { expiresAt: "2026-01-01T00:00:00Z" } }, "user-1");
  assert.deepEqual([found.user, found.namespaces, found.rights, found.ends, found.isThis], ["alice", "a, b", "mounts", "2026-01-01T00:00:00Z", true]);
  assert.deepEqual([credentialOf(token({ role: "admin", user: "a" }), "").namespaces, credentialOf(token({ role: "join", node: "n2" }), "").user], ["all", "node n2"]);
});

test("nonsense in a token takes nothing along", () => {
  for (const nonsense of [null, 7, "x", [], {}]) {
    credentialOf({ metadata: { name: "t" }, spec: nonsense, status: nonsense }, "");
    credentialOf(token({ role: nonsense, user: nonsense, namespaces: nonsense, rights: nonsense, session: nonsense }), "");
  }
});
