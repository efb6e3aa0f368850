/** What a VPS was declared to be and what it was given, how it is, what it uses, and what happened to it. */
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { useCollection } from "../api/collection";
import { EVENT } from "../api/kinds";
import type { Condition, KObject } from "../api/objects";
import { observedOf, wordOf } from "../api/vps";
import { mayWrite } from "../api/session";
import { Ago } from "../ui/clock";
import { arriving } from "../ui/arriving";
import { Happenings } from "./events";
import { conditionsOf, eventsSelector, factsOf } from "./facts";

export function Overview({ vps }: { vps: KObject }) {
  return (
    <div class="vps-overview">
      <section>
        <h2>Configuration</h2>
        <Facts vps={vps} />
      </section>
      <div class="vps-side">
        <section>
          <h2>Usage</h2>
          <Use vps={vps} />
        </section>
        <section>
          <h2>Conditions</h2>
          <Conditions vps={vps} />
        </section>
      </div>
      <section class="vps-wide">
        <h2>Events</h2>
        <Events vps={vps} />
      </section>
    </div>
  );
}

function Facts({ vps }: { vps: KObject }) {
  const container = observedOf(vps).container ?? {};
  return (
    <table class="vps-facts">
      <thead><tr><td /><th scope="col">Declared</th><th scope="col">Given</th></tr></thead>
      <tbody>
        {factsOf(vps).map((one) => (
          <tr key={one.title}>
            <th scope="row">{one.title}</th>
            <td>{one.declared.map((each, at) => <div key={at}>{each}</div>)}</td>
            <td>{one.granted.map((each, at) => <div key={at}>{each}</div>)}</td>
          </tr>
        ))}
        <tr>
          <th scope="row">Since</th>
          <td>created <Ago time={vps.metadata.creationTimestamp} /> ago</td>
          <td>{container.startedAt && wordOf(vps) !== "stopped" && <>started <Ago time={container.startedAt} /> ago</>}</td>
        </tr>
      </tbody>
    </table>
  );
}

function Conditions({ vps }: { vps: KObject }) {
  const { wrong, fine } = conditionsOf(vps);
  if (wrong.length + fine.length === 0) return <p class="quiet-text">Nobody has said anything of it yet.</p>;
  const words = fine.length === 1 ? "1 condition is as it should be" : `${fine.length} conditions are as they should be`;
  return (
    <>
      {wrong.length > 0 && <ConditionTable title="Conditions that are not as they should be" all={wrong} />}
      {fine.length > 0 && (
        <details>
          <summary>{words}</summary>
          <ConditionTable title="Conditions that are as they should be" all={fine} />
        </details>
      )}
    </>
  );
}

function ConditionTable({ title, all }: { title: string; all: readonly Condition[] }) {
  return (
    <table class="vps-conditions" aria-label={title}>
      <thead><tr><th scope="col">Condition</th><th scope="col">Is</th><th scope="col">Why</th></tr></thead>
      <tbody>
        {all.map((one) => (
          <tr key={one.type}>
            <th scope="row">{one.type}</th>
            <td>{one.status}</td>
            <td>
              {one.reason && <code>{one.reason}</code>} {one.message}
              {one.lastTransitionTime && <span class="quiet-text"> (<Ago time={one.lastTransitionTime} />)</span>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Events({ vps }: { vps: KObject }) {
  const found = useCollection(EVENT, vps.metadata.namespace, eventsSelector(vps));
  return <Happenings collection={found} events={[...found.objects.value.values()]} />;
}

type Chart = ComponentType<{ namespace: string; name: string; vps: KObject }>;

/** The curves, which come with a library of their own. */
function Use({ vps }: { vps: KObject }) {
  const { namespace = "", name } = vps.metadata;
  const [chart, setChart] = useState<{ is: Chart }>();
  const [failed, setFailed] = useState(false);
  const isShown = wordOf(vps) === "running" && mayWrite(namespace);
  useEffect(() => {
    if (isShown) arriving(() => import("./use")).then((found) => setChart({ is: found.Use }), () => setFailed(true));
  }, [isShown]);
  if (!mayWrite(namespace)) return <p class="quiet-text">What it uses is told to those who may use it.</p>;
  if (!isShown) return <p class="quiet-text">Nothing: it is {wordOf(vps)}.</p>;
  if (failed) return <p role="alert">The curves did not arrive. Load the page again.</p>;
  return chart ? <chart.is namespace={namespace} name={name} vps={vps} /> : <p class="waiting">…</p>;
}
