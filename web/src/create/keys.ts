/** The public keys that somebody has pasted here before, kept in this browser. Never a private one. */
import { keysOf } from "./model";

const PLACE = "kohakuriver.public-keys";

export function remembered(): string {
  try {
    return keysOf(localStorage.getItem(PLACE) ?? "").join("\n");
  } catch {
    return ""; // a browser may forbid it
  }
}

export function remember(keys: string): void {
  try {
    const kept = keysOf(keys).join("\n");
    if (kept) localStorage.setItem(PLACE, kept);
  } catch {
    // then they are pasted again
  }
}
