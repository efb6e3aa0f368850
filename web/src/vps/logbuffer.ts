/**
 * The last lines of a log, put together from bytes as they come. Pure: what draws it asks for `chunks`.
 *
 * Each of the two channels has its own unfinished line. The oldest lines go when there are more than `MOST_LINES`; a line that is
 * longer than `LONGEST` is cut, and says so. Lines that came already are passed over when a stream goes on where another was cut.
 */
import { type Piece, Styles, textOf } from "./ansi";

export const MOST_LINES = 5000;
export const LONGEST = 8000; // characters of one line
export const CHUNK = 100; // lines that are drawn together, and once

export type Channel = "stdout" | "stderr";

export interface Line {
  /** Counted from 0 since the buffer was made. */
  readonly number: number;
  readonly channel: Channel;
  /** When it was written, by its node's clock; empty where nobody said. */
  readonly time: string;
  readonly pieces: readonly Piece[];
  readonly text: string;
}

export interface Chunk {
  readonly first: number;
  /** Another array whenever a line was added. */
  lines: readonly Line[];
}

const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ?/;

class Half {
  readonly decoder = new TextDecoder();
  readonly styles = new Styles();
  rest = "";
  /** Whether what comes belongs to a line that was too long and is in the buffer already. */
  isCut = false;
}

export class LogBuffer {
  chunks: Chunk[] = [];
  /** How many lines have gone to make room. */
  gone = 0;
  private next = 0;
  private last = "";
  private before = "";
  private channel: Channel = "stdout";
  private readonly halves: Record<Channel, Half> = { stdout: new Half(), stderr: new Half() };

  get count(): number {
    return this.next - this.gone;
  }

  /** The time of the newest line: where the next stream has to begin. */
  get newest(): string {
    return this.last;
  }

  /** Whose the next bytes are. */
  turn(channel: Channel): void {
    this.channel = channel;
  }

  /** A new stream begins: what was left unfinished by the last one comes again, whole. */
  restart(): void {
    this.channel = "stdout";
    this.before = this.last;
    this.halves.stdout = new Half();
    this.halves.stderr = new Half();
  }

  add(bytes: Uint8Array): void {
    const half = this.halves[this.channel];
    const parts = (half.rest + half.decoder.decode(bytes, { stream: true })).split("\n");
    half.rest = parts.pop() ?? "";
    const lines: Line[] = [];
    for (const part of parts) this.line(half, part, lines);
    if (half.rest.length > LONGEST * 2) {
      this.line(half, half.rest, lines);
      half.isCut = true;
      half.rest = "";
    }
    this.put(lines);
  }

  /** The stream is over: what has no end of line is a line. */
  end(): void {
    for (const channel of ["stdout", "stderr"] as const) {
      const half = this.halves[channel];
      this.channel = channel;
      const lines: Line[] = [];
      if (half.rest) this.line(half, half.rest, lines);
      half.rest = "";
      this.put(lines);
    }
    this.channel = "stdout";
  }

  private line(half: Half, raw: string, into: Line[]): void {
    if (half.isCut) {
      half.isCut = false;
      return;
    }
    const found = TIME.exec(raw);
    const time = found?.[1] ?? "";
    if (time && this.before && time <= this.before) return;
    const said = overwritten(raw.slice(found?.[0].length ?? 0));
    const shown = said.length > LONGEST ? `${said.slice(0, LONGEST)} … (${said.length - LONGEST} more characters)` : said;
    const pieces = half.styles.pieces(shown);
    if (time > this.last) this.last = time;
    into.push({ number: this.next++, channel: this.channel, time, pieces, text: textOf(pieces) });
  }

  /** At the end; each chunk that gets more is made anew once. */
  private put(lines: readonly Line[]): void {
    for (let at = 0; at < lines.length; ) {
      const last = this.chunks.at(-1);
      const room = last ? CHUNK - last.lines.length : 0;
      const more = lines.slice(at, at + (room || CHUNK));
      if (last && room) this.chunks[this.chunks.length - 1] = { first: last.first, lines: [...last.lines, ...more] };
      else this.chunks.push({ first: more[0]?.number ?? 0, lines: more });
      at += more.length;
    }
    while (this.count > MOST_LINES) {
      const oldest = this.chunks.shift();
      this.gone += oldest?.lines.length ?? 0;
    }
  }

  /** The whole of it as a file. */
  file(withTimes: boolean): string {
    const written = (line: Line) => (withTimes && line.time ? `${line.time} ${line.text}` : line.text);
    return this.chunks.flatMap((chunk) => chunk.lines.map((line) => `${written(line)}\n`)).join("");
  }
}

const STEP = 32 * 1024; // bytes that are read at a time, where few wait
const SHARE = 8; // of those that wait, one such part at a time where many do

/** Bytes that have come and were not read yet: a long log is read a piece at a time. */
export class Backlog {
  private waiting: (Uint8Array | Channel)[] = [];
  private size = 0;

  constructor(private readonly buffer: LogBuffer) {}

  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  add(bytes: Uint8Array): void {
    this.waiting.push(bytes);
    this.size += bytes.length;
  }

  turn(channel: Channel): void {
    this.waiting.push(channel);
  }

  /** One piece. */
  read(most = Math.max(STEP, Math.ceil(this.size / SHARE))): void {
    while (most > 0) {
      const next = this.waiting.shift();
      if (next === undefined) return;
      if (typeof next === "string") {
        this.buffer.turn(next);
        continue;
      }
      const piece = next.subarray(0, most);
      if (piece.length < next.length) this.waiting.unshift(next.subarray(piece.length));
      this.size -= piece.length;
      most -= piece.length;
      this.buffer.add(piece);
    }
  }

  readAll(): void {
    this.read(Infinity);
  }
}

/** The lines with some words, in the chunks of all of them: one that stands as it was is looked through once. */
export class Search {
  private words = "";
  private known = new WeakMap<readonly Line[], readonly Line[]>();

  /** Without those chunks in which there are none; all where there are no words. */
  in(chunks: readonly Chunk[], words: string): readonly Chunk[] {
    const wanted = words.toLowerCase();
    if (!wanted) return chunks;
    if (wanted !== this.words) this.known = new WeakMap();
    this.words = wanted;
    const found: Chunk[] = [];
    for (const { first, lines } of chunks) {
      let some = this.known.get(lines);
      if (!some) this.known.set(lines, (some = lines.filter((line) => line.text.toLowerCase().includes(wanted))));
      if (some.length) found.push({ first, lines: some });
    }
    return found;
  }
}

/** What is left of a line that was written over itself, as progress bars do. */
function overwritten(line: string): string {
  const whole = line.endsWith("\r") ? line.slice(0, -1) : line;
  return whole.slice(whole.lastIndexOf("\r") + 1);
}
