/** Which VPSes are ticked, to do something to all of them. */
import { signal } from "@preact/signals";

export const selected = signal<ReadonlySet<string>>(new Set());

/** Ticks or unticks these. */
export function select(keys: Iterable<string>, on: boolean): void {
  const next = new Set(selected.peek());
  for (const key of keys) if (on) next.add(key);
    else next.delete(key);
  selected.value = next;
}

export function toggle(key: string): void {
  select([key], !selected.peek().has(key));
}

export function clear(): void {
  selected.value = new Set();
}
