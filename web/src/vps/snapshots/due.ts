/**
 * When a schedule is due next, by the five fields of a crontab in a time zone, as the controller reads it. Pure.
 *
 * Days are looked through by the calendar of the zone. A time that clocks skip is due when they have been put forward; one that comes
 * twice is due the first time. What is not read here (cronsim's "L" and "#") gives nothing: the server is the one who judges.
 */

const WORDS: Record<string, string> = {
  "@hourly": "0 * * * *",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@weekly": "0 0 * * 0",
  "@monthly": "0 0 1 * *",
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
};
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const MOST_DAYS = 366 * 5; // to the next 29 February, and more
const DAY = 86_400_000;
const MINUTE = 60_000;

interface Fields {
  minutes: number[];
  hours: number[];
  days: ReadonlySet<number>;
  months: ReadonlySet<number>;
  weekdays: ReadonlySet<number>;
  /** Whether both kinds of days were restricted: then either will do. */
  isEither: boolean;
}

/** The first moment after `now` (ms since 1970) at which it is due; nothing where that cannot be told. */
export function nextDue(schedule: string, zone: string, now: number): number | undefined {
  const fields = read(schedule);
  const shown = wall(zone || "UTC");
  if (!fields || !shown) return undefined;
  const today = shown(now);
  const first = Date.UTC(today.year, today.month - 1, today.day);
  for (let count = 0; count < MOST_DAYS; count++) {
    const day = new Date(first + count * DAY);
    if (!isOnDay(fields, day)) continue;
    for (const hour of fields.hours) {
      for (const minute of fields.minutes) {
        const due = moment(shown, day.getTime() + (hour * 60 + minute) * MINUTE);
        if (due > now) return due;
      }
    }
  }
  return undefined;
}

function isOnDay(fields: Fields, day: Date): boolean {
  if (!fields.months.has(day.getUTCMonth() + 1)) return false;
  const [byDay, byWeekday] = [fields.days.has(day.getUTCDate()), fields.weekdays.has(day.getUTCDay())];
  return fields.isEither ? byDay || byWeekday : byDay && byWeekday;
}

interface Wall {
  year: number;
  month: number;
  day: number;
  /** The same as ms since 1970, were it UTC. */
  ms: number;
}

/** What the clocks of a zone show at a moment; nothing where there is no such zone. */
function wall(zone: string): ((at: number) => Wall) | undefined {
  let format: Intl.DateTimeFormat;
  try {
    const number = "numeric" as const;
    format = new Intl.DateTimeFormat("en-US", { timeZone: zone, hourCycle: "h23", year: number, month: number, day: number, hour: number, minute: number, second: number });
  } catch {
    return undefined;
  }
  return (at) => {
    const found = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = found;
    return { year, month, day, ms: Date.UTC(year, month - 1, day, hour, minute, second) };
  };
}

/** The first moment at which the clocks show this, or, where they skip it, at which they show what comes after. */
function moment(shown: (at: number) => Wall, wanted: number): number {
  const offsets = [...new Set([wanted - DAY, wanted + DAY].map((near) => shown(near).ms - near))];
  const tries = offsets.map((offset) => wanted - offset).sort((one, other) => one - other);
  for (const at of tries) if (shown(at).ms === wanted) return at;
  // Skipped: the clocks are put forward at a full minute between the two.
  let [low = wanted, high = wanted] = [tries[0], tries.at(-1)];
  while (high - low > MINUTE) {
    const middle = low + Math.floor((high - low) / 2 / MINUTE) * MINUTE;
    if (shown(middle).ms > wanted) high = middle;
    else low = middle;
  }
  return shown(low).ms > wanted ? low : high;
}

function read(schedule: string): Fields | undefined {
  const parts = (WORDS[schedule.trim()] ?? schedule).trim().split(/\s+/);
  const [minute, hour, day, month, weekday] = parts;
  if (parts.length !== 5 || minute === undefined || hour === undefined || day === undefined || month === undefined || weekday === undefined) return undefined;
  const minutes = field(minute, 0, 59);
  const hours = field(hour, 0, 23);
  const days = field(day, 1, 31);
  const months = field(month, 1, 12, MONTHS);
  const weekdays = field(weekday, 0, 7, DAYS);
  if (!minutes || !hours || !days || !months || !weekdays) return undefined;
  return {
    minutes,
    hours,
    days: new Set(days),
    months: new Set(months),
    weekdays: new Set(weekdays.map((one) => one % 7)),
    isEither: !day.startsWith("*") && !weekday.startsWith("*"),
  };
}

/** The numbers of one field, in order; nothing where it cannot be read. */
function field(written: string, least: number, most: number, names: readonly string[] = []): number[] | undefined {
  const found = new Set<number>();
  const one = (word: string): number => {
    const at = names.indexOf(word.toLowerCase());
    return at >= 0 ? at + (least === 1 ? 1 : 0) : /^\d{1,2}$/.test(word) ? Number(word) : NaN;
  };
  for (const part of written.split(",")) {
    const [range = "", step, ...more] = part.split("/");
    const by = step === undefined ? 1 : Number(step);
    if (more.length || !Number.isInteger(by) || by < 1) return undefined;
    const [from = "", to] = range === "*" ? [String(least), String(most)] : range.split("-");
    const first = one(from);
    const last = to === undefined ? (step === undefined ? first : most) : one(to);
    if (!(first >= least && last <= most && first <= last)) return undefined;
    for (let at = first; at <= last; at += by) found.add(at);
  }
  return [...found].sort((a, b) => a - b);
}
