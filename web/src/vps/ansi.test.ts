import assert from "node:assert/strict";
import { test } from "node:test";
import { Styles, textOf } from "./ansi";

const ESC = "\x1b";

test("a line without sequences is one piece", () => {
  assert.deepEqual(new Styles().pieces("hello"), [{ text: "hello", style: "" }]);
});

test("a colour holds until it is taken back, over the end of a line too", () => {
  const styles = new Styles();
  assert.deepEqual(styles.pieces(`a${ESC}[31mb`), [
    { text: "a", style: "" },
    { text: "b", style: "red" },
  ]);
  assert.deepEqual(styles.pieces(`c${ESC}[0md`), [
    { text: "c", style: "red" },
    { text: "d", style: "" },
  ]);
});

test("weights and colours come together and go one by one", () => {
  assert.deepEqual(new Styles().pieces(`${ESC}[1;4;92mok${ESC}[22m.${ESC}[39m.`), [
    { text: "ok", style: "green bold underline" },
    { text: ".", style: "green underline" },
    { text: ".", style: "underline" },
  ]);
});

test("a colour of many is shown as the nearest of the eight, and its numbers are no colours of their own", () => {
  const of = (codes: string) => new Styles().pieces(`${ESC}[${codes}mx`)[0]?.style;
  assert.equal(of("38;5;196"), "red");
  assert.equal(of("38;5;33"), "cyan");
  assert.equal(of("38;5;9"), "red");
  assert.equal(of("38;5;244"), "white");
  assert.equal(of("38;2;10;200;10"), "green");
  assert.equal(of("38:2:10:10:200"), "blue");
  assert.equal(of("48;5;31;1"), "bold");
});

test("whatever else a terminal would act on is left out", () => {
  const noise = `${ESC}[2J${ESC}[10;5H${ESC}]0;a title\x07${ESC}]8;;http://x${ESC}\\link${ESC}]8;;${ESC}\\${ESC}(B${ESC}[?25l\x07\x00end`;
  assert.equal(textOf(new Styles().pieces(noise)), "linkend");
});

test("markup is text", () => {
  assert.deepEqual(new Styles().pieces("<img src=x onerror=alert(1)>"), [
    { text: "<img src=x onerror=alert(1)>", style: "" },
  ]);
});

test("a sequence that never ends takes nothing of what is before it, and no more than its beginning", () => {
  assert.equal(textOf(new Styles().pieces(`before${ESC}[31`)), "before31");
});
