// How much a browser fetches before the list stands there. A screen that grows is loaded when it is opened.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as esbuild from "esbuild";
import { assets, fetched, options, sizes } from "./bundle.mjs";

const result = await esbuild.build(options);
const page = await assets(result);

test("the page begins with less than 60 kB, and shows its list after less than 400 kB", () => {
  const { begins, first } = sizes(result.metafile, page);
  assert.ok(begins < 60_000, `${begins} bytes`);
  assert.ok(first < 400_000, `${first} bytes`);
  assert.ok(begins < first, "the list is a part of its own");
});

test("the terminal and the editor are in nothing that is fetched first", () => {
  const first = new Set(["src/main.tsx", "src/vpses/screen.tsx"].flatMap((source) => [...fetched(result.metafile, source)]));
  const packages = Object.entries(result.metafile.outputs)
    .filter(([path]) => first.has(path.split("/").pop()))
    .flatMap(([, output]) => Object.keys(output.inputs))
    .filter((input) => /node_modules\/(@xterm|@codemirror|yaml|uplot)\//.test(input));
  assert.deepEqual(packages, []);
});

test("every style sheet of every part is in the one that the page begins with", () => {
  const inputs = Object.keys(result.metafile.inputs).filter((path) => path.endsWith(".css"));
  assert.ok(inputs.length > 1);
  const text = new TextDecoder().decode(page.files.get(page.styles));
  for (const known of [".vpses-row", ".palette", ".menu", "--ground"]) assert.ok(text.includes(known), known);
  assert.equal([...page.files.keys()].filter((name) => name.endsWith(".css")).length, 1);
});
