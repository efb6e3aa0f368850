/** The editor of one file. It comes with the first file that is opened. */
import { Compartment, EditorState, Text } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { openSearchPanel } from "@codemirror/search";
import { useEffect, useRef, useState } from "preact/hooks";
import { Trouble } from "../ui/trouble";
import { sizeWord } from "./entry";
import { languageOf, languageSupport } from "./languages";
import { editing } from "./look";
import { Conflict } from "./merging";
import { Name } from "./name";
import { Download } from "./open";
import { shown } from "./printable";
import type { Tab } from "./tab";
import { indentOf, isText } from "./text";
import type { Workspace } from "./workspace";

/** What is kept of a view while another file is shown. */
interface Rest {
  state: EditorState;
  scroll: ReturnType<EditorView["scrollSnapshot"]>;
  told: Told;
}

/** Who shows where the cursor is: another component each time that the file is shown. */
interface Told {
  lines: (text: string) => void;
}

export function Editor({ at, tab }: { at: Workspace; tab: Tab }) {
  const view = useRef<EditorView | undefined>(undefined);
  const content = tab.document.value?.content;
  const isReadOnly = content !== undefined && !isText(content);
  const start = content === undefined ? "" : isText(content) ? tab.text : (content.readOnly ?? "");
  const [language, setLanguage] = useState("");
  const [lines, setLines] = useState("");
  const isComparing = tab.theirs.value !== undefined;
  const epoch = tab.epoch.value;

  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const parent = box.current;
    if (!parent) return;
    const found = languageOf(tab.path, start);
    setLanguage(found);
    const rest = tab.editor as Rest | undefined;
    const syntax = new Compartment();
    const told: Told = rest?.told ?? { lines: setLines };
    told.lines = setLines;
    const state = rest?.state ?? stateOf(tab, start, isReadOnly, syntax, told);
    const made = new EditorView({ state, parent, ...(rest ? { scrollTo: rest.scroll } : {}) });
    view.current = made;
    setLines(counted(state));
    made.focus();
    let isOver = false;
    if (!rest) {
      languageSupport(found).then(
        (support) => support && !isOver && made.dispatch({ effects: syntax.reconfigure(support) }),
        () => {}, // without its colours it can be edited all the same
      );
    }
    return () => {
      isOver = true;
      if (tab.epoch.peek() === epoch) tab.editor = { state: made.state, scroll: made.scrollSnapshot(), told } satisfies Rest;
      made.destroy();
      view.current = undefined;
    };
  }, [tab, epoch, isComparing]);

  const theirs = tab.theirs.value;
  if (theirs) return <Conflict at={at} tab={tab} theirs={theirs} />;
  const notes = content === undefined ? [] : isText(content) ? [...content.notes, ...formNotes(tab)] : [content.why];
  return (
    <div class="files-shown">
      <div class="files-bar">
        <span class="files-path" title={shown(tab.path)}><Name text={tab.path} /></span>
        <span class="files-state" role="status">
          {isReadOnly ? "read-only" : tab.isSaving.value ? "is saved …" : tab.isDirty.value ? "not saved" : "saved"}
        </span>
        {!isReadOnly && (
          <button type="button" class="primary" disabled={!tab.isDirty.value || tab.isSaving.value} title="Ctrl-S" onClick={() => void saved(tab)}>
            Save
          </button>
        )}
        <button type="button" title="Ctrl-F" onClick={() => view.current && openSearchPanel(view.current)}>Find</button>
        <Download at={at} tab={tab} />
      </div>
      <NewsStrip tab={tab} />
      <Trouble error={tab.trouble.value} />
      {at.unkept.value.includes(tab.path) && <p class="files-strip">What is not saved here is too large to be kept when the page is loaded again.</p>}
      <div ref={box} class="files-editor" />
      <div class="files-foot">
        <span>{language || "Plain text"}</span>
        <span>{indentWord(start, tab.name)}</span>
        <span>{lines}</span>
        <span>{sizeWord(tab.document.value?.size ?? 0)}</span>
        {notes.map((note) => <span key={note} class="files-note">{note}</span>)}
      </div>
    </div>
  );
}

function stateOf(tab: Tab, text: string, isReadOnly: boolean, syntax: Compartment, told: Told): EditorState {
  // A text is compared with the one that was saved at each key; the two share all that was not touched.
  let baseText = tab.base;
  let base = baseOf(tab);
  return EditorState.create({
    doc: Text.of(text.split("\n")),
    extensions: [
      keymap.of([{ key: "Mod-s", preventDefault: true, run: () => (void saved(tab), true) }]),
      editing(text, tab.name, `Text of ${shown(tab.name)}`, isReadOnly),
      syntax.of([]),
      EditorView.updateListener.of((update) => {
        if (update.selectionSet || update.docChanged) told.lines(counted(update.state));
        if (!update.docChanged || isReadOnly) return;
        if (tab.base !== baseText) {
          baseText = tab.base;
          base = baseOf(tab);
        }
        const doc = update.state.doc;
        tab.edited(() => doc.toString(), base === undefined || !doc.eq(base));
      }),
    ],
  });
}

function baseOf(tab: Tab): Text | undefined {
  return tab.base === undefined ? undefined : Text.of(tab.base.split("\n"));
}

async function saved(tab: Tab): Promise<void> {
  if (tab.isDirty.peek()) await tab.save();
}

/** Where the cursor is: "line 3 of 20, column 5". */
function counted(state: EditorState): string {
  const { head } = state.selection.main;
  const line = state.doc.lineAt(head);
  return `line ${line.number} of ${state.doc.lines}, column ${head - line.from + 1}`;
}

function indentWord(text: string, name: string): string {
  const indent = indentOf(text, name);
  return indent === "\t" ? "tabs" : `${indent.length} blanks`;
}

function formNotes(tab: Tab): string[] {
  const form = tab.form.value;
  return [form?.lineEnd === "\r\n" ? "CRLF" : "", form?.hasBom ? "BOM" : ""].filter(Boolean);
}

/** What was changed elsewhere, and what can be done about it. */
function NewsStrip({ tab }: { tab: Tab }) {
  const news = tab.news.value;
  if (!news) return null;
  const isDirty = tab.isDirty.value;
  if (news === "gone") {
    return (
      <div class="files-strip" role="alert">
        <span>{shown(tab.path)} is not there any more.</span>
        <button type="button" onClick={() => void tab.keepMine()}>Make it again with this text</button>
      </div>
    );
  }
  return (
    <div class="files-strip" role="alert">
      <span>{shown(tab.name)} was changed in the VPS since it was read here.</span>
      {isDirty && <button type="button" onClick={() => void tab.compare()}>Compare</button>}
      <button type="button" onClick={() => void tab.open()}>{isDirty ? "Drop my changes and read it again" : "Read it again"}</button>
    </div>
  );
}
