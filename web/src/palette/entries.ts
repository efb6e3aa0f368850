/** What the palette leads to: screens, VPSes, nodes, and whatever can be done to a VPS. Pure but for what the entries do. */
import type { KObject } from "../api/objects";
import { nodeOf, wordOf } from "../api/vps";
import { act, actionsOf, WORDS } from "../vpses/actions";

export interface Entry {
  id: string;
  /** What is matched, and shown. */
  text: string;
  /** Beside it, quiet: "running on n1". */
  about: string;
  group: "Go to" | "VPS" | "Node" | "Action";
  isDangerous?: boolean;
  run: () => void;
}

export interface World {
  vpses: readonly KObject[];
  nodes: readonly KObject[];
  isAdmin: boolean;
  mayWrite: (namespace: string) => boolean;
  go: (path: string) => void;
  /** More that the page itself can do: the theme, logging out. */
  more: readonly Entry[];
}

const enc = encodeURIComponent;

/** The places. */
export function* placesOf(world: World): Generator<Entry> {
  const to = (text: string, path: string): Entry => ({ id: path, text, about: "", group: "Go to", run: () => world.go(path) });
  yield to("VPSes", "/vpses");
  if (world.vpses.length > 0 || world.isAdmin || world.mayWrite("default")) yield to("Create a VPS", "/create");
  yield to("Cluster", "/cluster");
  if (world.isAdmin) yield to("People", "/people");
  for (const vps of world.vpses) yield ofVPS(vps, world);
  for (const node of world.nodes) {
    const { name } = node.metadata;
    yield { id: `node/${name}`, text: name, about: "node", group: "Node", run: () => world.go(`/cluster/nodes/${enc(name)}`) };
  }
  yield* world.more;
}

/** All that can be done to VPSes: for once something is typed, since there is much of it. */
export function* actionsIn(world: World): Generator<Entry> {
  for (const vps of world.vpses) yield* actionsOn(vps, world);
}

function ofVPS(vps: KObject, world: World): Entry {
  const { namespace = "", name } = vps.metadata;
  const node = nodeOf(vps);
  const about = [namespace === "default" ? "" : namespace, wordOf(vps), node ? `on ${node}` : ""].filter(Boolean).join(" · ");
  return { id: `vps/${namespace}/${name}`, text: name, about, group: "VPS", run: () => world.go(`/vps/${enc(namespace)}/${enc(name)}`) };
}

function* actionsOn(vps: KObject, world: World): Generator<Entry> {
  const { namespace = "", name } = vps.metadata;
  if (!world.mayWrite(namespace)) return;
  const about = namespace === "default" ? "" : namespace;
  const base = `/vps/${enc(namespace)}/${enc(name)}`;
  const tab = (text: string, path: string): Entry => ({
    id: `${path}${base}`, text: `${text} of ${name}`, about, group: "Action", run: () => world.go(`${base}/${path}`),
  });
  if (wordOf(vps) === "running") {
    yield tab("Terminal", "terminal");
    yield tab("Files", "files");
    yield tab("Ports", "ports");
  }
  yield tab("Logs", "logs");
  for (const { verb, whyNot } of actionsOf(vps)) {
    if (whyNot) continue;
    const { text, isDangerous = false } = WORDS[verb];
    yield { id: `${verb}${base}`, text: `${text} ${name}`, about, group: "Action", isDangerous, run: () => void act(verb, [vps]) };
  }
}
