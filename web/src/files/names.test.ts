import assert from "node:assert/strict";
import { test } from "node:test";
import { crumbs, entryOf, folderOf, isBelow, joinPath, kindWord, modeWord, nameOf, sorted, wrongName } from "./entry";
import { best } from "./fuzzy";
import { isText, localName, pieces, shown } from "./printable";

test("names show what they are: nothing in them is obeyed, and nothing is invisible", () => {
  const cases: [string, string][] = [
    ["plain-name_1.txt", "plain-name_1.txt"],
    ["größe 漢字.txt", "größe 漢字.txt"],
    ["<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"],
    ["two\nlines", "two\\nlines"],
    ["a\tb\rc", "a\\tb\\rc"],
    ["photo\u202egpj.exe", "photo\\u202egpj.exe"],
    ["in\u2066side\u2069", "in\\u2066side\\u2069"],
    ["zero\u200bwidth\u200d\ufeff", "zero\\u200bwidth\\u200d\\ufeff"],
    ["nb\u00a0sp", "nb\\xa0sp"],
    ["\u3164", "\\u3164"],
    ["\u{e0041}tag", "\\u{e0041}tag"],
    ["esc\x1b[31m", "esc\\x1b[31m"],
    ["\udcff\udc80latin", "\\xff\\x80latin"],
    ["half\ud800", "half\\ud800"],
    [" both ends ", "\\x20both ends\\x20"],
    ["   ", "\\x20\\x20\\x20"],
  ];
  for (const [name, text] of cases) assert.equal(shown(name), text);
});

test("what is written out is told from a name that reads the same", () => {
  assert.deepEqual(pieces("a\nb"), [["a", false], ["\\n", true], ["b", false]]);
  assert.deepEqual(pieces("a\\nb"), [["a\\nb", false]]);
  assert.deepEqual(pieces(""), []);
});

test("a name that is not UTF-8 is not put into a URL", () => {
  assert.ok(isText("a😀"));
  assert.ok(!isText("a\udcff"));
});

test("a file gets a harmless name on the visitor's machine", () => {
  assert.equal(localName("a/b\\c:d\u202eexe.txt\n"), "a_b_c_d_exe.txt_");
  assert.equal(localName(".."), "_");
  assert.equal(localName("x".repeat(300)).length, 200);
});

test("what the node tells may be anything", () => {
  const found = entryOf({ name: 7, kind: "castle", size: "big", mtime: null, path: "/a/b" });
  assert.deepEqual([found.name, found.kind, found.size, found.mtime, found.version], ["b", "other", 0, 0, ""]);
});

test("modes read as ls writes them", () => {
  const cases: [number, string][] = [[0o755, "rwxr-xr-x"], [0o640, "rw-r-----"], [0o4755, "rwsr-xr-x"], [0o1777, "rwxrwxrwt"], [0o2644, "rw-r-Sr--"]];
  for (const [mode, word] of cases) assert.equal(modeWord(mode), word);
});

test("links say where they lead", () => {
  const link = (leads: string) => kindWord(entryOf({ name: "l", kind: "link", leads }));
  assert.deepEqual([link("folder"), link("nowhere")], ["link to a folder", "link, leads nowhere"]);
});

test("folders come first, links to folders too, and numbers count", () => {
  const entry = (name: string, kind: string, size = 0, leads = "") => entryOf({ name, kind, size, leads });
  const all = [entry("b10", "file", 1), entry("b9", "file", 3), entry("z", "folder"), entry("A", "link", 0, "folder")];
  assert.deepEqual(sorted(all).map((one) => one.name), ["A", "z", "b9", "b10"]);
  assert.deepEqual(sorted([entry("zu", "file"), entry("Über", "file"), entry("uhr", "file"), entry("B", "file"), entry("b", "file")]).map((one) => one.name), ["B", "b", "uhr", "Über", "zu"]);
  assert.deepEqual(sorted(all, "size", true).map((one) => one.name), ["z", "A", "b9", "b10"]);
});

test("paths are put together and taken apart", () => {
  assert.deepEqual([joinPath("/", "a"), joinPath("/a/", "b"), nameOf("/a/b"), folderOf("/a/b"), folderOf("/a"), folderOf("/")], ["/a", "/a/b", "b", "/a", "/", "/"]);
  assert.deepEqual(crumbs("/a/b"), [["/", "/"], ["a", "/a"], ["b", "/a/b"]]);
  assert.ok(isBelow("/a/b", "/a") && isBelow("/a", "/a") && isBelow("/a", "/") && !isBelow("/ab", "/a"));
});

test("names that cannot be are refused before they are asked for", () => {
  for (const name of ["", ".", "..", "a/b", "a\0", "x".repeat(256), "ß".repeat(128)]) assert.notEqual(wrongName(name), "", name);
  for (const name of [".a", "...", "x".repeat(255), "a b", "a\nb"]) assert.equal(wrongName(name), "");
});

test("the name counts more than its folders, and letters together more than apart", () => {
  const paths = ["src/main/app.py", "src/mapper.py", "app/readme.md", "a/p/p", "docs/x"];
  assert.deepEqual(best("app", paths, 9), ["src/main/app.py", "src/mapper.py", "app/readme.md", "a/p/p"]);
  assert.deepEqual(best("", paths, 2), paths.slice(0, 2));
  assert.deepEqual(best("zz", paths, 9), []);
});
