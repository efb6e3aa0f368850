import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { ApiError } from "../api/http";
import { announce, complain, dismiss, toasts } from "./toasts";

beforeEach(() => void (toasts.value = []));

test("what was done goes by itself, a trouble stays until it is put away", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    announce("dev is started");
    complain(new ApiError(409, "Conflict", "it is being deleted", "wait until it is gone"), "dev");
    mock.timers.tick(60_000);
    assert.deepEqual(toasts.value.map(({ text, hint }) => [text, hint]), [["dev: it is being deleted", "wait until it is gone"]]);
    dismiss(toasts.value[0]!.id);
    assert.equal(toasts.value.length, 0);
  } finally {
    mock.timers.reset();
  }
});

test("there are never more than four, and the same sentence stands there once", () => {
  for (const each of [1, 2, 3, 4, 5, 5]) complain(new Error(`trouble ${each}`));
  assert.deepEqual(toasts.value.map((one) => one.text), ["trouble 2", "trouble 3", "trouble 4", "trouble 5"]);
});
