/**
 * All objects of a kind, kept current by one list and one watch, shared by everybody who shows them.
 *
 * Lists in pages, watches from the listed revision, resumes where it was cut, lists again when the history is gone (410).
 * Changes come out once a frame, so that many of them in a moment draw the page once.
 */
import { type Signal, signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { events } from "./events";
import { ApiError, ask, json, ofStatus } from "./http";
import { type Kind, pathOf } from "./kinds";
import { type KObject, keyOf } from "./objects";

export type State = "loading" | "live" | "stale" | "refused";

/** What a shown collection could not be kept current for, and since when (ms since 1970). */
export interface Lost {
  error: ApiError;
  since: number;
}

/** Set while any collection in use is `stale`. */
export const lost: Signal<Lost | undefined> = signal(undefined);

const PAGE = 500;
const LINGER = 30_000; // ms that a collection nobody shows is kept current: going back is instant
const WAITS = [500, 1000, 2000, 4000, 8000]; // ms before each try

interface ListAnswer {
  metadata: { resourceVersion: string; continue?: string };
  items: KObject[];
}

export class Collection {
  readonly objects: Signal<ReadonlyMap<string, KObject>> = signal(new Map());
  readonly state: Signal<State> = signal<State>("loading");
  /** Why it is `stale` or `refused`. */
  readonly error: Signal<ApiError | undefined> = signal(undefined);

  private users = 0;
  private ended: AbortController | undefined;
  private lingering: ReturnType<typeof setTimeout> | undefined;
  private pending: Map<string, KObject> | undefined;

  constructor(
    private readonly kind: Kind,
    private readonly namespace: string,
    private readonly selector: string,
  ) {}

  /** Keeps it current until the function that this returns is called. */
  use(): () => void {
    this.users++;
    clearTimeout(this.lingering);
    if (!this.ended) {
      this.ended = new AbortController();
      void this.run(this.ended.signal);
    }
    return () => {
      if (--this.users === 0) this.lingering = setTimeout(() => this.stop(), LINGER);
    };
  }

  stop(): void {
    this.ended?.abort();
    this.ended = undefined;
    this.stands(this.state.peek());
  }

  /** Whether it is in use and not current. */
  get isLost(): boolean {
    return this.ended !== undefined && this.state.peek() === "stale";
  }

  private isCurrent(): void {
    this.error.value = undefined;
    this.stands("live");
  }

  private stands(state: State): void {
    this.state.value = state;
    const found = [...shared.values()].find((one) => one.isLost)?.error.peek();
    if (!found) lost.value = undefined;
    else lost.value = { error: found, since: lost.peek()?.since ?? Date.now() };
  }

  private async run(end: AbortSignal): Promise<void> {
    let tries = 0;
    let revision = "";
    while (!end.aborted) {
      try {
        if (!revision) {
          revision = await this.list(end);
          this.isCurrent();
        }
        // Where it was lost it is current again when a watch answers, and not before.
        revision = await this.watch(revision, end, () => {
          this.isCurrent();
          tries = 0;
        });
      } catch (error) {
        if (end.aborted) return;
        const found = error instanceof ApiError ? error : new ApiError(0, "Broken", String(error));
        if (found.code === 410) {
          revision = "";
          continue;
        }
        this.error.value = found;
        if (found.code === 401) return this.stop();
        this.stands(found.code === 403 || found.code === 404 ? "refused" : "stale");
      }
      await waitOr(end, WAITS[Math.min(tries++, WAITS.length - 1)] ?? 8000);
    }
  }

  private path(query: Record<string, string>): string {
    const asked = new URLSearchParams(query);
    if (this.selector) asked.set("fieldSelector", this.selector);
    return `${pathOf(this.kind, this.namespace)}?${asked}`;
  }

  private async list(end: AbortSignal): Promise<string> {
    const found = new Map<string, KObject>();
    let next = "";
    for (;;) {
      const query: Record<string, string> = { limit: String(PAGE) };
      if (next) query["continue"] = next;
      const answer = await json<ListAnswer>(this.path(query), { signal: end });
      for (const object of answer.items) found.set(keyOf(object), object);
      next = answer.metadata.continue ?? "";
      if (!next) {
        this.pending = undefined;
        this.objects.value = found;
        return answer.metadata.resourceVersion;
      }
    }
  }

  /** Follows until the server ends the watch; the revision to go on from. */
  private async watch(revision: string, end: AbortSignal, opened: () => void): Promise<string> {
    const query = { watch: "1", allowWatchBookmarks: "true", resourceVersion: revision };
    try {
      for await (const text of events(this.path(query), end, opened)) {
        const event = JSON.parse(text) as { type: string; object: KObject };
        if (event.type === "ERROR") throw ofStatus(event.object);
        revision = event.object.metadata.resourceVersion ?? revision;
        if (event.type === "BOOKMARK") continue;
        this.change(event.type === "DELETED", event.object);
      }
    } catch (error) {
      if (error instanceof ApiError && error.code === 0) await this.look(end);
      throw error;
    }
    return revision;
  }

  /** Throws what the server has against a watch, which a WebSocket does not say. */
  private async look(end: AbortSignal): Promise<void> {
    const answer = await ask(this.path({ limit: "1" }), { signal: end });
    await answer.body?.cancel();
  }

  private change(isGone: boolean, object: KObject): void {
    if (!this.pending) {
      this.pending = new Map(this.objects.peek());
      schedule(() => {
        if (this.pending) this.objects.value = this.pending;
        this.pending = undefined;
      });
    }
    if (isGone) this.pending.delete(keyOf(object));
    else this.pending.set(keyOf(object), object);
  }
}

/** With the next frame; a page in the background draws none, so then within a second. */
function schedule(work: () => void): void {
  let done = false;
  const once = () => {
    if (!done) work();
    done = true;
  };
  if (typeof requestAnimationFrame === "function") requestAnimationFrame(once);
  setTimeout(once, 1000);
}

function waitOr(end: AbortSignal, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      end.removeEventListener("abort", done);
      globalThis.removeEventListener?.("online", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    end.addEventListener("abort", done);
    globalThis.addEventListener?.("online", done);
  });
}

const shared = new Map<string, Collection>();

/** The one collection of this kind and namespace ("" for all that one may see). */
export function collectionOf(kind: Kind, namespace = "", selector = ""): Collection {
  const key = JSON.stringify([kind.group, kind.plural, namespace, selector]);
  let found = shared.get(key);
  if (!found) shared.set(key, (found = new Collection(kind, namespace, selector)));
  return found;
}

/** Ends every watch and forgets what it has shown: for a logout. */
export function forgetAll(): void {
  for (const one of shared.values()) one.stop();
  shared.clear();
}

/** The collection, kept current while the component that calls this is on the page. */
export function useCollection(kind: Kind, namespace = "", selector = ""): Collection {
  const found = useMemo(() => collectionOf(kind, namespace, selector), [kind, namespace, selector]);
  useEffect(() => found.use(), [found]);
  return found;
}
