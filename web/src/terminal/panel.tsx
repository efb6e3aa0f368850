/** The terminals of one VPS: its shells as tabs, each of which comes back by itself with exactly the output that was missed. */
import "@xterm/xterm/css/xterm.css";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { href } from "../router";
import { age, now } from "../ui/clock";
import { Dialog } from "../ui/dialog";
import { Menu } from "../ui/menu";
import { announce, complain } from "../ui/toasts";
import { openLink } from "./browser";
import { lineCount, preview } from "./paste";
import type { Standing } from "./session";
import { changeFont, screenReader } from "./settings";
import { type LeftOpen, type Shells, shellsOf } from "./shells";
import "./terminal.css";
import type { Key, View } from "./view";

interface Of {
  namespace: string;
  name: string;
  /** A shell to go to, where one came here for that. */
  session?: string;
  /** It has the window for itself. */
  isAlone?: boolean;
}

type Question = { about: "paste"; text: string } | { about: "link"; uri: string } | { about: "close"; view: View };

export function TerminalPanel({ namespace, name, session = "", isAlone = false }: Of) {
  const shells = shellsOf(namespace, name);
  const [question, ask] = useState<Question>();
  const [isSearching, setSearching] = useState(false);
  const panel = useRef<HTMLElement>(null);
  const tabs = useRef<HTMLUListElement>(null);
  const view = shells.current.value;

  useEffect(() => {
    shells.wishes = {
      search: () => setSearching(true),
      askPaste: (text) => ask({ about: "paste", text }),
      askLink: (uri) => ask({ about: "link", uri }),
      tooMuch: () => complain("this is more than can be typed at once", "nothing was pasted"),
      copied: (text) => void copied(text),
      leave: () => tabs.current?.querySelector<HTMLElement>("[aria-current]")?.focus(),
      renamed: () => {},
      gone: () => {},
    };
    void shells.begin(session);
    return () => {
      shells.wishes = undefined;
    };
  }, [shells, session]);
  useHeight(panel, isAlone);

  const close = (one: View) => {
    const { phase } = one.standing.value;
    if (one.isUntouched) shells.close(one, "end");
    else if (phase === "open" || phase === "lost") ask({ about: "close", view: one });
    else shells.close(one, "leave");
  };
  return (
    <section class={isAlone ? "terminals terminals-alone" : "terminals"} ref={panel} aria-label={`Terminal of ${name}`}>
      <div class="terminal-top">
        {isAlone && <a class="terminal-home" href={href("vps", namespace, name)}>{name}</a>}
        <ul class="terminal-tabs" ref={tabs} aria-label="Shells">
          {shells.open.value.map((one, index) => (
            <Tab key={one.host} view={one} number={index + 1} isCurrent={one === view} show={() => shells.show(one)} close={() => close(one)} />
          ))}
        </ul>
        <button type="button" class="quiet" aria-label="Open another shell" title="Open another shell" onClick={() => shells.openNew()}>+</button>
        <span class="terminal-space" />
        {view && <More shells={shells} view={view} namespace={namespace} name={name} isAlone={isAlone} search={() => setSearching(true)} />}
      </div>
      <Left shells={shells} />
      {isSearching && view && <Search view={view} close={() => setSearching(false)} />}
      {view ? <Stage key={view.host} view={view} close={() => close(view)} /> : shells.isReady.value && <Nothing shells={shells} />}
      {view && <Keys view={view} />}
      {question?.about === "paste" && view && <AskPaste view={view} text={question.text} done={() => ask(undefined)} />}
      {question?.about === "link" && <AskLink uri={question.uri} done={() => ask(undefined)} />}
      {question?.about === "close" && <AskClose shells={shells} view={question.view} done={() => ask(undefined)} />}
    </section>
  );
}

/** What is below the panel's upper edge, and above a keyboard on the screen, is its own: the page itself does not scroll. */
function useHeight(panel: { current: HTMLElement | null }, isAlone: boolean): void {
  useLayoutEffect(() => {
    const element = panel.current;
    if (!element) return;
    const measure = () => {
      const above = isAlone ? 0 : element.getBoundingClientRect().top + scrollY;
      element.style.setProperty("--terminal-above", `${Math.round(above)}px`);
      element.style.setProperty("--terminal-seen", `${Math.round(visualViewport?.height ?? innerHeight)}px`);
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    visualViewport?.addEventListener("resize", measure);
    return () => {
      observer.disconnect();
      visualViewport?.removeEventListener("resize", measure);
    };
  }, [isAlone]);
}

async function copied(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    announce("copied");
  } catch {
    complain("the browser does not let this page copy", "hold Shift and use the browser's own menu");
  }
}

