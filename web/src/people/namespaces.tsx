/** The namespaces, each with its quotas, what is used of them, and a form to change them. */
import { useMemo, useState } from "preact/hooks";
import { ask } from "../api/http";
import { NAMESPACE, pathOf, RESOURCE_QUOTA, TOKEN, VPS } from "../api/kinds";
import { type KObject, keyOf } from "../api/objects";
import { useEvery } from "../api/every";
import { Ago } from "../ui/clock";
import { confirm, Dialog } from "../ui/dialog";
import { announce, complain } from "../ui/toasts";
import { Trouble } from "../ui/trouble";
import { declaredOf, patchOf, quotaOf, RESOURCES } from "./quota";
import { Limits } from "./quotas";
import { useQuotas } from "./used";

const OWN = new Set(["kohakuriver-system", "kohakuriver-node-lease"]); // the cluster's

export function Namespaces() {
  const seen = useEvery(NAMESPACE);
  const vpses = useEvery(VPS);
  const tokens = useEvery(TOKEN);
  const { quotas, error } = useQuotas();
  const [edited, setEdited] = useState<{ namespace: string; quota?: KObject }>();
  const [isNew, setNew] = useState(false);
  const counts = useMemo(() => countedBy(vpses.objects.value.values(), (one) => [one.metadata.namespace ?? ""]), [vpses.objects.value]);
  const users = useMemo(() => usersBy(tokens.objects.value.values()), [tokens.objects.value]);
  if (seen.state.value === "loading") return <p class="waiting">…</p>;
  const names = [...seen.objects.value.values()].filter((one) => !OWN.has(one.metadata.name)).sort((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1));
  return (
    <section aria-label="Namespaces">
      <p class="people-act"><button type="button" onClick={() => setNew(true)}>New namespace</button></p>
      <Trouble error={seen.error.value ?? error} />
      <ul class="people-cards">
        {names.map(({ metadata: { name, creationTimestamp } }) => {
          const own = quotas.filter((one) => one.metadata.namespace === name);
          return (
            <li key={name} class="people-card people-namespace">
              <h3>{name}</h3>
              <p class="quiet-text">
                {counts.get(name) ?? 0} VPSes · {users.get(name)?.size ? [...(users.get(name) ?? [])].sort().join(", ") : "no users"} · <Ago time={creationTimestamp} />
              </p>
              {own.map((quota) => (
                <div key={keyOf(quota)}>
                  <Limits quota={quota} />
                  <p class="people-act">
                    <span class="quiet-text">quota {quota.metadata.name}</span>
                    <button type="button" class="quiet" aria-label={`Change quota ${quota.metadata.name} of ${name}`} onClick={() => setEdited({ namespace: name, quota })}>Change</button>
                    <button type="button" class="quiet" aria-label={`Delete quota ${quota.metadata.name} of ${name}`} onClick={() => void remove(quota)}>Delete</button>
                  </p>
                </div>
              ))}
              {own.length === 0 && (
                <p class="people-act">
                  <span class="quiet-text">No quota.</span>
                  <button type="button" class="quiet" aria-label={`Set a quota for ${name}`} onClick={() => setEdited({ namespace: name })}>Set a quota</button>
                </p>
              )}
            </li>
          );
        })}
      </ul>
      <p class="quiet-text">
        How many VPSes a namespace may have, and how much of the store, the API server limits where no quota of its own does (500 and 64Mi, unless it
        was started with <code>--default-quota</code>).
      </p>
      {edited && <Edit key={edited.namespace} namespace={edited.namespace} quota={edited.quota} onClose={() => setEdited(undefined)} />}
      {isNew && <New onClose={() => setNew(false)} />}
    </section>
  );
}

async function remove(quota: KObject): Promise<void> {
  const { name, namespace = "" } = quota.metadata;
  const yes = await confirm({
    title: `Delete quota ${name} of ${namespace}?`,
    lines: [`VPSes of ${namespace} are then limited by what its other quotas say alone. Those that wait for this one get their turn.`],
    action: "Delete the quota",
    isDangerous: true,
  });
  if (!yes) return;
  try {
    await ask(pathOf(RESOURCE_QUOTA, namespace, name), { method: "DELETE", body: { preconditions: { uid: quota.metadata.uid } } });
    announce(`quota ${name} of ${namespace} is deleted`);
  } catch (error) {
    complain(error, `quota ${name}`);
  }
}

function Edit({ namespace, quota, onClose }: { namespace: string; quota: KObject | undefined; onClose: () => void }) {
  const [typed, setTyped] = useState(() => declaredOf(quota));
  const [trouble, setTrouble] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const save = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setTrouble(undefined);
    try {
      if (!quota) {
        await ask(`${pathOf(RESOURCE_QUOTA, namespace)}?fieldValidation=Strict`, { method: "POST", body: quotaOf("quota", typed) });
      } else {
        const patch = patchOf(quota, typed);
        if (patch) await ask(pathOf(RESOURCE_QUOTA, namespace, quota.metadata.name), { method: "PATCH", body: patch });
      }
      announce(`the quota of ${namespace} is saved`);
      onClose();
    } catch (error) {
      setTrouble(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog title={quota ? `Quota ${quota.metadata.name} of ${namespace}` : `A quota for ${namespace}`} onClose={onClose}>
      <form onSubmit={save} class="people-form">
        <p class="quiet-text">What all VPSes of {namespace} may book together. Empty is no limit; what runs already stays, and does not grow.</p>
        <div class="people-fields">
          {RESOURCES.map((one) => (
            <label key={one.name}>
              <span>{one.label}</span>
              <input
                name={one.name}
                placeholder={`no limit, or ${one.example}`}
                value={typed[one.name] ?? ""}
                onInput={(event) => setTyped({ ...typed, [one.name]: event.currentTarget.value })}
              />
            </label>
          ))}
        </div>
        <Trouble error={trouble} />
        <div class="dialog-buttons">
          <button type="button" onClick={onClose}>Cancel</button>
          <button type="submit" class="primary" disabled={busy}>Save</button>
        </div>
      </form>
    </Dialog>
  );
}

function New({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [trouble, setTrouble] = useState<unknown>();
  const save = async (event: Event) => {
    event.preventDefault();
    try {
      await ask(pathOf(NAMESPACE), { method: "POST", body: { apiVersion: "v1", kind: "Namespace", metadata: { name: name.trim() } } });
      announce(`namespace ${name.trim()} is created`);
      onClose();
    } catch (error) {
      setTrouble(error);
    }
  };
  return (
    <Dialog title="New namespace" onClose={onClose}>
      <form onSubmit={save} class="people-form">
        <label><span>Name</span><input name="namespace" required autocomplete="off" value={name} onInput={(event) => setName(event.currentTarget.value)} /></label>
        <Trouble error={trouble} />
        <div class="dialog-buttons">
          <button type="button" onClick={onClose}>Cancel</button>
          <button type="submit" class="primary">Create</button>
        </div>
      </form>
    </Dialog>
  );
}

function countedBy(all: Iterable<KObject>, of: (one: KObject) => readonly string[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const one of all) for (const key of of(one)) found.set(key, (found.get(key) ?? 0) + 1);
  return found;
}

/** Who has a token for a namespace. */
function usersBy(tokens: Iterable<KObject>): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const { spec } of tokens) {
    for (const name of Array.isArray(spec?.namespaces) ? spec.namespaces : []) {
      if (typeof spec.user === "string") found.set(name, (found.get(name) ?? new Set()).add(spec.user));
    }
  }
  return found;
}
