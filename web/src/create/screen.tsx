/** A new VPS, three ways at once: as a form, as YAML, and as the command that would do the same. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useCollection } from "../api/collection";
import { ApiError } from "../api/http";
import { ENVIRONMENT, NAMESPACE, NODE } from "../api/kinds";
import { isAdmin, mayWrite, session } from "../api/session";
import { go, place } from "../router";
import { Copy } from "../ui/copy";
import { announce } from "../ui/toasts";
import { Trouble } from "../ui/trouble";
import { YamlField } from "../vps/yaml/field";
import { parsed, textOf } from "../vps/yaml/text";
import "../vps/yaml/yaml.css";
import { commandOf } from "./command";
import "./create.css";
import { Check, Choice, Group, Lines, Radios, Text } from "./fields";
import { remember, remembered } from "./keys";
import { begun, changed, EMPTY, type Form, formOf, mistakes, type Mount, newName, pathOfField, PRESETS, type Volume } from "./model";
import { create, placed, rehearse, type Verdict } from "./sending";

const PAUSE = 400; // ms without a key before the server is asked

function dice(below: number): number {
  return (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) % below;
}

/** The form as it stands when the page is opened. */
function begin(): Form {
  const { query } = place.peek();
  const own = session.peek()?.namespaces[0] ?? "default";
  return { ...EMPTY, name: query.get("name") || newName(dice), namespace: query.get("namespace") || own, keys: remembered() };
}

const BLANK: Form = { ...EMPTY, namespace: "", cores: "", memory: "" };

export function Create({ parts: _ }: { parts: readonly string[] }) {
  const [form, setForm] = useState(begin);
  const [text, setText] = useState(() => textOf(changed(begun(), BLANK, form)));
  const [beyond, setBeyond] = useState<readonly string[]>([]);
  const read = useMemo(() => parsed(text), [text]);
  const wrong = useMemo(() => [...read.problems, ...kindProblems(read.value)], [read]);

  const set = (sets: Partial<Form>) => {
    if (!read.document || wrong.length > 0) return;
    const after = { ...form, ...sets };
    setForm(after);
    setText(textOf(changed(read.document, form, after)));
  };
  const write = (next: string) => {
    setText(next);
    const found = parsed(next).value;
    if (!found) return;
    const reading = formOf(found);
    setForm(reading.form);
    setBeyond(reading.beyond);
  };

  const untold = useMemo(() => mistakes(form), [form]);
  const verdict = useVerdict(text, wrong.length + untold.length === 0);
  const refusal = verdict?.error ? placed(verdict.error) : undefined;
  const at: Partial<Record<keyof Form, string>> = { ...refusal?.at };
  for (const one of untold) at[one.field] = one.message;
  const told = verdict?.error?.causes.map(({ field, message }) => ({ line: read.lineOf(field), column: 1, message: `${field}: ${message}` })) ?? [];
  const command = commandOf(form, beyond);
  if (session.value?.role === "viewer") return <p role="alert">You may look at VPSes, and not create them: ask an administrator for another role.</p>;
  return (
    <>
      <h1>Create a VPS</h1>
      <div class="create">
        <div class="create-form">
          <p class="create-presets">
            {PRESETS.map((one) => <button key={one.title} type="button" title={one.about} onClick={() => set(one.sets)}>{one.title}</button>)}
          </p>
          <fieldset class="create-all" disabled={wrong.length > 0}>
            <legend class="vps-hidden">The VPS</legend>
            <Fields form={form} beyond={beyond} at={at} set={set} />
          </fieldset>
        </div>
        <div class="create-side">
          <section>
            <h2>YAML</h2>
            {beyond.length > 0 && <p class="quiet-text">The form does not show, and leaves as it is: {listed(beyond)}</p>}
            {wrong.length > 0 && <p class="quiet-text">The form waits until the YAML can be read.</p>}
            <YamlField label="The VPS as YAML" text={text} problems={wrong.length > 0 ? wrong : told} onChange={write} />
          </section>
          <section>
            <h2>Command</h2>
            {command.lacking.length > 0 && (
              <p class="quiet-text"><code>vps create</code> has no option for {listed(command.lacking)}. Save the YAML as a file, then:</p>
            )}
            <div class="create-command"><pre tabIndex={0} aria-label="The command">{command.line}</pre><Copy text={command.line} what="the command" /></div>
            {form.login === "keys" && form.keys.trim() === "" && command.lacking.length === 0 && (
              <p class="quiet-text">On the command line your own public key is taken where none is named: <code>~/.ssh/id_ed25519.pub</code>.</p>
            )}
          </section>
          <Send object={wrong.length + untold.length === 0 ? read.value : undefined} form={form} verdict={verdict} rest={refusal?.rest ?? []} />
        </div>
      </div>
    </>
  );
}

