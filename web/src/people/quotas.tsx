/** Bars of what is used of each limit. */
import { type ComponentChildren } from "preact";
import { type KObject, keyOf } from "../api/objects";
import { Meter } from "../ui/meter";
import { Trouble } from "../ui/trouble";
import { limitsOf } from "./quota";
import { useQuotas } from "./used";

/** The quotas of one's own namespaces. */
export function Quotas() {
  const { quotas, isThere, error } = useQuotas();
  if (!isThere) return <p class="waiting">…</p>;
  return (
    <>
      <Trouble error={error} />
      {quotas.length === 0 && <p class="quiet-text">No quota limits what your VPSes may book. How many VPSes a namespace may have, the server limits by itself.</p>}
      <ul class="people-cards">
        {quotas.map((quota) => (
          <li key={keyOf(quota)} class="people-card">
            <h3>{quota.metadata.namespace} <span class="quiet-text">{quota.metadata.name}</span></h3>
            <Limits quota={quota} />
          </li>
        ))}
      </ul>
    </>
  );
}

export function Limits({ quota, children }: { quota: KObject; children?: ComponentChildren }) {
  const limits = limitsOf(quota);
  return (
    <div class="people-limits">
      {limits.map((one) => (
        <div key={one.name}>
          <span class="people-label">{one.label}</span>
          {one.used === undefined || one.most === undefined ? <span>{one.text}</span> : <Meter label={one.label} used={one.used} total={one.most} text={one.text} />}
        </div>
      ))}
      {limits.length === 0 && <span class="quiet-text">It limits nothing.</span>}
      {children}
    </div>
  );
}
