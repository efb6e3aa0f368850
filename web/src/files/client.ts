/**
 * Asks for the files of a VPS over one stream, request by request (docs: Streams, files). No DOM in here.
 *
 * The stream is opened when it is first needed, and again after it broke. What only looks is asked again by itself then;
 * what writes is not, since it may have been done. Requests take turns, so whatever moves much has a client of its own.
 */
import { ApiError, ofStatus } from "../api/http";
import { type Entry, entryOf } from "./entry";

export type Bytes = Uint8Array<ArrayBuffer>;

/** One open stream. */
export interface Channel {
  send(data: string | Bytes): void;
  /** How many bytes of what was sent have not gone out yet. */
  readonly buffered: number;
  /** Ends it; nothing of it is heard after that. */
  close(): void;
}

/** Who hears what comes over a stream. */
export interface Listener {
  text(message: string): void;
  bytes(data: Bytes): void;
  /** It is over, and not by our `close`. */
  closed(): void;
}

/** Opens one. Rejects with the `ApiError` that keeps it from being opened. */
export type Open = (listener: Listener) => Promise<Channel>;

export interface Clock {
  /** Calls once after so many milliseconds, unless the function that comes back is called first. */
  after(ms: number, call: () => void): () => void;
}

export const realClock: Clock = {
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};

/** The bytes of one `read` request of a long file: what comes can be taken no faster than it is asked for. */
export const PIECE = 4 << 20;
/** The bytes of a message that is sent. */
export const BLOCK = 1 << 18;
/** Bytes that wait to go out, at which no more is sent. */
export const HIGH = 1 << 20;
/** How long a request may be silent, where its answer costs the node next to nothing. */
export const SILENT = 60_000;
/** How long for one that may have work to do before it answers: to remove a large folder, to flush a large file. */
export const WORKING = 15 * 60_000;
const ROOM = 20; // milliseconds until it is looked again whether there is room
/** How long a stream that nobody uses is kept: each costs the node a process. */
export const IDLE = 120_000;

type Answer = Record<string, unknown>;

interface Asking {
  body?: AsyncIterable<Bytes>;
  part?: (part: Answer) => void;
  bytes?: (data: Bytes) => void;
  signal?: AbortSignal | undefined;
  silent?: number;
}

/** One request under way. */
class Exchange {
  /** `replied`: the node has said its last word on it; `broken`: it never will. */
  state: "waiting" | "replied" | "broken" = "waiting";
  readonly reply: Promise<Answer>;
  private settle!: { answered: (answer: Answer) => void; failed: (error: unknown) => void };
  private cancel = () => {};

  constructor(
    readonly request: Answer,
    readonly how: Asking,
    private readonly clock: Clock,
  ) {
    this.reply = new Promise((answered, failed) => (this.settle = { answered, failed }));
    this.reply.catch(() => {}); // who asked awaits it after the body
    this.alive();
  }

  answered(answer: Answer): void {
    this.state = "replied";
    this.settle.answered(answer);
  }

  refused(status: ApiError): void {
    this.state = "replied";
    this.settle.failed(status);
  }

  broken(error: unknown): void {
    if (this.state === "waiting") this.state = "broken";
    this.settle.failed(error);
  }

  /** Something was heard or has gone out: the wait begins anew. */
  alive(): void {
    this.cancel();
    const late = () => this.broken(lost(this.request, "nothing was heard of it for too long"));
    this.cancel = this.clock.after(this.how.silent ?? SILENT, late);
  }

  end(): void {
    this.cancel();
  }
}

export interface Told {
  signal?: AbortSignal | undefined;
  /** So many bytes are there, of so many in all where that is known. */
  progress?: (done: number, all?: number) => void;
}

/** What was read, and of which version. */
export interface Content {
  entry: Entry;
  data: Bytes;
}

/** The files of one VPS. Every call rejects with an `ApiError`, or with an `AbortError` once its signal is aborted. */
export class FilesClient {
  private turn: Promise<unknown> = Promise.resolve();
  private channel: Channel | undefined;
  private current: Exchange | undefined;
  private cancelIdle = () => {};
  /** How often it was closed. */
  private epoch = 0;

  constructor(
    private readonly open: Open,
    private readonly clock: Clock = realClock,
  ) {}

  async stat(path: string, follow = true): Promise<Entry> {
    return entryOf(await this.look({ op: "stat", path, follow }));
  }

  /** What is in a folder, unsorted. */
  async list(path: string, signal?: AbortSignal): Promise<Entry[]> {
    let found: Entry[] = [];
    await this.look({ op: "list", path }, () => {
      found = [];
      const part = (each: Answer) => {
        for (const one of listOf(each.entries)) found.push(entryOf(one as Answer));
      };
      return { part, signal };
    });
    return found;
  }

