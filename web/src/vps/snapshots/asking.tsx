/** What is asked before something is done with a snapshot. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { KObject } from "../../api/objects";
import { A_WEEK } from "../../api/vps";
import { Dialog } from "../../ui/dialog";
import { announce } from "../../ui/toasts";
import { Trouble } from "../../ui/trouble";
import * as doing from "./doing";
import { nextDue } from "./due";
import { nameAt, namesFor, planOf, type Plan, type Shot, unusable, whatARestoreDoes, type Wish } from "./snapshot";
import { When } from "./when";

interface Form {
  title: string;
  /** The word on the button. */
  action: string;
  isDangerous?: boolean;
  onClose: () => void;
  /** Does it; what it throws is shown, and the form stays. */
  send: () => Promise<void>;
  children: ComponentChildren;
}

function Asking({ title, action, isDangerous = false, onClose, send, children }: Form) {
  const [trouble, setTrouble] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setTrouble(undefined);
    try {
      await send();
      onClose();
    } catch (error) {
      setTrouble(error);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit} class="vps-form">
        {children}
        <Trouble error={trouble} />
        <div class="dialog-buttons">
          <button type="button" autofocus={isDangerous} onClick={onClose}>Cancel</button>
          <button type="submit" class={isDangerous ? "danger" : "primary"} disabled={busy}>{action}</button>
        </div>
      </form>
    </Dialog>
  );
}

interface Field {
  label: string;
  value: string;
  set: (value: string) => void;
  hint?: string;
  placeholder?: string;
}

function Field({ label, value, set, hint, placeholder }: Field) {
  return (
    <label>
      <span>{label}</span>
      <input autocomplete="off" spellcheck={false} value={value} placeholder={placeholder} onInput={(event) => set(event.currentTarget.value)} />
      {hint && <small class="quiet-text">{hint}</small>}
    </label>
  );
}

function Tick({ label, checked, set }: { label: string; checked: boolean; set: (checked: boolean) => void }) {
  return <label class="vps-tick"><input type="checkbox" checked={checked} onChange={(event) => set(event.currentTarget.checked)} /> {label}</label>;
}

const KEPT = "such as 12h or 7d";

export function Take({ vps, onClose }: { vps: KObject; onClose: () => void }) {
  const [wish, setWish] = useState<Wish>({ name: "", volumes: true, pause: true, keepFor: "" });
  const set = (part: Partial<Wish>) => setWish({ ...wish, ...part });
  const send = async () => announce(`snapshot ${await doing.take(vps, wish)} is being taken`);
  return (
    <Asking title={`Take a snapshot of ${vps.metadata.name}`} action="Take it" onClose={onClose} send={send}>
      <p>The files of its container and of its volumes as they are now, not the folders of the node that it mounts. They are kept on its node.</p>
      <Field label="Name" value={wish.name} set={(name) => set({ name })} placeholder={nameAt(vps, new Date())} />
      <Field label="Keep it for" value={wish.keepFor} set={(keepFor) => set({ keepFor })} hint={`${KEPT}; until somebody deletes it where this is empty`} />
      <Tick label="Its volumes too" checked={wish.volumes} set={(volumes) => set({ volumes })} />
      <Tick label="Pause it meanwhile, so that all files are of one moment" checked={wish.pause} set={(pause) => set({ pause })} />
    </Asking>
  );
}

export function Restore({ vps, shot, onClose }: { vps: KObject; shot: Shot; onClose: () => void }) {
  const [keeps, setKeeps] = useState(true);
  const [keepFor, setKeepFor] = useState(A_WEEK);
  const kept = keeps ? keepFor.trim() || A_WEEK : undefined;
  const send = async () => {
    await doing.restore(vps, shot, kept);
    announce(`${vps.metadata.name} is being restored from ${shot.name}`);
  };
  return (
    <Asking title={`Restore ${vps.metadata.name} from ${shot.name}?`} action={`Restore ${vps.metadata.name}`} isDangerous onClose={onClose} send={send}>
      <div role="status">{whatARestoreDoes(vps, shot, kept).map((line) => <p key={line}>{line}</p>)}</div>
      <Tick label="Keep what is there now" checked={keeps} set={setKeeps} />
      {keeps && <Field label="Keep that for" value={keepFor} set={setKeepFor} hint={KEPT} />}
    </Asking>
  );
}

