/**
 * What VPSes use on each node, by metrics.k8s.io. Nothing measures while nobody asks, so it is asked for again while the
 * screen is looked at, and not behind another tab.
 */
import { useEffect, useState } from "preact/hooks";
import { json } from "../api/http";
import { type KObject } from "../api/objects";
import { millicores, size } from "./amounts";
import { object } from "./node";

export interface Usage {
  millicores: number;
  bytes: number;
}

const PATH = "/apis/metrics.k8s.io/v1beta1/nodes";
const EVERY = 15_000; // ms: as long as the server keeps a reading
const AT_MANY = 60_000; // where many agents are asked
const MANY = 200; // VPSes

/** By the node's name; none while nobody has measured, or may know. */
export function useUsage(isWanted: boolean, vpses: number): ReadonlyMap<string, Usage> {
  const [found, setFound] = useState<ReadonlyMap<string, Usage>>(new Map());
  const every = vpses > MANY ? AT_MANY : EVERY;
  useEffect(() => {
    if (!isWanted) return;
    const end = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const measure = async () => {
      if (!document.hidden) {
        try {
          setFound(usageOf(await json<{ items?: unknown }>(PATH, { signal: end.signal })));
        } catch {
          // It is not known then; what is booked stays to be seen, and a lost connection is told by the lists.
        }
      }
      if (!end.signal.aborted) timer = setTimeout(measure, every);
    };
    void measure();
    return () => {
      end.abort();
      clearTimeout(timer);
    };
  }, [isWanted, every]);
  return found;
}

/** The items of a NodeMetricsList, by name. Pure. */
export function usageOf(answer: { items?: unknown }): Map<string, Usage> {
  const found = new Map<string, Usage>();
  for (const item of Array.isArray(answer.items) ? (answer.items as KObject[]) : []) {
    const usage = object(object(item)["usage"]);
    const [cores, memory] = [millicores(usage["cpu"]), size(usage["memory"])];
    const name = object(item.metadata)["name"];
    if (typeof name === "string" && cores !== undefined && memory !== undefined) found.set(name, { millicores: cores, bytes: memory });
  }
  return found;
}
