/** A machine that is to be a node: a token for that alone, and the command to type on it. */
import { useState } from "preact/hooks";
import { Copy } from "../ui/copy";
import { Trouble } from "../ui/trouble";
import { command, installedCommand, obstacle } from "./join";
import { authority, send } from "./making";
import { fault, make, TTL, type Wanted } from "./token";

interface Line {
  name: string;
  ttl: string;
  whole: string;
  installed: string;
}

export function Join() {
  const [node, setNode] = useState("");
  const [ttl, setTTL] = useState(TTL.join);
  const [trouble, setTrouble] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const [line, setLine] = useState<Line>();
  const why = obstacle(location.origin);
  const submit = async (event: Event) => {
    event.preventDefault();
    const wanted: Wanted = { role: "join", user: "", node, namespaces: [], rights: [], ttl };
    const wrong = fault(wanted);
    if (wrong) return setTrouble(new Error(wrong));
    setBusy(true);
    setTrouble(undefined);
    try {
      const server = { url: location.origin, authority: await authority() };
      const { secret, body } = await make(wanted);
      const [whole, installed] = [await command(server, secret, node.trim()), await installedCommand(server, secret, node.trim())];
      await send(body);
      setLine({ name: body.metadata.name, ttl, whole, installed });
    } catch (error) {
      setTrouble(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <section aria-label="Add a machine">
      <p>One command, run as root on the new machine, installs KohakuRiver there and makes it a node of this cluster.</p>
      {why && <p class="people-warn">{why}</p>}
      <form onSubmit={submit} class="people-form people-inline">
        <label><span>Its name as a node</span><input name="node" autocomplete="off" placeholder="its host name" value={node} onInput={(event) => setNode(event.currentTarget.value)} /></label>
        <label><span>The command is good for</span><input name="ttl" autocomplete="off" value={ttl} onInput={(event) => setTTL(event.currentTarget.value)} /></label>
        <button type="submit" class="primary" disabled={busy}>Make the command</button>
      </form>
      <Trouble error={trouble} />
      {line && (
        <div role="status">
          <p>
            Run this on the new machine, as root or with sudo in front, within {line.ttl}. It needs curl. It is shown this once; the token in it is{" "}
            <code>{line.name}</code>, and opens nothing else.
          </p>
          <pre class="people-command" tabIndex={0} aria-label="The command"><code>{line.whole}</code></pre>
          <Copy text={line.whole} what="the command" />
          <p class="quiet-text">Where KohakuRiver is installed already:</p>
          <pre class="people-command" tabIndex={0} aria-label="The command where it is installed"><code>{line.installed}</code></pre>
          <Copy text={line.installed} what="the shorter command" />
        </div>
      )}
    </section>
  );
}
