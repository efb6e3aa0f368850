import assert from "node:assert/strict";
import { test } from "node:test";
import { Backlog, CHUNK, type Line, LONGEST, LogBuffer, MOST_LINES, Search } from "./logbuffer";

const bytes = (text: string) => new TextEncoder().encode(text);
const lines = (buffer: LogBuffer, words = ""): Line[] => new Search().in(buffer.chunks, words).flatMap((chunk) => chunk.lines);
const texts = (buffer: LogBuffer) => lines(buffer).map((line) => line.text);

test("lines are put together from pieces, and characters from their bytes", () => {
  const buffer = new LogBuffer();
  const whole = bytes("grüße\nzwei");
  for (const one of whole) buffer.add(new Uint8Array([one]));
  assert.deepEqual(texts(buffer), ["grüße"]);
  buffer.end();
  assert.deepEqual(texts(buffer), ["grüße", "zwei"]);
});

test("each channel has its own unfinished line", () => {
  const buffer = new LogBuffer();
  buffer.add(bytes("out "));
  buffer.turn("stderr");
  buffer.add(bytes("wrong\n"));
  buffer.turn("stdout");
  buffer.add(bytes("put\n"));
  assert.deepEqual(
    lines(buffer).map((line) => [line.channel, line.text]),
    [
      ["stderr", "wrong"],
      ["stdout", "out put"],
    ],
  );
});

test("a line has its time apart from its text", () => {
  const buffer = new LogBuffer();
  buffer.add(bytes("2026-11-29T05:11:00.123456789Z hello\nno time\n"));
  assert.deepEqual(
    lines(buffer).map((line) => [line.time, line.text]),
    [
      ["2026-11-29T05:11:00.123456789Z", "hello"],
      ["", "no time"],
    ],
  );
});

test("a stream that goes on brings no line twice, and the half line whole", () => {
  const buffer = new LogBuffer();
  buffer.add(bytes("2026-11-29T05:11:00Z one\n2026-11-29T05:11:01Z two\n2026-11-29T05:11:02Z ha"));
  assert.equal(buffer.newest, "2026-11-29T05:11:01Z");
  buffer.restart();
  buffer.add(bytes("2026-11-29T05:11:01Z two\n2026-11-29T05:11:02Z half\n2026-11-29T05:11:02Z more\n"));
  assert.deepEqual(texts(buffer), ["one", "two", "half", "more"]);
});

test("the oldest lines go when there are too many, and are counted", () => {
  const buffer = new LogBuffer();
  for (let n = 0; n < MOST_LINES + CHUNK + 1; n++) buffer.add(bytes(`${n}\n`));
  assert.ok(buffer.count <= MOST_LINES);
  assert.ok(buffer.count > MOST_LINES - CHUNK);
  assert.equal(texts(buffer)[0], String(buffer.gone));
  assert.equal(texts(buffer).at(-1), String(MOST_LINES + CHUNK));
});

test("only the chunk that a line is added to is another", () => {
  const buffer = new LogBuffer();
  for (let n = 0; n < CHUNK + 1; n++) buffer.add(bytes(`${n}\n`));
  const [first, second] = buffer.chunks;
  buffer.add(bytes("more\n"));
  assert.equal(buffer.chunks[0], first);
  assert.notEqual(buffer.chunks[1], second);
});

test("a line that never ends is cut, and what follows of it is left out", () => {
  const buffer = new LogBuffer();
  for (let n = 0; n < 100; n++) buffer.add(bytes("x".repeat(LONGEST)));
  buffer.add(bytes("\nnext\n"));
  const [long, next] = texts(buffer);
  assert.ok(long && long.length < LONGEST + 60, String(long?.length));
  assert.match(long, /more characters/);
  assert.equal(next, "next");
  assert.equal(buffer.count, 2);
});

test("a progress bar is what it shows last", () => {
  const buffer = new LogBuffer();
  buffer.add(bytes("10 %\r50 %\r100 %\r\n"));
  assert.deepEqual(texts(buffer), ["100 %"]);
});

test("a search takes any case, and a file has the times if it is to", () => {
  const buffer = new LogBuffer();
  buffer.add(bytes("2026-11-29T05:11:00Z An \x1b[31mError\x1b[0m\nfine\n"));
  assert.deepEqual(
    lines(buffer, "error").map((line) => line.text),
    ["An Error"],
  );
  assert.equal(buffer.file(false), "An Error\nfine\n");
  assert.equal(buffer.file(true), "2026-11-29T05:11:00Z An Error\nfine\n");
});

test("a long log is read a piece at a time, and the same comes of it", () => {
  const text = Array.from({ length: 4000 }, (_, at) => `line ${at} of a log that is long enough for several pieces`).join("\n");
  const [whole, piecewise] = [new LogBuffer(), new LogBuffer()];
  whole.add(bytes(text));
  const backlog = new Backlog(piecewise);
  backlog.add(bytes(text));
  let pieces = 0;
  let most = 0;
  for (; !backlog.isEmpty; pieces++) {
    const before = piecewise.count;
    backlog.read();
    most = Math.max(most, piecewise.count - before);
  }
  assert.ok(pieces > 5 && most < 1000, `${pieces} pieces, at most ${most} lines in one`);
  assert.deepEqual(texts(piecewise), texts(whole));
});

test("what waits keeps its channels, and is read at once where that is asked", () => {
  const buffer = new LogBuffer();
  const backlog = new Backlog(buffer);
  backlog.add(bytes("out\n"));
  backlog.turn("stderr");
  backlog.add(bytes("wrong\n"));
  assert.equal(buffer.count, 0);
  backlog.readAll();
  assert.deepEqual(lines(buffer).map((line) => line.channel), ["stdout", "stderr"]);
  assert.ok(backlog.isEmpty);
});

test("a flood does not wait for ever: the more waits, the more is read at a time", () => {
  const backlog = new Backlog(new LogBuffer());
  const second = new Uint8Array(1 << 20).fill(120);
  let turns = 0;
  for (let at = 0; at < 32; at++) backlog.add(second);
  for (; !backlog.isEmpty; turns++) backlog.read();
  assert.ok(turns < 80, `${turns} turns for 32 MiB`);
});

test("a chunk that stands as it was is looked through once", () => {
  const buffer = new LogBuffer();
  buffer.add(bytes("a\n".repeat(CHUNK)));
  const search = new Search();
  const [first] = search.in(buffer.chunks, "A");
  buffer.add(bytes("b\na\n"));
  const [again, other] = search.in(buffer.chunks, "a");
  assert.equal(again?.lines, first?.lines);
  assert.deepEqual(other?.lines.map((line) => line.text), ["a"]);
  assert.deepEqual(search.in(buffer.chunks, "nowhere"), []);
});
