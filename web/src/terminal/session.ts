/**
 * A shell in a VPS that survives broken connections: exactly once both ways.
 *
 * Knows no terminal and no browser: a `Viewer` shows what comes, a `World` has the connections, the clock and the timers.
 * When the connection breaks it is made again, to the same shell, for as long as that is kept there.
 */
import { ApiError } from "../api/http";
import {
  ACKNOWLEDGE,
  ACKNOWLEDGE_AFTER,
  type Asked,
  type Attached,
  MOST_INPUT,
  type Message,
  type Refusal,
  type Size,
  Unconfirmed,
  WINDOW,
  read,
} from "./protocol";

const AGAIN_FIRST = 200; // ms between attempts
const AGAIN_LONGEST = 2000;
const AGAIN_LONGEST_UNSEEN = 30_000; // where nobody looks
const HANDSHAKE_WITHIN = 15_000; // ms for a connection to be made
const PATIENCE = 20_000; // ms in which a first connection is tried again
const PATIENCE_RESTARTING = 120_000; // the same, while the VPS is on its way
const GRACE = 15_000; // ms beyond its window in which a shell is still looked for
const ASK_AFTER = 15_000; // ms of silence after which the other side is asked whether it is there
const ASK_AFTER_TYPING = 2000; // the same, while something typed is not confirmed
const ANSWER_WITHIN = 5000; // ms for its answer
const ANSWER_WITHIN_SOON = 3000; // the same, for who has just come back to the page

/** One connection. */
export interface Wire {
  send(data: string | Uint8Array<ArrayBuffer>): void;
  /** Nothing of it is told any more. */
  close(): void;
}

export interface Ears {
  heard(data: string | Uint8Array): void;
  closed(): void;
}

export interface World {
  connect(asked: Asked, ears: Ears): Wire;
  /** Why no connection is made, from who can be asked; undefined where nothing stands in the way. */
  why(asked: Asked): Promise<Refusal | undefined>;
  /** Ms that go on while the machine sleeps. */
  now(): number;
  /** Calls back after so many ms; what it returns takes that back. */
  later(ms: number, call: () => void): () => void;
  /** From 0 to 1. */
  random(): number;
  /** Whether somebody may be looking. */
  isSeen(): boolean;
}

export interface Viewer {
  /** Shows bytes, and says when that is done: the shell waits for who is slow. */
  show(data: Uint8Array, done: () => void): void;
  /** So many bytes of output were written while nobody was attached, and are no longer kept. */
  missed(count: number): void;
  changed(standing: Standing): void;
}

/** How it stands with the shell, for who looks at it. */
export type Standing =
  | { phase: "opening"; why?: ApiError }
  | { phase: "open" }
  | { phase: "lost"; why: ApiError; since: number }
  | { phase: "taken" }
  | { phase: "ended"; message: string; hint: string; code?: number }
  | { phase: "refused"; error: ApiError };

const BROKE = new ApiError(0, "Broke", "the connection broke");
const SILENT = new ApiError(0, "Silent", "nothing comes over the connection any more");
const UNANSWERED = new ApiError(0, "NoAnswer", "the API server does not answer");

export class Session {
  standing: Standing = { phase: "opening" };
  /** Seconds that it is kept when nobody is attached. */
  window = WINDOW;
  /** Whether it was made here, and not found. */
  wasMade = false;

  private wire: Wire | undefined;
  private asked: Asked | undefined;
  private isAttached = false;
  private wasAttached = false;
  private isLeft = false;
  private hasPings = false;
  private attachment: number | undefined;
  private received = 0; // the offset of the next byte of output
  private shown = 0;
  private told = 0; // of which the other side knows
  private typed = new Unconfirmed();
  private lastHeard = 0;
  private lastAsked = -1; // when the other side was asked for a sign of life; -1: it was not
  private since: number; // when the connection was lost, or first asked for
  private pause = AGAIN_FIRST;
  private wantsRedraw = false;
  private isWaitingToBeShown = false;
  private stopAcknowledging: (() => void) | undefined;
  private stopTimer: (() => void) | undefined; // the next attempt, the handshake's end, or the next look

  constructor(
    private readonly world: World,
    private readonly viewer: Viewer,
    readonly id: string,
    private size: Size,
    /** It has been there before: nothing is made in its place. */
    private readonly isKnown = false,
    /** The VPS is on its way: that it does not run yet is no refusal. */
    private readonly isRestarting = false,
  ) {
    this.since = world.now();
  }

  // What a person does.

  open(): void {
    this.since = this.world.now();
    this.change({ phase: "opening" });
    this.dial();
  }