  /** Paths of files below a folder, nearest first, as they are found; whether these are all. */
  async walk(path: string, limit: number, found: (paths: string[]) => void, signal?: AbortSignal): Promise<boolean> {
    const part = (each: Answer) => found(listOf(each.paths).map(String));
    const answer = await this.ask({ op: "walk", path, limit }, { part, signal });
    return answer.complete === true;
  }

  /** At most so many bytes of a file. */
  async read(path: string, limit: number, signal?: AbortSignal): Promise<Content> {
    return (await this.piece(path, 0, limit, signal)).content;
  }

  /**
   * The whole file, in pieces: the next is asked for when `take` is done with the last. Rejects with a conflict where it
   * was written to meanwhile.
   */
  async readInto(path: string, take: (data: Bytes) => Promise<void>, told: Told = {}): Promise<Entry> {
    let first: Entry | undefined;
    let offset = 0;
    for (let isLast = false; !isLast; ) {
      const { content, isChanged } = await this.piece(path, offset, PIECE, told.signal);
      first ??= content.entry;
      if (isChanged || content.entry.version !== first.version) throw changed(path);
      if (content.data.length > 0) await take(content.data);
      offset += content.data.length;
      told.progress?.(offset, first.size);
      isLast = content.data.length < PIECE || offset >= first.size;
    }
    return first as Entry;
  }

  /** Everything below a folder as a tar stream; what was left out, in words. */
  async archive(path: string, take: (data: Bytes) => void, told: Told = {}): Promise<string[]> {
    let done = 0;
    const bytes = (data: Bytes) => {
      take(data);
      told.progress?.((done += data.length));
    };
    const answer = await this.ask({ op: "archive", path }, { bytes, signal: told.signal, silent: WORKING });
    return listOf(answer.left_out).map(String);
  }

  /**
   * Writes the whole file. `expect` is the version that is replaced, "" where nothing may be there, undefined for
   * whatever there is; else it is refused with a 409.
   */
  async write(
    path: string,
    content: Bytes | Blob,
    how: { expect?: string | undefined; mtime?: number } & Told = {},
  ): Promise<Entry> {
    const request: Answer = { op: "write", path };
    if (how.expect !== undefined) request.expect = how.expect;
    if (how.mtime !== undefined) request.mtime = Math.max(0, Math.floor(how.mtime));
    const body = blocks(content, (done, all) => how.progress?.(done, all));
    return entryOf(await this.ask(request, { body, signal: how.signal, silent: WORKING }));
  }

  async folder(path: string, existing = false): Promise<Entry> {
    return entryOf(await this.ask({ op: "folder", path, existing }));
  }

  async rename(path: string, to: string): Promise<void> {
    await this.ask({ op: "rename", path, to });
  }

  async remove(path: string, recursive: boolean, signal?: AbortSignal): Promise<void> {
    await this.ask({ op: "remove", path, recursive }, { signal, silent: WORKING });
  }

  /** Ends the stream and all that was asked for; what is asked for later opens another. */
  close(): void {
    this.epoch++;
    this.drop();
    this.current?.broken(closed());
  }

  private async piece(path: string, offset: number, limit: number, signal: AbortSignal | undefined) {
    let parts: Bytes[] = [];
    const answer = await this.look({ op: "read", path, offset, limit }, () => {
      parts = [];
      return { bytes: (data: Bytes) => void parts.push(data), signal };
    });
    const content: Content = { entry: entryOf({ ...answer, path }), data: joined(parts) };
    return { content, isChanged: answer.changed === true };
  }

  /** Once more on a new stream if the old one was found broken. `how` is asked anew, and forgets what came before. */
  private async look(request: Answer, how: () => Asking = () => ({})): Promise<Answer> {
    const wasOpen = this.channel !== undefined || this.current !== undefined;
    try {
      return await this.ask(request, how());
    } catch (error) {
      if (!wasOpen || !(error instanceof ApiError) || error.reason !== LOST) throw error;
    }
    return this.ask(request, how());
  }

  /** Waits for its turn, and asks. */
  private ask(request: Answer, how: Asking = {}): Promise<Answer> {
    const epoch = this.epoch;
    const mine = this.turn.then(() => {
      if (epoch !== this.epoch) throw closed();
      return this.exchange(request, how);
    });
    this.turn = mine.catch(() => {});
    return unlessAborted(mine, how.signal);
  }

  private async exchange(request: Answer, how: Asking): Promise<Answer> {
    how.signal?.throwIfAborted();
    this.cancelIdle();
    const channel = this.channel ?? (await this.connect());
    how.signal?.throwIfAborted();
    const exchange = (this.current = new Exchange(request, how, this.clock));
    const abort = () => exchange.broken(how.signal?.reason);
    how.signal?.addEventListener("abort", abort);
    let isSent = how.body === undefined;
    try {
      channel.send(JSON.stringify({ request }));
      if (how.body) await this.sendBody(channel, how.body, exchange);
      isSent = true;
      return await exchange.reply;
    } finally {
      exchange.end();
      how.signal?.removeEventListener("abort", abort);
      this.current = undefined;
      // Half an exchange must not be taken for the next one.
      if (this.channel === channel && !(isSent && exchange.state === "replied")) this.drop();
      this.cancelIdle = this.clock.after(IDLE, () => this.current ?? this.drop());
    }
  }

