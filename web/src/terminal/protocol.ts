/** What goes over a terminal stream, both ways, by its offsets (docs/design/005-streams.md). Pure. */
import { type ApiError, ofStatus } from "../api/http";
import { VPS, pathOf } from "../api/kinds";

/** Bytes shown that are told at once; fewer, after ACKNOWLEDGE_AFTER ms. The node sends at most 256 KiB beyond them. */
export const ACKNOWLEDGE = 1 << 15;
export const ACKNOWLEDGE_AFTER = 100;
/** Bytes of input that are on their way unconfirmed, at most, and that are sent at a time. */
export const UNCONFIRMED = 1 << 18;
const PIECE = 1 << 14;
/** Bytes that wait in this page at most, for who pastes a file. */
export const MOST_INPUT = 1 << 23;
/** Seconds that a shell is looked for where its node did not say for how long it is kept. */
export const WINDOW = 300;

export interface Size {
  rows: number;
  cols: number;
}

/** What is asked for when a terminal is opened. */
export interface Asked {
  session: string;
  size: Size;
  /** Only where it is there already. */
  isKnown?: boolean;
  /** Output before it has been received; without one, all that is kept is sent. */
  offset?: number;
  attachment?: number;
  redraw?: boolean;
}

/** Where it is asked for. A refusal comes as a message: a browser tells nothing of a handshake that was refused. */
export function urlOf(namespace: string, name: string, asked: Asked): string {
  const query = new URLSearchParams({
    session: asked.session,
    rows: String(asked.size.rows),
    cols: String(asked.size.cols),
    term: "xterm-256color",
    lang: "C.UTF-8",
    refusal: "message",
  });
  if (asked.isKnown) query.set("create", "0");
  if (asked.offset !== undefined) query.set("offset", String(asked.offset));
  if (asked.attachment !== undefined) query.set("attachment", String(asked.attachment));
  if (asked.redraw) query.set("redraw", "1");
  return `${pathOf(VPS, namespace, name, "terminal")}?${query}`;
}

/** Where the shells of a VPS are listed. */
export function listUrlOf(namespace: string, name: string): string {
  return `${pathOf(VPS, namespace, name, "terminal")}?list=1&refusal=message`;
}

/** A name for a shell that nobody has named, as the command gives them. */
export function newSession(): string {
  const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return [...bytes].map((byte) => alphabet[byte % alphabet.length]).join("");
}

export interface Attached {
  created: boolean;
  attachment: number;
  /** The offset of the next byte of output. */
  output: number;
  /** How many bytes of input the session has taken. */
  input: number;
  /** Bytes of output, of those asked for, that are no longer kept. */
  missed: number;
  /** Seconds that the shell is kept when nobody is attached. */
  window: number;
  /** Whether the node answers pings. */
  pings: boolean;
}

/** A shell of the VPS, as the list has it. */
export interface Left {
  session: string;
  user: string;
  command: string;
  attached: boolean;
  ended: boolean;
  /** Seconds since somebody was attached; null while somebody is. */
  detached: number | null;
}

export type Message =
  | { kind: "attached"; facts: Attached }
  | { kind: "input"; taken: number }
  | { kind: "pong" }
  | { kind: "exit"; code: number }
  | { kind: "end"; reason: string; message: string }
  | { kind: "error"; refusal: Refusal }
  | { kind: "sessions"; sessions: readonly Left[] };

/** What was refused, and whether it may be otherwise in a moment. */
export interface Refusal {
  error: ApiError;
  passing: boolean;
  /** The shell was taken over while the link was down. */
  isTakenOver?: boolean;
}

/** A text message; undefined where it says nothing that is known, as those of a later version may. */
export function read(text: string): Message | undefined {
  let said: Record<string, any>;
  try {
    said = JSON.parse(text) as Record<string, any>;
  } catch {
    return undefined;
  }
  if (typeof said !== "object" || said === null) return undefined;
  const { attached, exit, end, error, sessions } = said;
  if (attached) {
    return {
      kind: "attached",
      facts: {
        created: Boolean(attached.created),
        attachment: Number(attached.attachment),
        output: Number(attached.output),
        input: Number(attached.input),
        missed: Number(attached.missed ?? 0),
        window: Number(attached.detachedFor || WINDOW),
        pings: Boolean(attached.pings),
      },
    };
  }
  if (typeof said["input"] === "number") return { kind: "input", taken: said["input"] };
  if ("pong" in said) return { kind: "pong" };
  if (exit && typeof exit.code === "number") return { kind: "exit", code: exit.code };
  if (end) return { kind: "end", reason: String(end.reason ?? ""), message: String(end.message ?? "") };
  if (error) return { kind: "error", refusal: refusalOf(error) };
  if (Array.isArray(sessions)) return { kind: "sessions", sessions: sessions.map(leftOf) };
  return undefined;
}