const MOST = 100;

export function Fork({ vps, shot, taken, onClose }: { vps: KObject; shot: Shot; taken: ReadonlySet<string>; onClose: () => void }) {
  const { name } = vps.metadata;
  const [count, setCount] = useState("1");
  const [typed, setTyped] = useState("");
  const own = typed.split(/[\s,]+/).filter(Boolean);
  const number = /^\d{1,3}$/.test(count) ? Math.min(Number(count), MOST) : 0;
  const names = own.length ? own : namesFor(name, taken, number);
  const left = names.filter((one) => !taken.has(one));
  const send = async () => {
    const why = unusable(shot);
    if (why) throw new Error(`${shot.name} cannot be used: ${why}`);
    if (names.length === 0) throw new Error(`invalid number "${count}": use one from 1 to ${MOST}`);
    const doubled = own.find((one, at) => own.indexOf(one) !== at || taken.has(one));
    if (doubled) throw new Error(`there is already a VPS ${doubled}, or it is named twice, so nothing was made`);
    await doing.fork(vps, shot, left, (made) => announce(`${made} is created`));
  };
  return (
    <Asking title={`Fork ${name}`} action={names.length === 1 ? "Make it" : `Make ${names.length}`} onClose={onClose} send={send}>
      <p>New VPSes with the files of {shot.name} and the spec of {name}, on node {shot.node}. Each has an SSH port and a host key of its own; who may log in stays as it is.</p>
      {own.length === 0 && <Field label="How many" value={count} set={setCount} />}
      <Field label="Names" value={typed} set={setTyped} placeholder={namesFor(name, taken, number || 1).slice(0, 3).join(" ")} hint="with blanks between them; chosen for you where this is empty" />
    </Asking>
  );
}

export function Schedule({ vps, onClose }: { vps: KObject; onClose: () => void }) {
  const [plan, setPlan] = useState<Plan>(planOf(vps));
  const set = (part: Partial<Plan>) => setPlan({ ...plan, ...part });
  const schedule = plan.schedule.trim();
  const due = schedule ? nextDue(schedule, plan.timeZone.trim(), Date.now()) : undefined;
  const send = async () => {
    await doing.plan(vps, plan);
    announce(schedule ? `snapshots of ${vps.metadata.name} are taken by schedule` : `no snapshots of ${vps.metadata.name} are taken by schedule any more`);
  };
  return (
    <Asking title={`When snapshots of ${vps.metadata.name} are taken`} action="Save" onClose={onClose} send={send}>
      <Field label="Schedule" value={plan.schedule} set={(schedule) => set({ schedule })} placeholder="0 3 * * *" hint="minute, hour, day of month, month, day of week as in a crontab, or @hourly, @daily, @weekly; empty for none" />
      <Field label="Time zone" value={plan.timeZone} set={(timeZone) => set({ timeZone })} placeholder="UTC" hint="such as Europe/Berlin" />
      <p class="quiet-text" role="status">{schedule && (due === undefined ? "When that is due next is not known here; the server checks it." : <>The next one: <When at={due} /></>)}</p>
      <Field label="How many stay" value={plan.keepLast} set={(keepLast) => set({ keepLast })} placeholder={plan.keepFor ? "" : "7"} />
      <Field label="How long they stay" value={plan.keepFor} set={(keepFor) => set({ keepFor })} hint={`${KEPT}; the newest good one always stays`} />
      <Tick label="Its volumes too" checked={plan.volumes} set={(volumes) => set({ volumes })} />
      <Tick label="Pause it meanwhile" checked={plan.pause} set={(pause) => set({ pause })} />
    </Asking>
  );
}
