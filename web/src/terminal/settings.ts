/** How a person likes their terminals: kept in this browser. */
import { effect, signal } from "@preact/signals";

const KEY = "kohakuriver.terminal";
const [SMALLEST, USUAL, LARGEST] = [9, 14, 32]; // pixels

function kept(): { fontSize?: unknown; screenReader?: unknown } {
  try {
    return (JSON.parse(localStorage.getItem(KEY) ?? "{}") ?? {}) as object;
  } catch {
    return {};
  }
}

const begin = kept();
export const fontSize = signal(typeof begin.fontSize === "number" ? within(begin.fontSize) : USUAL);
export const screenReader = signal(begin.screenReader === true);

function within(size: number): number {
  return Math.min(LARGEST, Math.max(SMALLEST, Math.round(size)));
}

/** Larger or smaller by so many pixels; 0: as it is usually. */
export function changeFont(by: number): void {
  fontSize.value = by === 0 ? USUAL : within(fontSize.value + by);
}

effect(() => {
  const now = JSON.stringify({ fontSize: fontSize.value, screenReader: screenReader.value });
  try {
    localStorage.setItem(KEY, now);
  } catch {
    // a browser that keeps nothing: it is as usual the next time
  }
});