/** Fields, one after the other. */
function listed(fields: readonly string[]) {
  return fields.map((one, at) => <span key={one}>{at > 0 && ", "}<code>{one}</code></span>);
}

function kindProblems(object: ReturnType<typeof parsed>["value"]) {
  if (!object) return [];
  const wrong = object.apiVersion !== "kohakuriver.io/v1alpha1" || object.kind !== "VPS";
  return wrong ? [{ line: 1, column: 1, message: "apiVersion is kohakuriver.io/v1alpha1, and kind is VPS" }] : [];
}

/** What the server would answer to this text; undefined while it has not said so. */
function useVerdict(text: string, isReady: boolean): Verdict | undefined {
  const [found, setFound] = useState<{ text: string; verdict: Verdict }>();
  useEffect(() => {
    const object = isReady ? parsed(text).value : undefined;
    if (!object) return;
    const end = new AbortController();
    const timer = setTimeout(() => {
      rehearse(object, end.signal).then((verdict) => setFound({ text, verdict }), () => {});
    }, PAUSE);
    return () => {
      clearTimeout(timer);
      end.abort();
    };
  }, [text, isReady]);
  return isReady && found?.text === text ? found.verdict : undefined;
}

interface Filled {
  form: Form;
  beyond: readonly string[];
  at: Partial<Record<keyof Form, string>>;
  set: (sets: Partial<Form>) => void;
}

function Fields({ form, beyond, at, set }: Filled) {
  const isLocked = (field: keyof Form) => {
    const path = pathOfField(field);
    return beyond.some((one) => one === path || one.startsWith(`${path}.`) || one.startsWith(`${path}[`));
  };
  const text = (field: keyof Form) => ({ value: String(form[field]), onInput: (value: string) => set({ [field]: value }), wrong: at[field], isLocked: isLocked(field) });
  const check = (field: keyof Form) => ({ value: form[field] === true, onInput: (value: boolean) => set({ [field]: value }), wrong: at[field], isLocked: isLocked(field) });
  return (
    <>
      <Group title="Name">
        <div class="create-pair">
          <Text label="Name" {...text("name")} />
          <Namespaces form={form} at={at} set={set} />
        </div>
      </Group>
      <Source form={form} beyond={beyond} at={at} set={set} />
      <Group title="Size">
        <div class="create-pair">
          <Text label="Cores" mode="decimal" {...text("cores")} />
          <Text label="Memory" hint="such as 512Mi or 4G" {...text("memory")} />
          <Text label="Disk" placeholder="what the node says" {...text("disk")} />
        </div>
        <Check label="Whole cores for this VPS alone" {...check("isExclusive")} />
        <div class="create-pair">
          <Text label="GPUs" mode="numeric" placeholder="none" {...text("gpus")} />
          <Text label="Model of GPU" placeholder="any" {...text("gpuModel")} />
        </div>
      </Group>
      <Where form={form} beyond={beyond} at={at} set={set} />
      <Group title="Logging in over SSH">
        <Radios
          label="Who may log in over SSH"
          value={form.login}
          onInput={(login) => set({ login: login as Form["login"] })}
          options={[["keys", "With these public keys"], ["passwordless", "Anybody on its node, without a password"], ["off", "Nobody: no SSH"]]}
        />
        {form.login === "keys" && <Lines label="Public keys, one a line" hint="Terminal, files and forwarded ports need none. Keys are remembered in this browser." {...text("keys")} />}
        {form.login !== "keys" && at.keys && <p class="create-wrong">{at.keys}</p>}
      </Group>
      <Volumes form={form} isLocked={isLocked("volumes")} wrong={at.volumes} set={set} />
      <Group title="Variables">
        <Lines label="Environment variables, NAME=VALUE, one a line" rows={2} hint="Whoever may read the VPS can read them." {...text("env")} />
      </Group>
      <details class="create-more">
        <summary>Rights</summary>
        <Group title="Rights">
          {(isAdmin() || form.isPrivileged) && <Check label="Privileged: all devices and rights of the machine" {...check("isPrivileged")} />}
          {(isAdmin() || form.add) && <Text label="Capabilities beyond the default" placeholder="SYS_PTRACE NET_ADMIN" {...text("add")} />}
          <Text label="Capabilities to take away" placeholder="ALL" {...text("drop")} />
          <Check label="Programs gain no rights by setuid, so sudo fails" {...check("noNewPrivileges")} />
        </Group>
        {(isAdmin() || form.mounts.length > 0) && <Mounts form={form} isLocked={isLocked("mounts")} wrong={at.mounts} set={set} />}
      </details>
    </>
  );
}

