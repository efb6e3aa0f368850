/** The present moment, once a second while somebody shows it, and ages as the command writes them. */
import { signal, useComputed } from "@preact/signals";

let ticking: ReturnType<typeof setInterval> | undefined;

/** Milliseconds since 1970. Ticks only while something that is drawn reads it. */
export const now = signal(Date.now(), {
  watched() {
    this.value = Date.now();
    ticking = setInterval(() => (now.value = Date.now()), 1000);
  },
  unwatched() {
    clearInterval(ticking);
  },
});

/** An age of so many seconds: 45s, 3m20s, 5h12m, 3d4h, 12d. Pure. */
export function age(seconds: number): string {
  const whole = Math.max(0, Math.trunc(seconds));
  const [minutes, hours, days] = [Math.trunc(whole / 60), Math.trunc(whole / 3600), Math.trunc(whole / 86400)];
  const rest = (count: number, unit: string) => (count ? `${count}${unit}` : "");
  if (whole < 120) return `${whole}s`;
  if (minutes < 10) return `${minutes}m${rest(whole % 60, "s")}`;
  if (hours < 3) return `${minutes}m`;
  if (hours < 8) return `${hours}h${rest(minutes % 60, "m")}`;
  if (hours < 48) return `${hours}h`;
  if (days < 8) return `${days}d${rest(hours % 24, "h")}`;
  return days < 730 ? `${days}d` : `${Math.trunc(days / 365)}y`;
}

/** How long ago this RFC 3339 time was; "-" where it is none. Pure. */
export function ago(time: string | undefined, present: number): string {
  const then = time ? Date.parse(time) : NaN;
  return Number.isNaN(then) ? "-" : age((present - then) / 1000);
}

/** A moment in full: 2026-11-29 05:11:00 UTC; empty where it is none. Pure. */
export function moment(time: string | undefined): string {
  const then = time ? Date.parse(time) : NaN;
  if (Number.isNaN(then)) return "";
  return `${new Date(then).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** The age of a time, kept current; the moment in full is its title. */
export function Ago({ time }: { time: string | undefined }) {
  return <Ticking key={time} time={time} />;
}

function Ticking({ time }: { time: string | undefined }) {
  const shown = useComputed(() => ago(time, now.value));
  if (!moment(time)) return <span>-</span>;
  return <time dateTime={time} title={moment(time)}>{shown}</time>;
}
