/**
 * ResourceQuotas with what is used of them. The server works that out when it is asked, so it is asked again after VPSes or
 * quotas have changed, once for many changes.
 */
import { useEffect, useState } from "preact/hooks";
import { ApiError, json } from "../api/http";
import { pathOf, RESOURCE_QUOTA, VPS } from "../api/kinds";
import { type KObject, keyOf } from "../api/objects";
import { session } from "../api/session";
import { scopesOf, useEvery } from "../api/every";

const SETTLES = 1000; // ms after a change; more of them meanwhile cost nothing

export interface Used {
  quotas: readonly KObject[];
  isThere: boolean;
  error: ApiError | undefined;
}

export function useQuotas(): Used {
  const declared = useEvery(RESOURCE_QUOTA);
  const vpses = useEvery(VPS);
  const [answer, setAnswer] = useState<ReadonlyMap<string, KObject>>();
  const [error, setError] = useState<ApiError>();
  const [quotas, running] = [declared.objects.value, vpses.objects.value];
  const places = scopesOf(session.value, RESOURCE_QUOTA).join(",");
  const isThere = declared.state.value !== "loading";
  useEffect(() => {
    if (!isThere) return;
    const end = new AbortController();
    const ask = async () => {
      try {
        setAnswer(await listed(places.split(","), end.signal));
        setError(undefined);
      } catch (thrown) {
        if (!end.signal.aborted) setError(thrown instanceof ApiError ? thrown : new ApiError(0, "Broken", String(thrown)));
      }
    };
    const timer = setTimeout(ask, answer ? SETTLES : 0);
    return () => {
      clearTimeout(timer);
      end.abort();
    };
  }, [quotas, running, places, isThere]);
  // What is declared is live; what is used of it is as of the last answer.
  const all = [...quotas.values()].map((quota) => ({ ...quota, status: answer?.get(keyOf(quota))?.status ?? quota.status }));
  all.sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
  return { quotas: all, isThere, error: error ?? declared.error.value };
}

async function listed(places: readonly string[], signal: AbortSignal): Promise<Map<string, KObject>> {
  const answers = await Promise.all(places.map((place) => json<{ items: KObject[] }>(pathOf(RESOURCE_QUOTA, place), { signal })));
  return new Map(answers.flatMap((one) => one.items.map((quota) => [keyOf(quota), quota] as const)));
}