/** What a shell is called: as its program says, else by its number. */
function called(view: View, number: number): string {
  return view.title.value || `Shell ${number}`;
}

interface OneTab {
  view: View;
  number: number;
  isCurrent: boolean;
  show: () => void;
  close: () => void;
}

function Tab({ view, number, isCurrent, show, close }: OneTab) {
  const text = called(view, number);
  const { phase } = view.standing.value;
  const mark = view.hasRung.value ? "rang" : phase === "open" ? "" : WORDS[phase];
  return (
    <li class="terminal-tab">
      <button type="button" class="quiet terminal-tab-name" aria-current={isCurrent ? "true" : undefined} title={text} onClick={show}>
        <span class="terminal-tab-text">{text}</span>
        {mark && <span class="terminal-mark">{mark}</span>}
      </button>
      <button type="button" class="quiet terminal-tab-close" aria-label={`Close ${text}`} title="Close" onClick={close}>✕</button>
    </li>
  );
}

const WORDS: Record<Standing["phase"], string> = {
  opening: "…",
  open: "",
  lost: "away",
  taken: "taken over",
  ended: "ended",
  refused: "not open",
};

interface MoreOf {
  shells: Shells;
  view: View;
  namespace: string;
  name: string;
  isAlone: boolean;
  search: () => void;
}

function More({ shells, view, namespace, name, isAlone, search }: MoreOf) {
  const ownWindow = () => {
    const { id } = view.session;
    shells.close(view, "leave");
    window.open(`${href("terminal", namespace, name)}?session=${encodeURIComponent(id)}`, "_blank", "noopener");
  };
  return (
    <Menu
      label="More of the terminal"
      class="quiet"
      items={[
        { text: "Find", keys: "Ctrl-Shift-F", act: search },
        { text: "Larger text", keys: "Ctrl +", act: () => changeFont(1) },
        { text: "Smaller text", keys: "Ctrl -", act: () => changeFont(-1) },
        {
          text: screenReader.value ? "Stop telling a screen reader" : "Tell a screen reader what is shown",
          act: () => (screenReader.value = !screenReader.value),
        },
        ...(isAlone ? [] : [{ text: "Move to a window of its own", act: ownWindow }]),
        { text: "Out of the terminal", keys: "Ctrl-Shift-↑", act: () => shells.wishes?.leave() },
      ]}
    >
      <span aria-hidden="true">⋯</span>
    </Menu>
  );
}

/** Where the terminal is shown, with what is to be known of it over its lower edge. */
function Stage({ view, close }: { view: View; close: () => void }) {
  const place = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (place.current) view.mount(place.current);
    view.focus();
    return () => view.host.remove();
  }, [view]);
  return (
    <div class="terminal-stage" data-flashing={view.isFlashing.value || undefined} data-phase={view.standing.value.phase}>
      <div class="terminal-place" ref={place} />
      <Standings view={view} close={close} />
      {view.link.value && <p class="terminal-link">{view.link.value}</p>}
    </div>
  );
}

function Standings({ view, close }: { view: View; close: () => void }) {
  const { missedBytes, note } = view;
  return (
    <div class="terminal-standing" role="status">
      <Said view={view} close={close} />
      {missedBytes.value > 0 && (
        <p>
          {missedBytes.value.toLocaleString("en")} bytes of output came meanwhile and are no longer kept
          <button type="button" class="quiet" onClick={() => (missedBytes.value = 0)}>Good</button>
        </p>
      )}
      {note.value && <p>{note.value} <button type="button" class="quiet" onClick={() => (note.value = "")}>Good</button></p>}
    </div>
  );
}

