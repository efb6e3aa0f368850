/** Ctrl K: go to any VPS, node or screen, and do anything to a VPS, by a few letters. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useEvery } from "../api/every";
import { NODE, VPS } from "../api/kinds";
import { isAdmin, logOut, mayWrite } from "../api/session";
import { go } from "../router";
import { choose, THEMES } from "../shell/theme";
import { Dialog } from "../ui/dialog";
import { turned } from "../ui/menu";
import { actionsIn, type Entry, placesOf, type World } from "./entries";
import { best } from "./match";
import "./palette.css";

const MOST = 20;

const MORE: readonly Entry[] = [
  ...THEMES.map((theme): Entry => ({ id: `theme/${theme}`, text: `Theme: ${theme}`, about: "", group: "Go to", run: () => choose(theme) })),
  { id: "logout", text: "Log out", about: "", group: "Go to", run: () => void logOut() },
];

const textOf = (entry: Entry) => (entry.group === "VPS" ? `${entry.text} ${entry.about}` : entry.text);
/** A name alone leads to what is called so, before anything is done to it. */
const leadOf = (entry: Entry) => (entry.group === "Action" ? 0 : 3);

export function Palette({ close }: { close: () => void }) {
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const vpses = useEvery(VPS).objects.value;
  const nodes = useEvery(NODE).objects.value;
  const isTyped = typed.trim() !== "";
  const entries = useMemo(() => {
    const world: World = { vpses: [...vpses.values()], nodes: [...nodes.values()], isAdmin: isAdmin(), mayWrite, go, more: MORE };
    return isTyped ? [...placesOf(world), ...actionsIn(world)] : [...placesOf(world)];
  }, [vpses, nodes, isTyped]);
  const found = useMemo(() => best(entries, typed, textOf, MOST, leadOf), [entries, typed]);
  const present = Math.min(at, found.length - 1);
  useEffect(() => list.current?.children[present]?.scrollIntoView({ block: "nearest" }), [present, found]);

  const run = (entry: Entry | undefined) => {
    if (!entry) return;
    close();
    entry.run();
  };
  const move = (event: KeyboardEvent) => {
    const to: Record<string, number> = {
      ArrowDown: turned(present, 1, found.length),
      ArrowUp: turned(present, -1, found.length),
      PageDown: Math.min(present + 8, found.length - 1),
      PageUp: Math.max(present - 8, 0),
    };
    const next = to[event.key];
    if (event.key === "Enter" && !event.isComposing) run(found[present]);
    else if (next !== undefined) setAt(next);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title="Go to, or do" onClose={close} class="palette">
      <input
        type="text"
        role="combobox"
        autofocus
        aria-label="Go to a VPS, a node or a screen, or do something"
        aria-expanded={true}
        aria-controls="palette-list"
        aria-autocomplete="list"
        aria-activedescendant={found[present] ? `palette-${present}` : undefined}
        placeholder="a VPS, a node, a screen, or an action: stop dev"
        autocomplete="off"
        spellcheck={false}
        value={typed}
        onInput={(event) => {
          setTyped(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={move}
      />
      <ul ref={list} id="palette-list" role="listbox" aria-label="What fits">
        {found.map((entry, index) => (
          <li
            key={entry.id}
            id={`palette-${index}`}
            role="option"
            aria-selected={index === present}
            onMouseMove={() => setAt(index)}
            onClick={() => run(entry)}
          >
            <span class={entry.isDangerous ? "palette-text palette-danger" : "palette-text"}>{entry.text}</span>
            <span class="palette-about">{entry.about}</span>
            <span class="palette-group">{entry.group}</span>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p class="palette-none" role="status">nothing is called like that</p>}
    </Dialog>
  );
}
