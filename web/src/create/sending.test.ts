import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../api/http";
import { placed } from "./sending";

test("each cause of a refusal stands at its field, and what has none is said of the whole", () => {
  const causes = [
    { field: "spec.resources.cores", message: "too many" },
    { field: "spec.resources.cores", message: "really" },
    { field: "spec.priority", message: "too high" },
  ];
  assert.deepEqual(placed(new ApiError(422, "Invalid", "it is invalid", "", causes)), { at: { cores: "too many; really" }, rest: ["spec.priority: too high"] });
  assert.deepEqual(placed(new ApiError(403, "Forbidden", "you may not")), { at: {}, rest: ["you may not"] });
  assert.deepEqual(placed(new ApiError(409, "AlreadyExists", 'vpses "a" already exists')), { at: { name: 'vpses "a" already exists' }, rest: [] });
});
