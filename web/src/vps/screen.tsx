/** One VPS: how it stands and why, what one can do to it, and its parts behind tabs. */
import { type ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useCollection } from "../api/collection";
import { NODE, VPS } from "../api/kinds";
import type { KObject } from "../api/objects";
import { holdsOf, nodeOf, observedOf, waitsForRestart, whyOf, wordOf } from "../api/vps";
import { bytes, coresInWords } from "../api/quantity";
import { mayWrite } from "../api/session";
import { go, href } from "../router";
import { Ago } from "../ui/clock";
import { Copy } from "../ui/copy";
import { Menu } from "../ui/menu";
import { StateWord } from "../ui/state";
import { Trouble } from "../ui/trouble";
import { act, actionsOf, type Verb, WORDS } from "../vpses/actions";
import { sshCommand, vscodeLink } from "../vpses/reach";
import { arriving } from "../ui/arriving";
import "./vps.css";

type Panel = ComponentType<{ namespace: string; name: string; vps: KObject; node: KObject | undefined }>;

interface Tab {
  readonly id: string;
  readonly title: string;
  /** Whether it leads into the VPS, which takes more than to look at it. */
  readonly enters?: boolean;
  readonly load: () => Promise<Panel>;
}

const TABS: readonly Tab[] = [
  { id: "overview", title: "Overview", load: async () => (await import("./overview")).Overview },
  { id: "terminal", title: "Terminal", enters: true, load: async () => (await import("../terminal/panel")).TerminalPanel },
  { id: "files", title: "Files", enters: true, load: async () => (await import("../files/panel")).FilesPanel },
  { id: "ports", title: "Ports", load: async () => (await import("./ports")).Ports },
  { id: "snapshots", title: "Snapshots", load: async () => (await import("./snapshots/panel")).Snapshots },
  { id: "logs", title: "Logs", enters: true, load: async () => (await import("./logs")).Logs },
  { id: "yaml", title: "YAML", load: async () => (await import("./yaml/panel")).Yaml },
];

export function OneVPS({ parts }: { parts: readonly string[] }) {
  const [namespace = "", name = "", tab = "overview"] = parts;
  if (!namespace || !name) return <p role="alert">Which VPS? <a href={href("vpses")}>All VPSes</a></p>;
  return <Followed key={`${namespace}/${name}`} namespace={namespace} name={name} tab={tab} />;
}

function Followed({ namespace, name, tab }: { namespace: string; name: string; tab: string }) {
  const found = useCollection(VPS, namespace, `metadata.name=${name}`);
  const vps = found.objects.value.get(`${namespace}/${name}`);
  const seen = useRef<{ vps: KObject; goneAt?: string } | undefined>(undefined);
  if (vps) seen.current = { vps };
  else if (seen.current && found.state.value === "live") seen.current.goneAt ??= new Date().toISOString();
  if (found.state.value === "refused") return <Trouble error={found.error.value} />;
  if (!vps && found.state.value === "loading" && !seen.current) return <p class="waiting">…</p>;
  if (!vps && !seen.current && found.error.value) return <Trouble error={found.error.value} />;
  if (!vps) return <Gone namespace={namespace} name={name} at={seen.current?.goneAt} />;
  return (
    <>
      {found.state.value === "stale" && <p class="vps-stale" role="status">What is shown may be old: {found.error.value?.message}; {found.error.value?.hint}</p>}
      <Present key={vps.metadata.uid} vps={vps} tab={tab} />
    </>
  );
}

/** There is none, or none any more. */
function Gone({ namespace, name, at }: { namespace: string; name: string; at: string | undefined }) {
  return (
    <section class="vps-gone" role="status">
      <h1>{name}</h1>
      {at ? (
        <p>{name} was deleted <Ago time={at} /> ago.</p>
      ) : (
        <p>There is no VPS "{name}" in namespace {namespace}.</p>
      )}
      <p>
        <a href={href("vpses")}>All VPSes</a>
        {mayWrite(namespace) && <> · <a href={`${href("create")}?${new URLSearchParams({ namespace, name })}`}>Create {name}</a></>}
      </p>
    </section>
  );
}

function Present({ vps, tab }: { vps: KObject; tab: string }) {
  const { namespace = "", name } = vps.metadata;
  const node = useNode(nodeOf(vps));
  const shown = TABS.filter((one) => !one.enters || mayWrite(namespace));
  const current = shown.find((one) => one.id === tab);
  return (
    <article class="vps">
      <Head vps={vps} node={node} />
      <Tabs tabs={shown} current={current?.id ?? ""} path={["vps", namespace, name]} />
      {current ? (
        <div class="vps-panel" role="tabpanel" id="vps-panel" aria-labelledby={`vps-tab-${current.id}`}>
          <Loaded key={current.id} tab={current} vps={vps} node={node} />
        </div>
      ) : (
        <p role="alert">There is no part "{tab}" of {name}, or you may not open it. <a href={href("vps", namespace, name, "overview")}>Overview</a></p>
      )}
    </article>
  );
}