function Namespaces({ form, at, set }: Pick<Filled, "form" | "at" | "set">) {
  const own = session.value?.namespaces ?? [];
  const found = useCollection(NAMESPACE);
  const all = own.length > 0 ? own : [...found.objects.value.values()].map((one) => one.metadata.name).filter((name) => name !== "kohakuriver-system" && mayWrite(name));
  if (all.length === 0) return <Text label="Namespace" value={form.namespace} onInput={(namespace) => set({ namespace })} wrong={at.namespace} />;
  const shown = all.includes(form.namespace) || !form.namespace ? all : [form.namespace, ...all];
  return <Choice label="Namespace" value={form.namespace} onInput={(namespace) => set({ namespace })} wrong={at.namespace} options={shown.map((name) => [name, name])} />;
}

function Source({ form, beyond, at, set }: Filled) {
  const environments = [...useCollection(ENVIRONMENT).objects.value.keys()].sort();
  const chosen = form.environment && !environments.includes(form.environment) ? [form.environment, ...environments] : environments;
  return (
    <Group title="Starts from">
      <Radios
        label="What it starts from"
        value={form.from}
        onInput={(from) => set({ from: from as Form["from"], ...(from === "environment" && !form.environment ? { environment: environments[0] ?? "" } : {}) })}
        options={[["default", "The default image: Debian with an SSH server"], ["environment", "An environment of this cluster"], ["image", "An image, by its name"]]}
      />
      {form.from === "environment" && (
        <Choice
          label="Environment"
          value={form.environment}
          onInput={(environment) => set({ environment })}
          wrong={at.environment}
          isLocked={beyond.includes("spec.environment")}
          options={chosen.length > 0 ? chosen.map((name) => [name, name]) : [["", "there is none yet"]]}
        />
      )}
      {form.from === "image" && <Text label="Image" placeholder="debian:12" value={form.image} onInput={(image) => set({ image })} wrong={at.image} isLocked={beyond.includes("spec.image")} />}
      {form.from === "default" && at.image && <p class="create-wrong">{at.image}</p>}
    </Group>
  );
}

function Where({ form, beyond, at, set }: Filled) {
  const nodes = [...useCollection(NODE).objects.value.keys()].sort();
  const chosen = form.node && !nodes.includes(form.node) ? [form.node, ...nodes] : nodes;
  const isLocked = beyond.some((one) => one.startsWith("spec.placement.node"));
  return (
    <Group title="Where">
      <div class="create-pair">
        <Choice label="Node" value={form.node} onInput={(node) => set({ node })} wrong={at.node} isLocked={isLocked} options={[["", "any that has room"], ...chosen.map((name) => [name, name] as const)]} />
        <Text label="Labels that the node must carry" placeholder="disk=ssd, zone=b" value={form.selector} onInput={(selector) => set({ selector })} wrong={at.selector} isLocked={isLocked} />
      </div>
    </Group>
  );
}

interface Listed {
  form: Form;
  isLocked: boolean;
  wrong: string | undefined;
  set: (sets: Partial<Form>) => void;
}

