/** How the ports of a VPS come to one's own machine: the commands, ready to be typed. */
import { useEffect, useState } from "preact/hooks";
import type { KObject } from "../api/objects";
import { observedOf, sshPortOf, wordOf } from "../api/vps";
import { Copy } from "../ui/copy";
import { sshCommand, sshName, vscodeLink } from "../vpses/reach";
import { commandFor, fingerprint, forwardedTo, port } from "./facts";

export function Ports({ vps, node }: { vps: KObject; node: KObject | undefined }) {
  const [remote, setRemote] = useState("8888");
  const [local, setLocal] = useState("");
  const there = port(remote);
  const here = local.trim() === "" ? there : port(local);
  return (
    <div class="vps-ports">
      {wordOf(vps) !== "running" && <p class="quiet-text">It is {wordOf(vps)}: a forward begins once it runs.</p>}
      <section>
        <h2>Forward a port</h2>
        <p>What listens in the VPS, on its 127.0.0.1 too, comes to your machine while this command runs. It needs no open port and no SSH server.</p>
        <form class="vps-row" onSubmit={(event) => event.preventDefault()}>
          <label>Port in the VPS <input inputMode="numeric" size={6} value={remote} onInput={(event) => setRemote(event.currentTarget.value)} aria-invalid={there === undefined} /></label>
          <label>Port on your machine <input inputMode="numeric" size={6} value={local} placeholder={there ? String(there) : ""} onInput={(event) => setLocal(event.currentTarget.value)} aria-invalid={here === undefined} /></label>
        </form>
        {there && here ? (
          <>
            <Typed text={commandFor(vps, `forward ${vps.metadata.name} ${here === there ? there : `${here}:${there}`}`)} />
            <p class="quiet-text">It prints: <code>{vps.metadata.name}:{there} is at {forwardedTo(here, there)}</code></p>
          </>
        ) : (
          <p role="alert">A port is a number from 1 to 65535.</p>
        )}
      </section>
      <SSH vps={vps} node={node} here={here ?? 8888} there={there ?? 8888} />
      <section>
        <h2>A notebook</h2>
        <p>Start Jupyter in the VPS so that it listens there alone, then forward its port; it prints the address with its token.</p>
        <Typed text="jupyter lab --ip 127.0.0.1 --port 8888 --no-browser --allow-root" where="in the VPS" />
        <Typed text={commandFor(vps, `forward ${vps.metadata.name} 8888 --open`)} where="on your machine" />
      </section>
    </div>
  );
}

function SSH({ vps, node, here, there }: { vps: KObject; node: KObject | undefined; here: number; there: number }) {
  const ssh = observedOf(vps).ssh ?? {};
  const key = typeof ssh.hostKey === "string" ? ssh.hostKey : "";
  const print = useFingerprint(key);
  const direct = sshCommand(vps, node, location.hostname);
  const by = direct.startsWith("ssh ") ? direct.slice(4) : sshName(vps);
  if (vps.spec?.ssh?.disabled === true) return <section><h2>SSH</h2><p>This VPS has no SSH: terminal, files and forwarded ports need none.</p></section>;
  return (
    <section>
      <h2>SSH</h2>
      {ssh.state !== "ready" && <p>SSH is not ready{ssh.message ? `: ${ssh.message}` : ssh.state ? `: ${ssh.state}` : ""}.</p>}
      {direct.startsWith("ssh ") && <Typed text={direct} where="log in" />}
      <Typed text={`ssh ${sshName(vps)}`} where="log in from anywhere" />
      <Typed text={`ssh -N -L ${here}:127.0.0.1:${there} ${by}`} where="the same forward, by ssh" />
      <p class="quiet-text">
        The name {sshName(vps)} is known to ssh, and to <a href={vscodeLink(vps)}>VS Code</a>, after this was typed once: <code>kohakuriver ssh-config --install</code>
      </p>
      <dl class="vps-use">
        <div><dt>Port on its node</dt><dd>{sshPortOf(vps) ?? "none while it has no node"}</dd></div>
        {key && <div><dt>Host key</dt><dd><code class="vps-break">{print ?? key}</code> <Copy text={key} what="the host key" /></dd></div>}
      </dl>
    </section>
  );
}

function useFingerprint(key: string): string | undefined {
  const [found, setFound] = useState<{ key: string; print: string | undefined }>();
  useEffect(() => {
    let isGone = false;
    // A page that did not come by https may not work it out; then the key itself is shown.
    if (key && crypto.subtle) {
      void fingerprint(key, (data) => crypto.subtle.digest("SHA-256", data as Uint8Array<ArrayBuffer>)).then((print) => isGone || setFound({ key, print }));
    }
    return () => void (isGone = true);
  }, [key]);
  return found?.key === key ? found.print : undefined;
}

/** A command, with a button that copies it. */
function Typed({ text, where }: { text: string; where?: string }) {
  return (
    <div class="vps-typed">
      {where && <span class="quiet-text">{where}</span>}
      <code>{text}</code>
      <Copy text={text} what={`the command: ${text}`} />
    </div>
  );
}
