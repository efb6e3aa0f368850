/** A node's session, a clock and a terminal for tests: nothing moves but when a test moves it. */
import { type Asked, type Refusal, type Size, refusalOf } from "./protocol";
import { type Ears, Session, type Standing, type Viewer, type Wire, type World } from "./session";

const AHEAD = 1 << 18;
const STRIDE = 1 << 20;
export const bytes = (text: string) => new TextEncoder().encode(text);
export const text = (data: readonly Uint8Array[]) => data.map((part) => new TextDecoder("latin1").decode(part)).join("");

export class FakeWorld implements World {
  time = 0;
  seen = true;
  /** What the door answers to a plain request; undefined: nothing stands in the way. */
  refusal: Refusal | undefined;
  whyAsked = 0;
  links: Link[] = [];
  private timers: { at: number; call: () => void }[] = [];

  constructor(readonly shell: Shell) {}

  connect(asked: Asked, ears: Ears): Wire {
    const link = new Link(this.shell, asked, ears);
    this.links.push(link);
    return link;
  }

  why(): Promise<Refusal | undefined> {
    this.whyAsked++;
    return Promise.resolve(this.refusal);
  }

  now(): number {
    return this.time;
  }

  later(ms: number, call: () => void): () => void {
    const timer = { at: this.time + ms, call };
    this.timers.push(timer);
    return () => (this.timers = this.timers.filter((one) => one !== timer));
  }

  random(): number {
    return 1;
  }

  isSeen(): boolean {
    return this.seen;
  }

  /** The newest connection. */
  get link(): Link {
    const last = this.links.at(-1);
    if (!last) throw new Error("nothing was connected");
    return last;
  }

  /** Lets time pass, and what is delivered without delay be delivered. */
  async pass(ms: number): Promise<void> {
    const until = this.time + ms;
    for (;;) {
      await settled();
      const due = this.timers.filter((one) => one.at <= until).sort((one, other) => one.at - other.at)[0];
      if (!due) break;
      this.timers = this.timers.filter((one) => one !== due);
      this.time = Math.max(this.time, due.at);
      due.call();
    }
    this.time = until;
  }
}

export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}

/** One connection: what is sent lies in it until it is moved. */
export class Link implements Wire {
  private up: (string | Uint8Array)[] = [];
  private down: (string | Uint8Array)[] = [];
  isClosed = false;
  isOpen = false;
  number = 0;

  constructor(
    private readonly shell: Shell,
    readonly asked: Asked,
    private readonly ears: Ears,
  ) {}

  send(data: string | Uint8Array): void {
    if (!this.isClosed) this.up.push(data);
  }

  close(): void {
    this.isClosed = true;
    this.shell.left(this);
  }

  // The node's side.

  accept(): void {
    this.isOpen = true;
    this.shell.attach(this);
  }

  tell(message: object): void {
    this.down.push(JSON.stringify(message));
  }

  pass(data: Uint8Array): void {
    this.down.push(data);
  }

  /** Bytes that are under way to the node: those of one message may arrive apart. */
  get upward(): number {
    return this.up.reduce((sum, one) => sum + (typeof one === "string" ? 1 : one.length), 0);
  }

  get downward(): number {
    return this.down.length;
  }

  /** Moves so many bytes (or messages of text) to the node. */
  moveUp(count = Infinity): void {
    while (count > 0 && this.up.length > 0) {
      const first = this.up[0] as string | Uint8Array;
      if (typeof first === "string") {
        this.up.shift();
        this.shell.heard(this, JSON.parse(first) as Record<string, any>);
        count--;
        continue;
      }
      const part = first.subarray(0, count);
      if (part.length === first.length) this.up.shift();
      else this.up[0] = first.subarray(part.length);
      this.shell.typed(this, part);
      count -= part.length;
    }
  }

  /** Moves so many messages to the page. */
  moveDown(count = Infinity): void {
    for (; count > 0 && this.down.length > 0; count--) {
      const first = this.down.shift() as string | Uint8Array;
      if (!this.isClosed) this.ears.heard(first);
    }
  }

  moveAll(): void {
    while (this.up.length > 0 || this.down.length > 0) {
      this.moveUp();
      this.moveDown();
    }
  }

  /** What is under way is lost. */
  cut(): void {
    this.up = [];
    this.down = [];
    this.shell.left(this);
    if (!this.isClosed) this.ears.closed();
  }
}

/** A session as a node keeps it (docs/design/005-streams.md), with all of its output kept unless `kept` is smaller. */
export class Shell {
  written: Uint8Array = new Uint8Array();
  taken: Uint8Array[] = [];
  sizes: Size[] = [];
  hangups = 0;
  kept = Infinity;
  pings = true;
  mostUnacknowledged = 0;
  acknowledgements = 0;
  private current: Link | undefined;
  private number = 0;
  private sent = 0;
  private acknowledged = 0;