function leftOf(one: Record<string, any>): Left {
  return {
    session: String(one["session"] ?? ""),
    user: String(one["user"] ?? ""),
    command: String(one["command"] ?? ""),
    attached: Boolean(one["attached"]),
    ended: Boolean(one["ended"]),
    detached: typeof one["detached"] === "number" ? one["detached"] : null,
  };
}

/** A `Status`: it says itself when to ask again, if that makes sense; what is unavailable may come back all the same. */
export function refusalOf(status: unknown): Refusal {
  const details = (status as { details?: { retryAfterSeconds?: unknown; causes?: { reason?: unknown }[] } } | undefined)?.details;
  const error = ofStatus(status);
  return {
    error,
    passing: typeof details?.retryAfterSeconds === "number" || isAway(error.code),
    isTakenOver: Array.isArray(details?.causes) && details.causes.some((cause) => cause?.reason === "TakenOver"),
  };
}

/** Whether nobody is there who could answer. */
export function isAway(code: number): boolean {
  return code === 0 || code === 502 || code === 503 || code === 504;
}

/** Those that this user left, the last one first, without those that are open on this page. */
export function leftBy(user: string, sessions: readonly Left[], open: ReadonlySet<string>): Left[] {
  return sessions
    .filter((one) => one.user === user && !one.attached && !one.ended && one.session && !open.has(one.session))
    .sort((one, other) => (one.detached ?? 0) - (other.detached ?? 0));
}

/**
 * Input that the session has not confirmed, by its offsets: what was on its way when a connection broke is sent again,
 * from exactly the byte that the session lacks.
 */
export class Unconfirmed {
  private start = 0; // the offset of the first byte that is kept
  private sent = 0; // the offset of the next byte to send
  private end = 0;
  private kept: Uint8Array[] = [];

  /** Bytes that are kept. */
  get size(): number {
    return this.end - this.start;
  }

  /** Whether something was sent of which nothing is known. */
  get isWaiting(): boolean {
    return this.sent > this.start;
  }

  append(data: Uint8Array): void {
    if (data.length === 0) return;
    this.kept.push(data);
    this.end += data.length;
  }

  /** The session has everything before that offset. It can only have what was sent. */
  confirm(offset: number): void {
    let drop = Math.min(offset, this.sent) - this.start;
    if (drop <= 0) return;
    this.start += drop;
    while (drop > 0) {
      const first = this.kept[0];
      if (!first) return;
      if (first.length <= drop) this.kept.shift();
      else this.kept[0] = first.subarray(drop);
      drop -= Math.min(drop, first.length);
    }
  }

  /** A new connection, on which the session has everything before that offset. */
  resume(offset: number): void {
    if (offset < this.start || offset > this.end) {
      this.kept = []; // a session that somebody else typed into
      this.start = this.sent = this.end = offset;
      return;
    }
    this.sent = offset;
    this.confirm(offset);
  }

  /** The next bytes to send; undefined where there are none, or too many are unconfirmed. */
  take(): Uint8Array | undefined {
    const room = this.start + UNCONFIRMED - this.sent;
    const count = Math.min(PIECE, room, this.end - this.sent);
    if (count <= 0) return undefined;
    const found = new Uint8Array(count);
    let [skip, filled] = [this.sent - this.start, 0];
    for (const chunk of this.kept) {
      if (skip >= chunk.length) {
        skip -= chunk.length;
        continue;
      }
      const part = chunk.subarray(skip, skip + count - filled);
      found.set(part, filled);
      filled += part.length;
      skip = 0;
      if (filled === count) break;
    }
    this.sent += count;
    return found;
  }
}
