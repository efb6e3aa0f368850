/** All objects of a kind that the visitor may see: across namespaces, or those of their own together. */
import { computed, type ReadonlySignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { type Collection, collectionOf, type State } from "./collection";
import type { ApiError } from "./http";
import type { Kind } from "./kinds";
import type { KObject } from "./objects";
import { type Session, session } from "./session";

export interface Every {
  readonly objects: ReadonlySignal<ReadonlyMap<string, KObject>>;
  readonly state: ReadonlySignal<State>;
  readonly error: ReadonlySignal<ApiError | undefined>;
}

/** The namespaces to ask for one by one; one empty name for all at once. Pure. */
export function scopesOf(who: Session | null | undefined, kind: Kind): readonly string[] {
  if (!kind.namespaced || !who || who.role === "admin" || who.namespaces.length === 0) return [""];
  return [...who.namespaces].sort();
}

const WORST: readonly State[] = ["stale", "loading", "live", "refused"];

/** How several stand together: what is there is shown where one is refused. Pure. */
export function together(states: readonly State[]): State {
  return WORST.find((state) => states.includes(state)) ?? "loading";
}

/** Several collections as one. */
export function joined(parts: readonly Collection[]): Every {
  const [only] = parts;
  if (only && parts.length === 1) return only;
  return {
    objects: computed(() => new Map(parts.flatMap((part) => [...part.objects.value]))),
    state: computed(() => together(parts.map((part) => part.state.value))),
    error: computed(() => parts.map((part) => part.error.value).find(Boolean)),
  };
}

/** Kept current while the component that calls this is on the page. */
export function useEvery(kind: Kind): Every {
  const scopes = scopesOf(session.value, kind).join(",");
  const parts = useMemo(() => scopes.split(",").map((scope) => collectionOf(kind, scope)), [kind, scopes]);
  useEffect(() => {
    const ends = parts.map((part) => part.use());
    return () => ends.forEach((end) => end());
  }, [parts]);
  return useMemo(() => joined(parts), [parts]);
}
