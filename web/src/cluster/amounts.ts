/** Amounts of what a node has, in whole units and rounded up, as the API server counts them. Pure. */
import { bytes, cores, quantity } from "../api/quantity";

/** Cores in whole thousandths; undefined where it is no amount. */
export const millicores = (value: unknown): number | undefined => whole(quantity(value), 1000);

/** Memory or disk in whole bytes; undefined where it is no amount. */
export const size = (value: unknown): number | undefined => whole(quantity(value), 1);

/** Rounded up, but for what binary fractions add: 0.07 cores are 70 thousandths. */
function whole(value: number | undefined, times: number): number | undefined {
  return value === undefined ? undefined : Math.ceil(Number((value * times).toFixed(6)));
}

/** How often a node gives each of its cores, in thousandths; once where it does not say, or not in words that can be read. */
export function ratioOf(value: unknown): number {
  const exact = /\d$/.test(String(value ?? "")) ? (quantity(value) ?? 0) * 1000 : 0;
  const ratio = Math.round(exact);
  return Math.abs(ratio - exact) < 1e-6 && ratio >= 1000 && ratio <= 64_000 ? ratio : 1000;
}

/** How many cores a set such as "0-3,8" names; 0 where it is none. */
export function countOfSet(text: unknown): number {
  if (typeof text !== "string" || !text.trim()) return 0;
  const found = new Set<number>();
  for (const part of text.split(",")) {
    const match = /^\s*(\d{1,5})(?:-(\d{1,5}))?\s*$/.exec(part);
    if (!match) return 0;
    const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
    if (found.size + last - first > 4096) return 0;
    for (let core = first; core <= last; core++) found.add(core);
  }
  return found.size;
}

/** Millicores for people: "2", "0.5". */
export const coresShown = (thousandths: number): string => cores(thousandths / 1000);

/** Bytes for people: "9.5Gi". */
export const sizeShown = bytes;