  get takenCount(): number {
    return this.taken.reduce((sum, part) => sum + part.length, 0);
  }

  write(data: Uint8Array): void {
    const all = new Uint8Array(this.written.length + data.length);
    all.set(this.written);
    all.set(data, this.written.length);
    this.written = all;
    this.pump();
  }

  attach(link: Link): void {
    const { attachment, offset, size } = link.asked;
    if (attachment !== undefined && attachment <= this.number) {
      const details = { causes: [{ reason: "TakenOver" }] };
      link.tell({ error: { code: 409, reason: "Conflict", message: "the session was taken over from elsewhere", details } });
      return;
    }
    this.current?.tell({ end: { reason: "TakenOver", message: "the session was taken over from elsewhere" } });
    link.number = this.number = attachment ?? (Math.floor(this.number / STRIDE) + 1) * STRIDE;
    const start = Math.max(0, this.written.length - this.kept);
    const output = offset === undefined ? start : Math.max(offset, start);
    this.current = link;
    this.sent = this.acknowledged = output;
    this.sizes.push(size);
    link.tell({
      attached: {
        session: link.asked.session,
        created: this.number === STRIDE,
        attachment: this.number,
        output,
        input: this.takenCount,
        missed: offset === undefined ? 0 : output - offset,
        detachedFor: 600,
        pings: this.pings,
      },
    });
    this.pump();
  }

  left(link: Link): void {
    if (this.current === link) this.current = undefined;
  }

  typed(link: Link, data: Uint8Array): void {
    if (this.current === link) this.taken.push(data);
  }

  confirm(): void {
    this.current?.tell({ input: this.takenCount });
  }

  heard(link: Link, said: Record<string, any>): void {
    if (this.current !== link) return;
    if (typeof said["output"] === "number") {
      if (said["output"] > this.sent) throw new Error("what was never sent was acknowledged");
      this.acknowledged = Math.max(this.acknowledged, said["output"]);
      this.acknowledgements++;
      this.pump();
    }
    if (said["resize"]) this.sizes.push(said["resize"] as Size);
    if (said["hangup"]) this.hangups++;
    if (typeof said["ping"] === "number" && this.pings) link.tell({ pong: said["ping"] });
  }

  private pump(): void {
    while (this.current && this.sent < this.written.length && this.sent - this.acknowledged < AHEAD) {
      const end = Math.min(this.sent + (1 << 14), this.written.length, this.acknowledged + AHEAD);
      this.current.pass(this.written.slice(this.sent, end));
      this.sent = end;
      this.mostUnacknowledged = Math.max(this.mostUnacknowledged, this.sent - this.acknowledged);
    }
  }
}

/** A terminal that shows what it is given, at once or when it is told to. */
export class FakeViewer implements Viewer {
  shown: Uint8Array[] = [];
  standings: Standing[] = [];
  missedCount = 0;
  isSlow = false;
  most = 0; // bytes that it had not shown yet, at worst
  private waiting: { data: Uint8Array; done: () => void }[] = [];
  private unseen = 0;

  show(data: Uint8Array, done: () => void): void {
    this.waiting.push({ data, done });
    this.unseen += data.length;
    this.most = Math.max(this.most, this.unseen);
    if (!this.isSlow) this.showNext(Infinity);
  }

  missed(count: number): void {
    this.missedCount += count;
  }

  changed(standing: Standing): void {
    this.standings.push(standing);
  }

  showNext(count = 1): void {
    for (; count > 0 && this.waiting.length > 0; count--) {
      const next = this.waiting.shift();
      if (!next) return;
      this.shown.push(next.data);
      this.unseen -= next.data.length;
      next.done();
    }
  }

  get all(): string {
    return text(this.shown);
  }

  get phase(): string {
    return this.standings.at(-1)?.phase ?? "";
  }
}

export const SIZE: Size = { rows: 24, cols: 80 };

/** A shell, the world around it, and a session that is attached to it. */
export async function attached(how: { isKnown?: boolean } = {}) {
  const shell = new Shell();
  const world = new FakeWorld(shell);
  const viewer = new FakeViewer();
  const session = new Session(world, viewer, "s1", SIZE, how.isKnown);
  session.open();
  world.link.accept();
  world.link.moveAll();
  await settled();
  return { shell, world, viewer, session };
}

export const status = (code: number, message: string, details: object = {}): Refusal =>
  refusalOf({ code, reason: "Some", message, details });