/** The node of that name, if one may see it. */
function useNode(name: string): KObject | undefined {
  const found = useCollection(NODE, "", `metadata.name=${name || "-"}`);
  return found.objects.value.get(name);
}

function Head({ vps, node }: { vps: KObject; node: KObject | undefined }) {
  const { namespace = "", name } = vps.metadata;
  const why = whyOf(vps);
  const restart = waitsForRestart(vps);
  const holds = holdsOf(vps);
  const has = [
    coresInWords(holds.cores),
    holds.memory === undefined ? "" : bytes(holds.memory),
    holds.gpus === 1 ? "1 GPU" : holds.gpus ? `${holds.gpus} GPUs` : "",
  ].filter(Boolean);
  return (
    <header class="vps-head">
      <p class="vps-where"><a href={href("vpses")}>VPSes</a> / {namespace}</p>
      <div class="vps-title">
        <h1>{name}</h1>
        <StateWord word={wordOf(vps)} />
        <span class="quiet-text">{nodeOf(vps) ? `on ${nodeOf(vps)}, ` : ""}{has.join(", ")}</span>
        <Buttons vps={vps} />
      </div>
      {why && <p class="vps-why">{why}</p>}
      {restart && <p class="vps-why">{restart}</p>}
      {wordOf(vps) === "running" && <Ways vps={vps} node={node} />}
    </header>
  );
}

const MAIN: readonly Verb[] = ["start", "resume", "restart", "replace", "stop"];

function Buttons({ vps }: { vps: KObject }) {
  const { namespace = "", name } = vps.metadata;
  if (!mayWrite(namespace)) return null;
  const actions = actionsOf(vps);
  const main = actions.filter((one) => MAIN.includes(one.verb));
  const rest = actions.filter((one) => !MAIN.includes(one.verb));
  return (
    <div class="vps-buttons">
      {wordOf(vps) === "running" && <a class="button primary" href={href("vps", namespace, name, "terminal")}>Terminal</a>}
      {main.map(({ verb, whyNot }) => (
        <button key={verb} type="button" class={WORDS[verb].isDangerous ? "danger" : ""} disabled={Boolean(whyNot)} title={whyNot} onClick={() => void act(verb, [vps])}>
          {WORDS[verb].text}
        </button>
      ))}
      <Menu
        label={`More for ${name}`}
        items={rest.map(({ verb, whyNot }) => ({
          text: WORDS[verb].text,
          act: () => void act(verb, [vps]),
          ...(WORDS[verb].isDangerous ? { isDangerous: true } : {}),
          ...(whyNot ? { whyNot } : {}),
        }))}
      >
        More ▾
      </Menu>
    </div>
  );
}

/** How one gets in from one's own machine. */
function Ways({ vps, node }: { vps: KObject; node: KObject | undefined }) {
  const command = sshCommand(vps, node, location.hostname);
  return (
    <p class="vps-ways">
      <code>{command}</code> <Copy text={command} what={`the command that logs in to ${vps.metadata.name}`} />
      {observedOf(vps).ssh?.state === "ready" && (
        <a href={vscodeLink(vps)} title="Needs, once: kohakuriver ssh-config --install">Open in VS Code</a>
      )}
    </p>
  );
}

/** Links that are tabs: each has a path of its own. */
function Tabs({ tabs, current, path }: { tabs: readonly Tab[]; current: string; path: readonly string[] }) {
  const move = (event: KeyboardEvent) => {
    const at = tabs.findIndex((one) => one.id === current);
    const to: Record<string, number> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1 };
    const next = tabs[((to[event.key] ?? NaN) + tabs.length) % tabs.length];
    if (!next || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    go(`/${[...path, next.id].map(encodeURIComponent).join("/")}`);
    document.getElementById(`vps-tab-${next.id}`)?.focus();
  };
  return (
    <div class="vps-tabs" role="tablist" aria-label="Parts of this VPS" onKeyDown={move}>
      {tabs.map((one, at) => {
        const isCurrent = one.id === current;
        return (
          <a
            key={one.id}
            id={`vps-tab-${one.id}`}
            role="tab"
            href={href(...path, one.id)}
            aria-selected={isCurrent}
            aria-controls={isCurrent ? "vps-panel" : undefined}
            tabIndex={isCurrent || (!current && at === 0) ? 0 : -1}
          >
            {one.title}
          </a>
        );
      })}
    </div>
  );
}

/** A tab's content, which is fetched when the tab is first opened. */
function Loaded({ tab, vps, node }: { tab: Tab; vps: KObject; node: KObject | undefined }) {
  const [found, setFound] = useState<{ panel?: Panel; failed?: boolean }>({});
  const load = () => {
    setFound({});
    arriving(tab.load).then((panel) => setFound({ panel }), () => setFound({ failed: true }));
  };
  useEffect(load, [tab]);
  if (found.failed) return <Trouble error={new Error(`${tab.title} did not arrive: the page may be of another version than the server`)} again={load} />;
  if (!found.panel) return <p class="waiting">…</p>;
  return <found.panel namespace={vps.metadata.namespace ?? ""} name={vps.metadata.name} vps={vps} node={node} />;
}
