/** All that is known of one node, as `kohakuriver node status` shows it. */
import { isAdmin } from "../api/session";
import { href } from "../router";
import { Ago } from "../ui/clock";
import { Copy } from "../ui/copy";
import { coresShown, type Holder, type Stray, sizeShown, type View } from "./node";

export function Detail({ view }: { view: View }) {
  return (
    <div class="cluster-detail">
      <dl class="cluster-facts">
        {view.facts.map(([name, value]) => <Fact key={name} name={name}>{value}</Fact>)}
        {view.portRange && <Fact name="SSH ports">{view.portRange}</Fact>}
        <Fact name="Labels">{view.labels.length ? <Words all={view.labels.map(([key, value]) => `${key}=${value}`)} /> : "none"}</Fact>
        <Fact name="Taints">{view.taints.length ? <Words all={view.taints} /> : "none"}</Fact>
      </dl>
      <Holders holders={view.holders} />
      {view.strays.length > 0 && <Strays strays={view.strays} />}
      {view.conditions.length > 0 && (
        <div class="cluster-wide" tabIndex={0} role="region" aria-label={`Conditions of ${view.name}`}>
          <table>
            <caption>Conditions</caption>
            <thead><tr><th scope="col">Type</th><th scope="col">Status</th><th scope="col">Since</th><th scope="col">Message</th></tr></thead>
            <tbody>
              {view.conditions.map((one) => (
                <tr key={one.type}>
                  <th scope="row">{one.type}</th>
                  <td>{one.status}</td>
                  <td>{one.lastTransitionTime ? <Ago time={one.lastTransitionTime} /> : "–"}</td>
                  <td>{one.message || one.reason}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {isAdmin() && <Final view={view} />}
    </div>
  );
}

function Fact({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return <div><dt>{name}</dt><dd>{children}</dd></div>;
}

function Words({ all }: { all: readonly string[] }) {
  return <>{all.map((one) => <code key={one} class="cluster-chip">{one}</code>)}</>;
}

function Holders({ holders }: { holders: readonly Holder[] }) {
  if (holders.length === 0) return <p class="quiet-text">No VPS of yours is placed here.</p>;
  return (
    <div class="cluster-wide" tabIndex={0} role="region" aria-label="VPSes here">
      <table>
        <caption>VPSes here</caption>
        <thead>
          <tr><th scope="col">VPS</th><th scope="col">Cores</th><th scope="col">Memory</th><th scope="col">GPUs</th><th scope="col">SSH port</th></tr>
        </thead>
        <tbody>
          {holders.map((one) => (
            <tr key={`${one.namespace}/${one.name}`}>
              <th scope="row">
                {one.tombstone ? (
                  <>{one.namespace}/{one.name} <span class="quiet-text">deleted: {one.tombstone}</span></>
                ) : (
                  <a href={href("vps", one.namespace, one.name)}>{one.namespace}/{one.name}</a>
                )}
              </th>
              <td>{one.millicores ? coresShown(one.millicores) : "–"}</td>
              <td>{one.bytes ? sizeShown(one.bytes) : "–"}</td>
              <td>{one.gpus.length || "–"}</td>
              <td>{one.sshPort ?? "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Strays({ strays }: { strays: readonly Stray[] }) {
  return (
    <div class="cluster-wide" tabIndex={0} role="region" aria-label="Containers that no VPS accounts for">
      <table>
        <caption>Containers of this cluster that no VPS accounts for, left alone</caption>
        <thead><tr><th scope="col">Container</th><th scope="col">VPS</th><th scope="col">State</th></tr></thead>
        <tbody>
          {strays.map((one) => <tr key={one.container}><th scope="row">{one.container}</th><td>{one.owner}</td><td>{one.state}</td></tr>)}
        </tbody>
      </table>
      <p class="quiet-text">Once its VPS is declared again, it takes its container back: <code>kohakuriver vps adopt NAME -n NAMESPACE</code></p>
    </div>
  );
}

/** What cannot be taken back is not done by a click. */
function Final({ view }: { view: View }) {
  const all = [
    [`kohakuriver node revoke ${view.name}`, "its credential was stolen, or may have been: it is good no more; what runs goes on"],
    [`kohakuriver node forget ${view.name} --destroyed`, "the machine is gone for good: its VPSes are placed anew, without the files they had there"],
  ] as const;
  return (
    <div class="cluster-final">
      <p class="quiet-text">What is final is done by the command:</p>
      <ul>
        {all.map(([command, what]) => (
          <li key={command}><code>{command}</code> <Copy text={command} what="the command" /> <span class="quiet-text">{what}</span></li>
        ))}
      </ul>
    </div>
  );
}
