/** The connections, clock and timers of a browser, for sessions; and the list of the shells of a VPS. */
import { ApiError, ask, json } from "../api/http";
import { socketTo } from "../api/key";
import { VPS, pathOf } from "../api/kinds";
import type { KObject } from "../api/objects";
import { type Asked, type Left, type Refusal, isAway, listUrlOf, read, urlOf } from "./protocol";
import type { Ears, Wire, World } from "./session";

const LIST_WITHIN = 10_000; // ms

export class Browser implements World {
  constructor(
    readonly namespace: string,
    readonly name: string,
  ) {}

  /** The VPS as it is now; undefined where there is none. Throws `ApiError`. */
  async vps(): Promise<KObject | undefined> {
    try {
      return await json<KObject>(pathOf(VPS, this.namespace, this.name));
    } catch (thrown) {
      if (thrown instanceof ApiError && thrown.code === 404) return undefined;
      throw thrown;
    }
  }

  connect(asked: Asked, ears: Ears): Wire {
    const socket = streamTo(urlOf(this.namespace, this.name, asked));
    socket.onmessage = ({ data }) => ears.heard(typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer));
    socket.onclose = () => ears.closed();
    return {
      send: (data) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(data);
      },
      close: () => {
        socket.onmessage = socket.onclose = null;
        socket.close();
      },
    };
  }

  /** The same again as a plain request: what answers it stands before the stream, which itself is no document. */
  async why(asked: Asked): Promise<Refusal | undefined> {
    try {
      await ask(urlOf(this.namespace, this.name, asked));
      return undefined;
    } catch (thrown) {
      if (!(thrown instanceof ApiError)) throw thrown;
      const isPassing = isAway(thrown.code) || thrown.code === 429;
      return thrown.code === 400 ? undefined : { error: thrown, passing: isPassing };
    }
  }

  now(): number {
    return Date.now();
  }

  later(ms: number, call: () => void): () => void {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  }

  random(): number {
    return Math.random();
  }

  isSeen(): boolean {
    return document.visibilityState === "visible";
  }
}

/** The shells that a VPS has. Throws `ApiError`. */
export function shellsThere(namespace: string, name: string): Promise<readonly Left[]> {
  return new Promise((resolve, reject) => {
    const socket = streamTo(listUrlOf(namespace, name));
    const timer = setTimeout(() => socket.close(), LIST_WITHIN);
    socket.onmessage = ({ data }) => {
      const message = typeof data === "string" ? read(data) : undefined;
      if (message?.kind === "sessions") resolve(message.sessions);
      else if (message?.kind === "error") reject(message.refusal.error);
      else return;
      socket.close();
    };
    socket.onclose = () => {
      clearTimeout(timer);
      reject(new ApiError(0, "NoAnswer", "the shells of this VPS cannot be listed now"));
    };
  });
}

function streamTo(path: string): WebSocket {
  const socket = socketTo(path);
  socket.binaryType = "arraybuffer";
  return socket;
}

/** Calls back whenever the network or the person is there again. */
export function onReturn(call: () => void): void {
  addEventListener("online", call);
  addEventListener("pageshow", call);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && call());
}

/**
 * Does work in which `<style>` elements are made, and gives them the page's nonce: without it the content security policy
 * keeps them out. The terminal's own renderer makes some, and offers no other way in.
 */
export function withNonce<T>(work: () => T): T {
  const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? "";
  const make = document.createElement;
  document.createElement = function (this: Document, tag: string, how?: ElementCreationOptions): HTMLElement {
    const made = make.call(document, tag, how);
    if (tag === "style") made.nonce = nonce;
    return made;
  } as typeof document.createElement;
  try {
    return work();
  } finally {
    document.createElement = make;
  }
}

/** Opens a link that stands in a terminal, if it is one to a page; never so that the page there reaches this one. */
export function openLink(uri: string): void {
  const url = linkOf(uri);
  if (url) window.open(url, "_blank", "noopener,noreferrer");
}

/** The link as a browser reads it; undefined where it is none to a page. Pure. */
export function linkOf(uri: string): string | undefined {
  try {
    const url = new URL(uri);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : undefined;
  } catch {
    return undefined;
  }
}
