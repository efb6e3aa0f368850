/** A new token for a person or a program. Its secret is made in this browser, and shown once. */
import { useState } from "preact/hooks";
import { NAMESPACE } from "../api/kinds";
import { useEvery } from "../api/every";
import { Copy } from "../ui/copy";
import { Dialog } from "../ui/dialog";
import { complain } from "../ui/toasts";
import { Trouble } from "../ui/trouble";
import { configFile, fileName } from "./config";
import { authority, send } from "./making";
import { fault, make, RIGHTS, ROLES, type Role, TTL, type Wanted } from "./token";

const OWN = new Set(["kohakuriver-system", "kohakuriver-node-lease"]);
const PEOPLE: readonly Role[] = ["user", "viewer", "admin"];

export function Create({ onClose }: { onClose: () => void }) {
  const namespaces = useEvery(NAMESPACE);
  const names = [...namespaces.objects.value.keys()].filter((name) => !OWN.has(name)).sort();
  const [wanted, setWanted] = useState<Wanted>({ role: "user", user: "", node: "", namespaces: ["default"], rights: [], ttl: TTL.user });
  const [trouble, setTrouble] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const [made, setMade] = useState<{ name: string; secret: string }>();
  const set = (part: Partial<Wanted>) => setWanted({ ...wanted, ...part });
  const submit = async (event: Event) => {
    event.preventDefault();
    const why = fault(wanted);
    if (why) return setTrouble(new Error(why));
    setBusy(true);
    setTrouble(undefined);
    try {
      const { secret, body } = await make(wanted);
      await send(body);
      setMade({ name: body.metadata.name, secret });
    } catch (error) {
      setTrouble(error);
    } finally {
      setBusy(false);
    }
  };
  if (made) return <Shown name={made.name} secret={made.secret} user={wanted.user.trim()} namespace={wanted.namespaces[0] ?? "default"} onClose={onClose} />;
  const isNamespaced = wanted.role === "user" || wanted.role === "viewer";
  return (
    <Dialog title="Create a token" onClose={onClose}>
      <form onSubmit={submit} class="people-form">
        <fieldset>
          <legend>Role</legend>
          {ROLES.filter(([role]) => PEOPLE.includes(role)).map(([role, what]) => (
            <label key={role} class="people-choice">
              <input type="radio" name="role" value={role} checked={wanted.role === role} onChange={() => set({ role, ttl: TTL[role] })} />
              <span><b>{role}</b> {what}</span>
            </label>
          ))}
        </fieldset>
        <label><span>User</span><input name="user" autocomplete="off" placeholder="alice" value={wanted.user} onInput={(event) => set({ user: event.currentTarget.value })} /></label>
        {isNamespaced && (
          <fieldset>
            <legend>Namespaces{wanted.role === "viewer" && " (none: all)"}</legend>
            <div class="people-boxes">
              {names.map((name) => <Box key={name} name={name} text={name} chosen={wanted.namespaces} onChange={(chosen) => set({ namespaces: chosen })} />)}
            </div>
          </fieldset>
        )}
        {wanted.role === "user" && (
          <fieldset>
            <legend>Rights beyond the role</legend>
            {RIGHTS.map(([name, what]) => <Box key={name} name={name} text={what} chosen={wanted.rights} onChange={(chosen) => set({ rights: chosen })} />)}
          </fieldset>
        )}
        <label>
          <span>Good for</span>
          <input name="ttl" autocomplete="off" value={wanted.ttl} onInput={(event) => set({ ttl: event.currentTarget.value })} />
          <small class="quiet-text">such as 8h or 2160h (90 days); none for no end</small>
        </label>
        <Trouble error={trouble} />
        <div class="dialog-buttons">
          <button type="button" onClick={onClose}>Cancel</button>
          <button type="submit" class="primary" disabled={busy}>Create</button>
        </div>
      </form>
    </Dialog>
  );
}

function Box({ name, text, chosen, onChange }: { name: string; text: string; chosen: readonly string[]; onChange: (chosen: string[]) => void }) {
  const isOn = chosen.includes(name);
  const turn = () => onChange(isOn ? chosen.filter((one) => one !== name) : [...chosen, name]);
  return <label class="people-choice"><input type="checkbox" name={name} checked={isOn} onChange={turn} /><span>{text}</span></label>;
}

interface Once {
  name: string;
  secret: string;
  user: string;
  namespace: string;
  onClose: () => void;
}

function Shown({ name, secret, user, namespace, onClose }: Once) {
  const file = fileName(user);
  const save = async () => {
    try {
      const text = configFile({ url: location.origin, authority: await authority() }, secret, user, namespace);
      const url = URL.createObjectURL(new Blob([text], { type: "application/yaml" }));
      Object.assign(document.createElement("a"), { href: url, download: file }).click();
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
    } catch (error) {
      complain(error, "the config file");
    }
  };
  return (
    <Dialog title={`Token ${name}`} onClose={onClose}>
      <p>This is the only time that it is shown. Give it to {user} by a way that nobody else reads.</p>
      <p class="people-secret"><code>{secret}</code> <Copy text={secret} what="the token" /></p>
      <p>It logs in to this page. For the command and for kubectl there is a config file, with the token in it:</p>
      <p class="people-act"><button type="button" onClick={() => void save()}>Save {file}</button></p>
      <p class="quiet-text"><code>kohakuriver config add {file}</code></p>
      <div class="dialog-buttons"><button type="button" class="primary" onClick={onClose}>I have it</button></div>
    </Dialog>
  );
}
