/** The snapshots of one VPS: which there are and how each stands, and what can be done with them. */
import { useState } from "preact/hooks";
import { useCollection } from "../../api/collection";
import { EVENT, SNAPSHOT, VPS } from "../../api/kinds";
import type { KObject } from "../../api/objects";
import { mayWrite } from "../../api/session";
import { nodeOf } from "../../api/vps";
import { Ago } from "../../ui/clock";
import { Copy } from "../../ui/copy";
import { confirm } from "../../ui/dialog";
import { Menu } from "../../ui/menu";
import { StateWord } from "../../ui/state";
import { announce, complain } from "../../ui/toasts";
import { Trouble } from "../../ui/trouble";
import { Happenings } from "../events";
import { commandFor, eventsSelector } from "../facts";
import { Fork, Restore, Schedule, Take } from "./asking";
import { remove } from "./doing";
import { nextDue } from "./due";
import { keptInWords, planOf, type Shot, shotsOf, unusable, whyNotRestored } from "./snapshot";
import { Until, When } from "./when";

type Asked = { what: "take" | "schedule" } | { what: "restore" | "fork"; shot: Shot };

export function Snapshots({ vps }: { vps: KObject }) {
  const { namespace = "", name } = vps.metadata;
  const found = useCollection(SNAPSHOT, namespace, `spec.vps.name=${name}`);
  const [asked, setAsked] = useState<Asked>();
  const writes = mayWrite(namespace);
  if (found.state.value === "refused") return <Trouble error={found.error.value} />;
  const shots = shotsOf(found.objects.value.values(), vps);
  const close = () => setAsked(undefined);
  const command = commandFor(vps, `vps snapshot ${name}`);
  const whyNot = nodeOf(vps) ? "" : `${name} is on no node, so there are no files to take`;
  return (
    <div class="vps-snapshots">
      <section>
        <h2>Snapshots</h2>
        <p>The files of {name} as they were at one moment, kept on its node. A snapshot stays when its VPS is deleted; it is no backup against the loss of the node.</p>
        {writes && (
          <div class="vps-row">
            <button type="button" class="primary" disabled={whyNot !== ""} title={whyNot} onClick={() => setAsked({ what: "take" })}>Take a snapshot</button>
            <span class="vps-typed"><code>{command}</code> <Copy text={command} what="the command that takes a snapshot" /></span>
          </div>
        )}
        {whyNot && writes && <p class="quiet-text">{whyNot}.</p>}
        <List vps={vps} shots={shots} isLoading={found.state.value === "loading"} writes={writes} ask={setAsked} />
      </section>
      <section>
        <h2>Schedule</h2>
        <Planned vps={vps} />
        {writes && <button type="button" onClick={() => setAsked({ what: "schedule" })}>Change the schedule</button>}
      </section>
      <section>
        <h2>Events</h2>
        <Events vps={vps} />
      </section>
      {asked?.what === "take" && <Take vps={vps} onClose={close} />}
      {asked?.what === "schedule" && <Schedule vps={vps} onClose={close} />}
      {asked?.what === "restore" && <Restore vps={vps} shot={asked.shot} onClose={close} />}
      {asked?.what === "fork" && <Forking vps={vps} shot={asked.shot} onClose={close} />}
    </div>
  );
}

function Planned({ vps }: { vps: KObject }) {
  const plan = planOf(vps);
  if (!plan.schedule) return <p class="quiet-text">None are taken by themselves.</p>;
  const due = vps.metadata.deletionTimestamp ? undefined : nextDue(plan.schedule, plan.timeZone, Date.now());
  return (
    <p>
      <code>{plan.schedule}</code> ({plan.timeZone || "UTC"}){due !== undefined && <>, the next one <When at={due} /></>}. Kept: {keptInWords(plan)}.
    </p>
  );
}

interface Listed {
  vps: KObject;
  shots: readonly Shot[];
  isLoading: boolean;
  writes: boolean;
  ask: (asked: Asked) => void;
}