  /**
   * The bytes as there is room for them, and that this was all. What is broken off must never seem to be all; where the
   * answer comes before the end it is a refusal, and the node drops the rest.
   */
  private async sendBody(channel: Channel, body: AsyncIterable<Bytes>, exchange: Exchange): Promise<void> {
    for await (const block of body) {
      for (let before = channel.buffered; channel.buffered > HIGH && exchange.state === "waiting"; before = channel.buffered) {
        await new Promise<void>((resolve) => this.clock.after(ROOM, resolve));
        if (channel.buffered < before) exchange.alive();
      }
      if (exchange.state !== "waiting") break;
      channel.send(block);
      exchange.alive();
    }
    if (exchange.state !== "broken") channel.send(JSON.stringify({ eof: true }));
  }

  private async connect(): Promise<Channel> {
    const epoch = this.epoch;
    let channel: Channel | undefined;
    const isOurs = () => channel !== undefined && channel === this.channel;
    channel = await this.open({
      text: (message) => isOurs() && this.take(message),
      bytes: (data) => isOurs() && this.takeBytes(data),
      closed: () => {
        if (!isOurs()) return;
        this.channel = undefined;
        const under = this.current;
        under?.broken(lost(under.request, "the connection was lost"));
      },
    });
    if (epoch !== this.epoch) {
      channel.close();
      throw closed();
    }
    return (this.channel = channel);
  }

  private take(text: string): void {
    const under = this.current;
    under?.alive();
    let message: Answer;
    try {
      message = JSON.parse(text) as Answer;
    } catch {
      return this.break(new ApiError(0, "NotJSON", "what came is not of this protocol", "is there a proxy in between?"));
    }
    if (message.part !== undefined) this.careful(() => under?.how.part?.(message.part as Answer));
    else if (message.answer !== undefined) under?.answered((message.answer ?? {}) as Answer);
    else if (message.failed !== undefined) under?.refused(ofStatus(message.failed));
    else if (message.error !== undefined) this.break(ofStatus(message.error));
    else if (message.end !== undefined) {
      const end = message.end as { reason?: string; message?: string };
      this.break(new ApiError(0, end.reason ?? "Ended", end.message ?? "the stream was ended"));
    }
  }

  private takeBytes(data: Bytes): void {
    this.current?.alive();
    this.careful(() => this.current?.how.bytes?.(data));
  }

  private careful(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.break(error);
    }
  }

  private break(error: unknown): void {
    this.drop();
    this.current?.broken(error);
  }

  private drop(): void {
    const channel = this.channel;
    this.channel = undefined;
    channel?.close();
  }
}

/** The `reason` of an error that says that the connection was lost. */
export const LOST = "Lost";
const LOOKS = ["stat", "list", "read", "walk", "archive"];

function lost(request: Answer, why: string): ApiError {
  const path = String(request.path ?? "the files");
  if (LOOKS.includes(String(request.op))) return new ApiError(0, LOST, `${path}: ${why}`, "try again in a moment");
  const hint = "look whether it was done, and do it again if not";
  return new ApiError(0, LOST, `${path}: ${why} before the answer came`, hint);
}

function closed(): DOMException {
  return new DOMException("closed", "AbortError");
}

function changed(path: string): ApiError {
  return new ApiError(409, "Conflict", `${path}: it was written to while it was read`, "take it again when it is at rest");
}

function listOf(found: unknown): unknown[] {
  return Array.isArray(found) ? found : [];
}

function joined(parts: Bytes[]): Bytes {
  const [only] = parts;
  if (only && parts.length === 1) return only;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

async function* blocks(
  content: Bytes | Blob,
  progress: (done: number, all: number) => void,
): AsyncGenerator<Bytes> {
  const all = content instanceof Blob ? content.size : content.length;
  for (let start = 0; start < all; start += BLOCK) {
    const end = Math.min(all, start + BLOCK);
    yield content instanceof Blob ? await sliceOf(content, start, end) : content.subarray(start, end);
    progress(end, all);
  }
}

async function sliceOf(blob: Blob, start: number, end: number): Promise<Bytes> {
  try {
    return new Uint8Array(await blob.slice(start, end).arrayBuffer());
  } catch {
    const name = (blob as Partial<File>).name ?? "the file";
    throw new ApiError(0, "Unreadable", `${name}: this machine cannot read it any more`, "was it changed or removed meanwhile?");
  }
}

/** The same promise, which does not wait for its turn once the signal is aborted. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort);
    if (signal.aborted) abort();
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
