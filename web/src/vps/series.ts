/** What a VPS used in the last minutes, as the curves draw it. Pure. */

export interface Used {
  readonly cores: number;
  readonly memory: number;
  readonly processes?: number;
  readonly received?: number;
  readonly sent?: number;
  readonly read?: number;
  readonly written?: number;
}

export const KEPT = 300; // seconds

export interface Series {
  /** Seconds since 1970. */
  readonly times: number[];
  readonly cores: (number | null)[];
  readonly memory: (number | null)[];
}

export const NOTHING: Series = { times: [], cores: [], memory: [] };

const BREAK = 10; // seconds without a reading: the curve is interrupted there

/** With one more reading, and without those that are too old. */
export function grown(series: Series, used: Used, time: number): Series {
  const last = series.times.at(-1);
  const isBroken = last !== undefined && time - last > BREAK;
  const from = series.times.findIndex((one) => one >= time - KEPT);
  const first = from < 0 ? series.times.length : from;
  const gap = isBroken ? [last + 1] : [];
  const none = isBroken ? [null] : [];
  return {
    times: [...series.times.slice(first), ...gap.filter((one) => one >= time - KEPT), time],
    cores: [...series.cores.slice(first), ...(gap.some((one) => one >= time - KEPT) ? none : []), used.cores],
    memory: [...series.memory.slice(first), ...(gap.some((one) => one >= time - KEPT) ? none : []), used.memory],
  };
}

/** A reading as a stream tells it; undefined for what is none. */
export function usedOf(stats: unknown): Used | undefined {
  const found = (stats ?? {}) as Record<string, unknown>;
  const isAmount = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value) && value >= 0;
  if (!isAmount(found["cores"]) || !isAmount(found["memory"])) return undefined;
  return Object.fromEntries(Object.entries(found).filter(([, value]) => isAmount(value))) as unknown as Used;
}