function Said({ view, close }: { view: View; close: () => void }) {
  const standing = view.standing.value;
  const again = <button type="button" onClick={() => view.openAnother()}>Open another shell</button>;
  const away = <button type="button" class="quiet" onClick={close}>Close</button>;
  switch (standing.phase) {
    case "open":
      return null;
    case "opening":
      return standing.why ? <p>Opening: {standing.why.message}</p> : <p class="quiet-text">Opening…</p>;
    case "lost":
      return (
        <p>
          Coming back: {standing.why.message}{since(standing.since)}; what you type is kept{" "}
          <button type="button" class="quiet" onClick={() => view.session.wake()}>Try now</button>
        </p>
      );
    case "taken":
      return (
        <p>
          the shell was taken over from elsewhere{" "}
          <button type="button" onClick={() => takeBack(view)}>Take it back</button>
          {away}
        </p>
      );
    case "ended":
      return <p>{standing.message} {standing.hint && <span class="terminal-hint">{standing.hint} </span>}{again}{away}</p>;
    case "refused":
      return (
        <p class="terminal-refused">
          {standing.error.message}{" "}
          {standing.error.hint && <span class="terminal-hint">{standing.error.hint} </span>}
          <button type="button" onClick={() => takeBack(view)}>Try again</button>
        </p>
      );
  }
}

function takeBack(view: View): void {
  view.session.again();
  view.focus();
}

/** How long ago that was, once it is long. */
function since(then: number): string {
  const seconds = (now.value - then) / 1000;
  return seconds < 10 ? "" : `, for ${age(seconds)}`;
}

/** Shells with nobody at them, quietly: none is gone to unless one asks. */
function Left({ shells }: { shells: Shells }) {
  const [first] = shells.left.value;
  if (!first) return null;
  const count = shells.left.value.length;
  const last = `${age((now.value - first.since) / 1000)} ago`;
  const items = shells.left.value.map((one) => ({ text: leftWords(one), act: () => shells.goBack(one.id) }));
  return (
    <p class="terminal-left">
      <span>{count === 1 ? `1 shell left ${last}` : `${count} shells left, the last ${last}`}</span>
      {count === 1
        ? <button type="button" class="quiet" onClick={() => shells.goBack(first.id)}>Go back</button>
        : <Menu label="Go back to one" class="quiet" items={items} />}
      <button type="button" class="quiet" aria-label="Do not show this" onClick={() => (shells.left.value = [])}>✕</button>
    </p>
  );
}

function leftWords({ id, command, since }: LeftOpen): string {
  return `${id}${command ? ` (${command})` : ""}, left ${age((now.value - since) / 1000)} ago`;
}

function Nothing({ shells }: { shells: Shells }) {
  return (
    <div class="terminal-nothing">
      <p class="quiet-text">No shell is open here.</p>
      <button type="button" onClick={() => shells.openNew()}>Open a shell</button>
    </div>
  );
}

function Search({ view, close }: { view: View; close: () => void }) {
  const [text, setText] = useState("");
  const [found, setFound] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const id = useId();
  useEffect(() => {
    field.current?.focus();
    const told = view.search.onDidChangeResults(({ resultIndex, resultCount }) => {
      setFound(resultCount === 0 ? "nothing" : resultIndex < 0 ? `${resultCount} or more` : `${resultIndex + 1} of ${resultCount}`);
    });
    return () => {
      told.dispose();
      view.search.clearDecorations();
    };
  }, [view]);
  const look = (back: boolean, what = text) => {
    const { terminal } = view;
    if (!what) return view.search.clearDecorations();
    const { yellow = "", cursor = "", selectionBackground = "" } = terminal.options.theme ?? {};
    const decorations = {
      matchBorder: hex(yellow),
      matchOverviewRuler: hex(yellow),
      activeMatchBorder: hex(cursor),
      activeMatchBackground: hex(selectionBackground),
      activeMatchColorOverviewRuler: hex(cursor),
    };
    if (back) view.search.findPrevious(what, { decorations });
    else view.search.findNext(what, { decorations, incremental: what !== text });
  };
  const end = () => {
    close();
    view.focus();
  };
  return (
    <form
      class="terminal-search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        look(true);
      }}
      onKeyDown={(event) => event.key === "Escape" && end()}
    >
      <label for={id}>Find</label>
      <input
        id={id}
        ref={field}
        value={text}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => {
          const what = event.currentTarget.value;
          setText(what);
          look(true, what);
        }}
      />
      <span class="quiet-text" role="status">{text && found}</span>
      <button type="button" class="quiet" aria-label="The one above" onClick={() => look(true)}>↑</button>
      <button type="button" class="quiet" aria-label="The one below" onClick={() => look(false)}>↓</button>
      <button type="button" class="quiet" aria-label="End the search" onClick={end}>✕</button>
    </form>
  );
}