  /** Bytes for the shell; false where too many wait already. */
  type(data: Uint8Array): boolean {
    if (this.isOver || this.typed.size + data.length > MOST_INPUT) return false;
    this.typed.append(data);
    this.flush();
    if (this.isAttached) this.schedule();
    return true;
  }

  resize(size: Size): void {
    if (size.rows === this.size.rows && size.cols === this.size.cols) return;
    this.size = size;
    if (this.isAttached) this.say({ resize: size });
  }

  /** Ends the shell and what runs in it. */
  hangUp(): void {
    if (this.isAttached) this.say({ hangup: true });
  }

  /** Leaves it; it goes on for a while. */
  leave(): void {
    this.isLeft = true;
    this.disconnect();
    this.stopTimer?.();
  }

  /** The person or the network is there again: what is waited for is tried now, what is open is asked. */
  wake(): void {
    const { phase } = this.standing;
    if (phase === "lost" || (phase === "opening" && this.standing.why)) {
      if (!this.wire) this.dial();
    } else if (phase === "open") {
      this.look(ANSWER_WITHIN_SOON);
    }
  }

  /** Once it was taken over, or refused: tries it again. */
  again(): void {
    this.pause = AGAIN_FIRST;
    this.wantsRedraw = true;
    this.attachment = undefined; // as a newcomer, who takes over
    this.since = this.world.now();
    this.change({ phase: "opening" });
    this.dial();
  }

  // Behind it.

  private get isOver(): boolean {
    return this.standing.phase === "ended" || this.standing.phase === "taken" || this.standing.phase === "refused";
  }

  private change(standing: Standing): void {
    this.standing = standing;
    this.viewer.changed(standing);
  }

  private say(message: object): void {
    this.wire?.send(JSON.stringify(message));
  }

  /** A new connection, once all that came over the last has been shown: so no more than one window is ever in memory. */
  private dial(): void {
    this.stopTimer?.();
    if (this.isLeft) return;
    if (this.shown < this.received) {
      this.isWaitingToBeShown = true;
      return;
    }
    const asked: Asked = { session: this.id, size: this.size };
    if (this.isKnown || this.wasAttached) asked.isKnown = true;
    if (this.wasAttached) asked.offset = this.received;
    if (this.attachment !== undefined) asked.attachment = ++this.attachment;
    if (this.wantsRedraw) asked.redraw = true;
    this.asked = asked;
    const wire: Wire = this.world.connect(asked, {
      heard: (data) => this.wire === wire && this.heard(data),
      closed: () => this.wire === wire && this.closed(BROKE),
    });
    this.wire = wire;
    this.stopTimer = this.world.later(HANDSHAKE_WITHIN, () => this.closed(UNANSWERED));
  }

  private disconnect(): void {
    this.stopAcknowledging?.();
    this.stopAcknowledging = undefined;
    const wire = this.wire;
    this.wire = undefined;
    this.isAttached = false;
    wire?.close();
  }

  /** The connection is no more. One that was never attached may have been refused: a browser does not say why. */
  private closed(why: ApiError): void {
    const [wasAttached, asked] = [this.isAttached, this.asked];
    this.disconnect();
    this.stopTimer?.();
    if (wasAttached || !asked) {
      this.since = this.world.now();
      this.lost({ error: why, passing: true });
      return;
    }
    let answered = false;
    const answer = (found: Refusal | undefined) => {
      if (answered || this.isLeft || this.asked !== asked || this.wire || this.isOver) return;
      answered = true;
      this.stopTimer?.();
      this.lost(found ?? { error: why, passing: true });
    };
    this.stopTimer = this.world.later(HANDSHAKE_WITHIN, () => answer({ error: UNANSWERED, passing: true }));
    void this.world.why(asked).then(answer);
  }

  /** Tries again, or gives up. */
  private lost(refusal: Refusal): void {
    const now = this.world.now();
    if (refusal.isTakenOver) return this.finish({ phase: "taken" });
    const { message, hint, code } = refusal.error;
    if (code === 404 && (this.isKnown || this.wasAttached)) return this.finish({ phase: "ended", message, hint });
    const isOnItsWay = this.isRestarting && code === 409 && !this.wasAttached;
    if (!refusal.passing && !isOnItsWay) return this.finish({ phase: "refused", error: refusal.error });
    if (!this.wasAttached) {
      if (now - this.since > (this.isRestarting ? PATIENCE_RESTARTING : PATIENCE)) return this.finish({ phase: "refused", error: refusal.error });
      this.change({ phase: "opening", why: refusal.error });
    } else {
      if (now - this.since > this.window * 1000 + GRACE) {
        const hangup = "the shell has been hung up meanwhile";
        return this.finish({ phase: "ended", message: `gave up: ${message}`, hint: hangup });
      }
      this.change({ phase: "lost", why: refusal.error, since: this.since });
    }
    this.stopTimer = this.world.later(this.pause * (0.5 + this.world.random() / 2), () => this.dial());
    this.pause = Math.min(this.pause * 2, this.world.isSeen() ? AGAIN_LONGEST : AGAIN_LONGEST_UNSEEN);
  }

