/**
 * What a program wrote for a terminal, as pieces of text with a style. Pure.
 *
 * Colours and weights (SGR) are kept as names of classes; every other sequence, and every other control character, is left out.
 * Colours of the 256 and of the 16 million are shown as the nearest of the eight, which are readable in light and in dark.
 */

export interface Piece {
  readonly text: string;
  /** Names of classes, such as "red bold"; empty for plain text. */
  readonly style: string;
}

const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"] as const;
// CSI with its parameters and its last byte; OSC, DCS, APC and PM with their strings; any other escape of two or three characters.
const SEQUENCE = /\x1b(?:\[([0-9:;<=>?]*)[ -/]*([@-~])|[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|[ -/]*[0-~])|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

/** Reads line after line: a colour holds until it is taken back, as on a terminal. */
export class Styles {
  private colour = "";
  private readonly kinds = new Set<string>();

  /** The pieces of one line, without its end. */
  pieces(line: string): Piece[] {
    const found: Piece[] = [];
    let from = 0;
    const plain = (text: string) => {
      if (!text) return;
      const style = this.style;
      const last = found.at(-1);
      if (last?.style === style) found[found.length - 1] = { text: last.text + text, style };
      else found.push({ text, style });
    };
    for (const match of line.matchAll(SEQUENCE)) {
      plain(line.slice(from, match.index));
      from = match.index + match[0].length;
      if (match[2] === "m" && !/[<=>?]/.test(match[1] ?? "")) this.set(match[1] ?? "");
    }
    plain(line.slice(from));
    return found;
  }

  private get style(): string {
    return [this.colour, ...this.kinds].filter(Boolean).join(" ");
  }

  private set(parameters: string): void {
    const codes = parameters.split(/[;:]/).map(Number);
    for (let at = 0; at < codes.length; at++) {
      const code = codes[at] ?? 0;
      if (code === 0) {
        this.colour = "";
        this.kinds.clear();
      } else if (code === 1) this.kinds.add("bold");
      else if (code === 2) this.kinds.add("dim");
      else if (code === 3) this.kinds.add("italic");
      else if (code === 4) this.kinds.add("underline");
      else if (code === 22) this.forget("bold", "dim");
      else if (code === 23) this.forget("italic");
      else if (code === 24) this.forget("underline");
      else if (code >= 30 && code <= 37) this.colour = NAMES[code - 30] ?? "";
      else if (code >= 90 && code <= 97) this.colour = NAMES[code - 90] ?? "";
      else if (code === 39) this.colour = "";
      else if (code === 38 || code === 48 || code === 58) {
        const isIndexed = codes[at + 1] === 5;
        const colour = isIndexed ? ofIndex(codes[at + 2] ?? 0) : nearest(codes[at + 2] ?? 0, codes[at + 3] ?? 0, codes[at + 4] ?? 0);
        if (code === 38) this.colour = colour;
        at += isIndexed ? 2 : 4;
      }
    }
  }

  private forget(...kinds: string[]): void {
    for (const kind of kinds) this.kinds.delete(kind);
  }
}

function ofIndex(index: number): string {
  if (index < 16) return NAMES[index % 8] ?? "";
  if (index >= 232) return nearest(...grey((index - 232) * 10 + 8));
  const part = (divisor: number) => [0, 95, 135, 175, 215, 255][Math.floor((index - 16) / divisor) % 6] ?? 0;
  return nearest(part(36), part(6), part(1));
}

function grey(level: number): [number, number, number] {
  return [level, level, level];
}

/** The name of the colour that has this one's hue; one without a hue is black or white. */
function nearest(red: number, green: number, blue: number): string {
  const most = Math.max(red, green, blue);
  const least = Math.min(red, green, blue);
  if (most - least < 40) return most < 128 ? "black" : "white";
  const middle = (most + least) / 2;
  const bits = (red > middle ? 1 : 0) | (green > middle ? 2 : 0) | (blue > middle ? 4 : 0);
  return NAMES[bits] ?? "";
}

/** The text alone: for a search, and for a file. */
export function textOf(pieces: readonly Piece[]): string {
  return pieces.map((piece) => piece.text).join("");
}
