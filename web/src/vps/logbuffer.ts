/**
 * The last lines of a log, put together from bytes as they come. Pure: what draws it asks for `chunks` and `version`.
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
    for (const part of parts) this.line(half, part);
    if (half.rest.length > LONGEST * 2) {
      this.line(half, half.rest);
      half.isCut = true;
      half.rest = "";
    }
  }

  /** The stream is over: what has no end of line is a line. */
  end(): void {
    for (const channel of ["stdout", "stderr"] as const) {
      const half = this.halves[channel];
      this.channel = channel;
      if (half.rest) this.line(half, half.rest);
      half.rest = "";
    }
    this.channel = "stdout";
  }

  private line(half: Half, raw: string): void {
    if (half.isCut) {
      half.isCut = false;
      return;
    }
    const time = TIME.exec(raw)?.[1] ?? "";
    if (time && this.before && time <= this.before) return;
    const said = overwritten(raw.slice(time ? (TIME.exec(raw)?.[0].length ?? 0) : 0));
    const shown = said.length > LONGEST ? `${said.slice(0, LONGEST)} … (${said.length - LONGEST} more characters)` : said;
    const pieces = half.styles.pieces(shown);
    if (time > this.last) this.last = time;
    this.put({ number: this.next++, channel: this.channel, time, pieces, text: textOf(pieces) });
  }

  private put(line: Line): void {
    const chunk = this.chunks.at(-1);
    if (chunk && chunk.lines.length < CHUNK) this.chunks[this.chunks.length - 1] = { first: chunk.first, lines: [...chunk.lines, line] };
    else this.chunks.push({ first: line.number, lines: [line] });
    while (this.count > MOST_LINES) {
      const oldest = this.chunks.shift();
      this.gone += oldest?.lines.length ?? 0;
    }
  }

  /** The lines that have these words, in any case; all where there are none. */
  matching(words: string): Line[] {
    const wanted = words.toLowerCase();
    return this.chunks.flatMap((chunk) => chunk.lines.filter((line) => line.text.toLowerCase().includes(wanted)));
  }

  /** The whole of it as a file. */
  file(withTimes: boolean): string {
    const written = (line: Line) => (withTimes && line.time ? `${line.time} ${line.text}` : line.text);
    return this.chunks.flatMap((chunk) => chunk.lines.map((line) => `${written(line)}\n`)).join("");
  }
}

/** What is left of a line that was written over itself, as progress bars do. */
function overwritten(line: string): string {
  const whole = line.endsWith("\r") ? line.slice(0, -1) : line;
  return whole.slice(whole.lastIndexOf("\r") + 1);
}
