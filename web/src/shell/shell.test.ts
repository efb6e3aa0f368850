import assert from "node:assert/strict";
import { test } from "node:test";
import { themeOf } from "./theme";
import { titleOf } from "./title";

test("each screen has a title that says what is in it", () => {
  assert.equal(titleOf([]), "VPSes - KohakuRiver");
  assert.equal(titleOf(["vps", "default", "dev"]), "dev - KohakuRiver");
  assert.equal(titleOf(["vps", "team", "dev", "terminal"]), "terminal of dev (team) - KohakuRiver");
  assert.equal(titleOf(["terminal", "team", "dev"]), "terminal of dev (team) - KohakuRiver");
  assert.equal(titleOf(["people"]), "People - KohakuRiver");
  assert.equal(titleOf(["constructor"]), "KohakuRiver");
});

test("a theme that nobody knows is the system's", () => {
  assert.deepEqual([themeOf("dark"), themeOf(null), themeOf("pink")], ["dark", "system", "system"]);
});
