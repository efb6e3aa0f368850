/** What VPSes use at this moment, measured when asked for: there is no watch of it. */
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { json } from "../api/http";
import { quantity } from "../api/quantity";
import { scopesOf } from "../api/every";
import { VPS } from "../api/kinds";
import { session } from "../api/session";

export interface Used {
  cores: number;
  memory: number;
}

interface Metrics {
  items: { metadata: { name: string; namespace?: string }; containers?: { usage?: { cpu?: string; memory?: string } }[] }[];
}

const SOON = 1000; // ms after another number of VPSes runs
const EVERY = 10_000; // ms between an answer and the next question; none while the page is in the background

/** By namespace and name; without those that do not run, or whose node did not say. */
export const used = signal<ReadonlyMap<string, Used>>(new Map());

/** The answers as one map. Pure. */
export function usedOf(answers: readonly Metrics[]): Map<string, Used> {
  const found = new Map<string, Used>();
  for (const { metadata, containers } of answers.flatMap((answer) => answer.items ?? [])) {
    const usage = containers?.[0]?.usage;
    const [cores, memory] = [quantity(usage?.cpu), quantity(usage?.memory)];
    if (cores !== undefined && memory !== undefined) found.set(`${metadata.namespace}/${metadata.name}`, { cores, memory });
  }
  return found;
}

async function measure(scopes: readonly string[], signal: AbortSignal): Promise<void> {
  const path = (scope: string) => `/apis/metrics.k8s.io/v1beta1/${scope ? `namespaces/${encodeURIComponent(scope)}/` : ""}pods`;
  used.value = usedOf(await Promise.all(scopes.map((scope) => json<Metrics>(path(scope), { signal }))));
}

/** Keeps `used` current while the component that calls this is on the page, and seen. `running` is how many run. */
export function useUsage(running: number): void {
  const who = session.value;
  const soon = useRef(() => {});
  useEffect(() => soon.current(), [running]);
  useEffect(() => {
    const end = new AbortController();
    let next: ReturnType<typeof setTimeout> | undefined;
    let isAsking = false;
    const ask = async () => {
      clearTimeout(next);
      if (document.hidden || isAsking || end.signal.aborted) return;
      isAsking = true;
      try {
        await measure(scopesOf(who, VPS), end.signal);
      } catch {
        if (!end.signal.aborted) used.value = new Map(); // the list tells that the server is away; the bars are simply gone
      } finally {
        isAsking = false;
        if (!end.signal.aborted) next = setTimeout(ask, EVERY);
      }
    };
    soon.current = () => {
      if (isAsking) return;
      clearTimeout(next);
      next = setTimeout(ask, SOON);
    };
    document.addEventListener("visibilitychange", ask);
    void ask();
    return () => {
      end.abort();
      clearTimeout(next);
      soon.current = () => {};
      document.removeEventListener("visibilitychange", ask);
    };
  }, [who]);
}
