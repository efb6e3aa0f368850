/**
 * A stream out of a VPS, as the page hears it: bytes, and messages of one key. It is opened again where the connection broke, and
 * never after an end in words or a refusal.
 */
import { socketTo } from "../api/key";
import { signal, type Signal } from "@preact/signals";
import { ApiError, ofStatus } from "../api/http";
import { pathOf, VPS } from "../api/kinds";

export interface Heard {
  bytes?(data: Uint8Array): void;
  message?(message: Record<string, any>): void;
  /** A connection stands: what follows is from its beginning. */
  began?(): void;
}

export interface Outcome {
  /** What the other side said at the end; empty where it said nothing. */
  readonly ended: string;
  readonly error: ApiError | undefined;
}

export type State = "opening" | "open" | "broken" | "over";

const WAITS = [500, 1000, 2000, 4000, 8000]; // ms before each try

/** What a browser's WebSocket is to this: a fake stands in for it in tests. */
export interface Socket {
  binaryType: BinaryType;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
  close(): void;
}

export interface World {
  connect(path: string): Socket;
  later(work: () => void, ms: number): () => void;
}

const BROWSER: World = {
  connect: (path) => socketTo(path) as unknown as Socket,
  later: (work, ms) => {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  },
};

export class Stream {
  readonly state: Signal<State> = signal<State>("opening");
  readonly outcome: Signal<Outcome> = signal<Outcome>({ ended: "", error: undefined });
  private socket: Socket | undefined;
  private cancel = () => {};
  private tries = 0;
  private isClosed = false;

  /** `query` is asked before every try: a log goes on from where it was cut. */
  constructor(
    private readonly path: string,
    private readonly query: () => Record<string, string>,
    private readonly heard: Heard,
    private readonly world: World = BROWSER,
  ) {
    this.open();
  }

  /** Ends it; nothing is heard after this. */
  close(): void {
    this.isClosed = true;
    this.cancel();
    this.socket?.close();
  }

  private open(): void {
    const asked = new URLSearchParams({ ...this.query(), refusal: "message" });
    const socket = this.world.connect(`${this.path}?${asked}`);
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    let isOver = false;
    socket.onopen = () => {
      if (this.isClosed) return;
      this.state.value = "open";
      this.heard.began?.();
    };
    socket.onmessage = ({ data }) => {
      if (this.isClosed || isOver) return;
      this.tries = 0;
      if (data instanceof ArrayBuffer) return this.heard.bytes?.(new Uint8Array(data));
      const message = read(data);
      if (message["error"] !== undefined || message["end"] !== undefined) {
        isOver = true;
        const error = message["error"] === undefined ? undefined : ofStatus(message["error"]);
        this.outcome.value = { ended: String(message["end"]?.message ?? ""), error };
        this.state.value = "over";
      } else this.heard.message?.(message);
    };
    socket.onclose = () => {
      if (this.isClosed || isOver) return;
      this.state.value = "broken";
      this.cancel = this.world.later(() => this.open(), WAITS[Math.min(this.tries++, WAITS.length - 1)] ?? 8000);
    };
  }
}

/** Where a kind of stream of a VPS is opened. */
export function streamPath(kind: "logs" | "stats", namespace: string, name: string): string {
  return pathOf(VPS, namespace, name, kind);
}

function read(data: unknown): Record<string, any> {
  try {
    const found: unknown = JSON.parse(String(data));
    return typeof found === "object" && found !== null ? found : {};
  } catch {
    return {};
  }
}