function List({ vps, shots, isLoading, writes, ask }: Listed) {
  if (shots.length === 0) return <p class="quiet-text">{isLoading ? "…" : "There are none yet."}</p>;
  return (
    <table class="vps-shots" aria-label="Snapshots">
      <thead>
        <tr>
          <th scope="col">Name</th><th scope="col">Status</th><th scope="col">Size</th><th scope="col">Paused for</th>
          <th scope="col">Taken</th><th scope="col">Expires</th><th scope="col">Cause</th>
          {writes && <th scope="col"><span class="vps-hidden">Actions</span></th>}
        </tr>
      </thead>
      {shots.map((shot) => (
        <tbody key={shot.key}>
          <tr>
            <th scope="row">{shot.name}{shot.isOfAnother && <span class="quiet-text"> of an earlier {vps.metadata.name}</span>}</th>
            <td><StateWord word={shot.word} /></td>
            <td data-title="Size">{shot.size || "-"}</td>
            <td data-title="Paused for">{shot.paused || "-"}</td>
            <td data-title="Taken"><Ago time={shot.taken} /> ago</td>
            <td data-title="Expires">{shot.expires === undefined ? "never" : <>in <Until key={shot.expires} at={shot.expires} /></>}</td>
            <td data-title="Cause">{shot.cause}</td>
            {writes && <td class="vps-shot-act"><Actions vps={vps} shot={shot} ask={ask} /></td>}
          </tr>
          {shot.notes.length > 0 && (
            <tr class={shot.isWrong ? "vps-shot-notes vps-warning" : "vps-shot-notes"}>
              <td colSpan={writes ? 8 : 7}>{shot.notes.map((note) => <div key={note}>{shot.isWrong && <span aria-hidden="true">⚠ </span>}{note}</div>)}</td>
            </tr>
          )}
        </tbody>
      ))}
    </table>
  );
}

function Actions({ vps, shot, ask }: { vps: KObject; shot: Shot; ask: (asked: Asked) => void }) {
  const why = whyNotRestored(shot, vps);
  const cannotFork = shot.isOfAnother ? `its files are those of an earlier ${vps.metadata.name}` : unusable(shot);
  return (
    <>
      <button type="button" disabled={why !== ""} title={why} aria-label={`Restore from ${shot.name}`} onClick={() => ask({ what: "restore", shot })}>Restore</button>
      <Menu
        label={`Actions on ${shot.name}`}
        class="quiet"
        items={[
          { text: "Fork…", act: () => ask({ what: "fork", shot }), ...(cannotFork ? { whyNot: cannotFork } : {}) },
          { text: "Delete…", act: () => void deleted(shot), isDangerous: true, ...(shot.word === "Terminating" ? { whyNot: "it is being deleted" } : {}) },
        ]}
      >
        ⋯
      </Menu>
    </>
  );
}

async function deleted(shot: Shot): Promise<void> {
  const lines = [`The files in it are removed from node ${shot.node}, and nothing brings them back.`];
  if (!(await confirm({ title: `Delete ${shot.name}?`, lines, action: `Delete ${shot.name}`, isDangerous: true }))) return;
  try {
    await remove(shot);
    announce(`${shot.name} is being deleted`);
  } catch (error) {
    complain(error, shot.name);
  }
}

/** It asks once it is known which names are free. */
function Forking({ vps, shot, onClose }: { vps: KObject; shot: Shot; onClose: () => void }) {
  const found = useCollection(VPS, vps.metadata.namespace);
  if (found.state.value === "loading") return null;
  const taken = new Set([...found.objects.value.values()].map((one) => one.metadata.name));
  return <Fork vps={vps} shot={shot} taken={taken} onClose={onClose} />;
}

/** Of taking them, and of hooks that failed: they are events of the VPS. */
function Events({ vps }: { vps: KObject }) {
  const found = useCollection(EVENT, vps.metadata.namespace, eventsSelector(vps));
  const own = [...found.objects.value.values()].filter((event) => /^Snapshot/.test(String(event["reason"])));
  return <Happenings collection={found} events={own} />;
}