function Volumes({ form, isLocked, wrong, set }: Listed) {
  const change = (at: number, sets: Partial<Volume>) => set({ volumes: form.volumes.map((one, index) => (index === at ? { ...one, ...sets } : one)) });
  return (
    <Group title="Volumes">
      {form.volumes.map((one, at) => (
        <div key={at} class="create-row">
          <Text label="Name" value={one.name} isLocked={isLocked} onInput={(name) => change(at, { name })} />
          <Text label="At" value={one.target} placeholder="/root" isLocked={isLocked} onInput={(target) => change(at, { target })} />
          <Check label="Deleted with the VPS" value={one.isDeleted} isLocked={isLocked} onInput={(isDeleted) => change(at, { isDeleted })} />
          <button type="button" class="quiet" disabled={isLocked} aria-label={`Remove volume ${one.name}`} onClick={() => set({ volumes: form.volumes.filter((_, index) => index !== at) })}>Remove</button>
        </div>
      ))}
      {wrong && <p class="create-wrong">{wrong}</p>}
      <button type="button" disabled={isLocked} onClick={() => set({ volumes: [...form.volumes, { name: form.volumes.length ? "" : "home", target: form.volumes.length ? "" : "/root", isDeleted: false }] })}>Add a volume</button>
      {form.volumes.length === 0 && <p class="create-told">Files in a volume outlive the VPS, for another of its name on the same node.</p>}
    </Group>
  );
}

function Mounts({ form, isLocked, wrong, set }: Listed) {
  const change = (at: number, sets: Partial<Mount>) => set({ mounts: form.mounts.map((one, index) => (index === at ? { ...one, ...sets } : one)) });
  return (
    <Group title="Folders of the node">
      {form.mounts.map((one, at) => (
        <div key={at} class="create-row">
          <Text label="On the node" value={one.source} isLocked={isLocked} onInput={(source) => change(at, { source })} />
          <Text label="At" value={one.target} isLocked={isLocked} onInput={(target) => change(at, { target })} />
          <Check label="Read-only" value={one.isReadOnly} isLocked={isLocked} onInput={(isReadOnly) => change(at, { isReadOnly })} />
          <button type="button" class="quiet" disabled={isLocked} aria-label={`Remove the mount of ${one.source}`} onClick={() => set({ mounts: form.mounts.filter((_, index) => index !== at) })}>Remove</button>
        </div>
      ))}
      {wrong && <p class="create-wrong">{wrong}</p>}
      <button type="button" disabled={isLocked} onClick={() => set({ mounts: [...form.mounts, { source: "", target: "", isReadOnly: true }] })}>Add a folder</button>
    </Group>
  );
}

interface Sent {
  object: ReturnType<typeof parsed>["value"];
  form: Form;
  verdict: Verdict | undefined;
  rest: readonly string[];
}

function Send({ object, form, verdict, rest }: Sent) {
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<ApiError>();
  const id = useRef({ text: "", id: "" });
  const press = async () => {
    if (!object || busy) return;
    // The same object again is the same try: its answer may have been lost.
    const text = JSON.stringify(object);
    if (id.current.text !== text) id.current = { text, id: [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, "0")).join("") };
    setBusy(true);
    setFailed(undefined);
    try {
      const made = await create(object, id.current.id);
      if (form.login === "keys") remember(form.keys);
      announce(`${made.metadata.name} is created`);
      go(`/vps/${encodeURIComponent(made.metadata.namespace ?? "default")}/${encodeURIComponent(made.metadata.name)}/overview`);
    } catch (error) {
      setFailed(error instanceof ApiError ? error : new ApiError(0, "Broken", String(error)));
      setBusy(false);
    }
  };
  return (
    <section class="create-send">
      <div role="status" class="create-verdict">
        {!object && <p class="quiet-text">Something is missing or cannot be read: see above.</p>}
        {object && !verdict && <p class="quiet-text">The server is asked whether it takes this…</p>}
        {verdict && !verdict.error && verdict.warnings.length === 0 && <p class="quiet-text">The server takes this. Nothing is created yet.</p>}
        {verdict?.warnings.map((one) => <p key={one} class="create-warning">{one}</p>)}
        {verdict?.error && rest.length === 0 && <p class="create-wrong">The server refuses it: see the fields above.</p>}
        {rest.map((one) => <p key={one} class="create-wrong">{one}</p>)}
        {verdict?.error && rest.length > 0 && verdict.error.hint && <p>{verdict.error.hint}</p>}
      </div>
      <Trouble error={failed} />
      <button type="button" class="primary" disabled={!object || busy || Boolean(verdict?.error)} onClick={() => void press()}>{busy ? "Creating…" : `Create ${form.name.trim() || "it"}`}</button>
    </section>
  );
}
