import assert from "node:assert/strict";
import { test } from "node:test";
import { entryOf, sizeWord } from "./entry";
import { languageOf } from "./languages";
import { pictureType } from "./preview";
import { ROW, scrolledTo, wanted } from "./rows";
import { linesOf } from "./tree";

test("of a long list only what is seen is drawn, and a little beyond", () => {
  assert.deepEqual(wanted(0, 600, 10_000), { first: 0, end: 30 });
  assert.deepEqual(wanted(5000 * ROW, 600, 10_000), { first: 4990, end: 5030 });
  assert.deepEqual(wanted(9999 * ROW, 600, 10_000), { first: 9989, end: 10_000 });
  assert.deepEqual(wanted(9999 * ROW, 600, 3), { first: 0, end: 3 });
  assert.deepEqual(wanted(0, 600, 0), { first: 0, end: 0 });
});

test("the row of the keys is scrolled to as little as it takes", () => {
  assert.equal(scrolledTo(5, 0, 600), 0);
  assert.equal(scrolledTo(20, 0, 600), 30);
  assert.equal(scrolledTo(19, 0, 600, ROW), 30);
  assert.equal(scrolledTo(2, 300, 600), 60);
});

const entry = (name: string, kind = "file", leads = "") => entryOf({ name, kind, leads });

test("the tree shows what is open, in order, and nothing of what is shut", () => {
  const listings = new Map([
    ["/r", { entries: [entry("b"), entry("d", "folder"), entry(".h")] }],
    ["/r/d", { entries: [entry("x"), entry("e", "folder")] }],
    ["/r/d/e", { entries: [entry("deep")] }],
  ]);
  const lines = (expanded: string[], showsHidden = true) => linesOf("/r", listings, new Set(expanded), showsHidden).map((line) => `${line.level} ${line.path}`);
  assert.deepEqual(lines([]), ["1 /r/d", "1 /r/.h", "1 /r/b"]);
  assert.deepEqual(lines(["/r/d", "/r/d/e"], false), ["1 /r/d", "2 /r/d/e", "3 /r/d/e/deep", "2 /r/d/x", "1 /r/b"]);
  assert.deepEqual(lines(["/r/d/e"], false), ["1 /r/d", "1 /r/b"]);
});

test("a link to the folder above it opens no endless tree", () => {
  const expanded = new Set<string>();
  const listings = new Map<string, { entries: ReturnType<typeof entry>[] }>();
  for (let path = "", depth = 0; depth < 200; depth++, path += "/up") {
    listings.set(path || "/", { entries: [entry("up", "link", "folder")] });
    expanded.add(`${path}/up`);
  }
  assert.equal(linesOf("/", listings, expanded, true).length, 40);
});

test("the language is known by the name, or by the first line", () => {
  const cases: [string, string, string][] = [
    ["/a/main.PY", "", "Python"], ["/Dockerfile", "", "Dockerfile"], ["/.bashrc", "", "Shell"], ["/x", "#!/usr/bin/env python3\n", "Python"],
    ["/x", "#!/bin/sh\n", "Shell"], ["/x", "#!/usr/bin/node\n", "JavaScript"], ["/x", "<?xml version='1'?>", "XML"], ["/constructor", "", ""],
    ["/a.constructor", "", ""], ["/notes", "hello", ""], ["/k.yaml", "", "YAML"],
  ];
  for (const [path, text, language] of cases) assert.equal(languageOf(path, text), language, path);
});

test("pictures are known by their names", () => {
  assert.deepEqual(["/a.PNG", "/b.svg", "/c.txt", "/png"].map(pictureType), ["image/png", "image/svg+xml", undefined, undefined]);
});

test("sizes stand for themselves", () => {
  assert.deepEqual([0, 1, 1023, 2048].map(sizeWord), ["0 bytes", "1 byte", "1023 bytes", "2Ki"]);
});