/** "rgb(1, 2, 3)" as "#010203", which is all that a decoration takes. */
function hex(colour: string): string {
  const parts = colour.match(/\d+/g)?.slice(0, 3) ?? [];
  return `#${parts.map((part) => Number(part).toString(16).padStart(2, "0")).join("")}`;
}

const KEYS: readonly (readonly [text: string, label: string, key: Key | "Ctrl"])[] = [
  ["Esc", "Escape", "Escape"],
  ["Tab", "Tab", "Tab"],
  ["Ctrl", "Ctrl with the next key", "Ctrl"],
  ["←", "Left", "Left"],
  ["↓", "Down", "Down"],
  ["↑", "Up", "Up"],
  ["→", "Right", "Right"],
];

/** The keys that a touched screen lacks; shown where there is no fine pointer, or little room. */
function Keys({ view }: { view: View }) {
  return (
    <div class="terminal-keys" role="group" aria-label="Keys">
      {KEYS.map(([text, label, key]) => (
        <button
          key={key}
          type="button"
          aria-label={label}
          aria-pressed={key === "Ctrl" ? view.ctrl.value : undefined}
          onPointerDown={(event) => event.preventDefault() /* the keyboard on the screen stays */}
          onClick={() => {
            if (key === "Ctrl") view.ctrl.value = !view.ctrl.value;
            else view.press(key);
            view.focus();
          }}
        >
          {text}
        </button>
      ))}
    </div>
  );
}

function AskPaste({ view, text, done }: { view: View; text: string; done: () => void }) {
  const shown = preview(text);
  const isWhole = view.terminal.modes.bracketedPasteMode;
  return (
    <Dialog title={`Paste ${lineCount(text)} lines?`} class="terminal-ask" onClose={done}>
      <p>{isWhole ? "The program takes them as one paste." : "The program does not tell a paste from typing: a shell runs each line at once."}</p>
      <pre tabIndex={0}>{shown.text}</pre>
      {shown.more > 0 && <p class="quiet-text">and {shown.more} more lines</p>}
      <div class="dialog-buttons">
        <button type="button" onClick={done}>Cancel</button>
        <button
          type="button"
          class="primary"
          autofocus
          onClick={() => {
            done();
            view.paste(text);
          }}
        >
          Paste
        </button>
      </div>
    </Dialog>
  );
}

function AskLink({ uri, done }: { uri: string; done: () => void }) {
  return (
    <Dialog title="Open this link?" class="terminal-ask" onClose={done}>
      <p>It was written by a program in the VPS, and leads to:</p>
      <pre tabIndex={0}>{uri}</pre>
      <div class="dialog-buttons">
        <button type="button" autofocus onClick={done}>Cancel</button>
        <button
          type="button"
          class="primary"
          onClick={() => {
            done();
            openLink(uri);
          }}
        >
          Open
        </button>
      </div>
    </Dialog>
  );
}

function AskClose({ shells, view, done }: { shells: Shells; view: View; done: () => void }) {
  const isThere = view.standing.value.phase === "open";
  const close = (how: "end" | "leave") => {
    done();
    shells.close(view, how);
  };
  return (
    <Dialog title="End this shell?" class="terminal-ask" onClose={done}>
      <p>Left running, it is kept for {age(view.session.window)}, and you can go back to it from here or by the command.</p>
      <p>Ended, what runs in it ends too.</p>
      {!isThere && <p>It cannot be ended now: there is no connection to it.</p>}
      <div class="dialog-buttons">
        <button type="button" onClick={done}>Cancel</button>
        <button type="button" class="danger" disabled={!isThere} onClick={() => close("end")}>End it</button>
        <button type="button" class="primary" autofocus onClick={() => close("leave")}>Leave it running</button>
      </div>
    </Dialog>
  );
}