  private finish(standing: Standing): void {
    this.disconnect();
    this.stopTimer?.();
    this.typed = new Unconfirmed(); // whoever comes back types anew
    this.change(standing);
  }

  private heard(data: string | Uint8Array): void {
    this.lastHeard = this.world.now();
    this.lastAsked = -1;
    if (typeof data !== "string") return this.output(data);
    const message = read(data);
    if (message) this.understood(message);
  }

  private understood(message: Message): void {
    switch (message.kind) {
      case "attached":
        return this.attached(message.facts);
      case "input":
        this.typed.confirm(message.taken);
        return this.flush();
      case "exit":
        return this.finish({ phase: "ended", message: endedWith(message.code), hint: "", code: message.code });
      case "end":
        if (message.reason === "TakenOver") return this.finish({ phase: "taken" });
        return this.finish({ phase: "ended", message: message.message, hint: "" });
      case "error": {
        const wasAttached = this.isAttached;
        this.disconnect();
        this.stopTimer?.();
        if (wasAttached) this.since = this.world.now();
        return this.lost(message.refusal);
      }
    }
  }

  private attached(facts: Attached): void {
    this.stopTimer?.();
    this.isAttached = this.wasAttached = true;
    this.hasPings = facts.pings;
    this.wasMade ||= facts.created;
    this.attachment = facts.attachment;
    this.window = facts.window;
    this.received = this.shown = this.told = facts.output;
    this.typed.resume(facts.input);
    this.pause = AGAIN_FIRST;
    this.wantsRedraw = false;
    this.change({ phase: "open" });
    if (facts.missed) this.viewer.missed(facts.missed);
    const { rows, cols } = this.size;
    if (rows !== this.asked?.size.rows || cols !== this.asked.size.cols) this.say({ resize: this.size });
    this.flush();
    this.schedule();
  }

  private output(data: Uint8Array): void {
    if (!this.isAttached || data.length === 0) return;
    this.received += data.length;
    const end = this.received;
    this.viewer.show(data, () => this.wasShown(end));
  }

  private wasShown(end: number): void {
    this.shown = Math.max(this.shown, Math.min(end, this.received));
    if (this.shown - this.told >= ACKNOWLEDGE) this.acknowledge();
    else this.stopAcknowledging ??= this.world.later(ACKNOWLEDGE_AFTER, () => this.acknowledge());
    if (this.isWaitingToBeShown && this.shown === this.received) {
      this.isWaitingToBeShown = false;
      this.dial();
    }
  }

  private acknowledge(): void {
    this.stopAcknowledging?.();
    this.stopAcknowledging = undefined;
    if (!this.isAttached || this.shown <= this.told) return;
    this.told = this.shown;
    this.say({ output: this.shown });
  }

  private flush(): void {
    if (!this.isAttached) return;
    for (let data = this.typed.take(); data; data = this.typed.take()) this.wire?.send(data as Uint8Array<ArrayBuffer>);
  }

  /** When to look next whether the other side is still there. */
  private schedule(): void {
    if (!this.isAttached || !this.hasPings || this.lastAsked >= 0) return;
    this.stopTimer?.();
    const after = this.typed.isWaiting ? ASK_AFTER_TYPING : ASK_AFTER;
    const due = this.lastHeard + after - this.world.now();
    this.stopTimer = this.world.later(Math.max(due, 100), () => {
      if (this.world.now() - this.lastHeard >= after) this.look(ANSWER_WITHIN);
      else this.schedule();
    });
  }

  /** Asks for a sign of life. A node of an earlier version gives none: there the connection is made anew. */
  private look(within: number): void {
    if (!this.isAttached || this.lastAsked >= 0) return;
    if (!this.hasPings) {
      if (this.world.now() - this.lastHeard > ASK_AFTER) this.closed(SILENT);
      return;
    }
    this.stopTimer?.();
    this.lastAsked = this.world.now();
    this.say({ ping: this.lastAsked });
    this.stopTimer = this.world.later(within, () => {
      if (this.lastAsked >= 0) this.closed(SILENT);
      else this.schedule();
    });
  }
}

/** How a shell ended, from its exit code. */
function endedWith(code: number): string {
  if (code === 0) return "the shell ended";
  const by = code > 128 ? `by signal ${code - 128}` : `with code ${code}`;
  return `the shell ended ${by}`;
}
