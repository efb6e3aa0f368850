/** Somebody else changed the file meanwhile: both texts beside each other, and whose is kept. */
import { MergeView } from "@codemirror/merge";
import { Compartment } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { useEffect, useRef } from "preact/hooks";
import { Trouble } from "../ui/trouble";
import { languageOf, languageSupport } from "./languages";
import { editing } from "./look";
import { Name } from "./name";
import { shown } from "./printable";
import type { Document } from "./saving";
import type { Tab } from "./tab";
import { isText } from "./text";
import type { Workspace } from "./workspace";

export function Conflict({ tab, theirs }: { at: Workspace; tab: Tab; theirs: Document }) {
  const box = useRef<HTMLDivElement>(null);
  const merged = useRef<(() => string) | undefined>(undefined);
  const isSame = isText(theirs.content) && theirs.content.text === tab.text;
  const other = isText(theirs.content) ? theirs.content.text : theirs.content.readOnly;
  useEffect(() => {
    const parent = box.current;
    if (!parent || other === undefined) return;
    const syntax = new Compartment();
    const common = [EditorView.lineWrapping, syntax.of([])];
    const view = new MergeView({
      a: { doc: other, extensions: [editing(other, tab.name, "What is in the VPS", true), common] },
      b: { doc: tab.text, extensions: [editing(tab.text, tab.name, "Mine, to be edited"), common] },
      parent,
      revertControls: "a-to-b",
      renderRevertControl: () => {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = "→";
        button.title = "Take this part of theirs";
        button.setAttribute("aria-label", "Take this part of theirs");
        return button;
      },
      collapseUnchanged: { margin: 3, minSize: 6 },
      gutter: true,
    });
    let isOver = false;
    languageSupport(languageOf(tab.path, tab.text)).then(
      (support) => {
        if (!support || isOver) return;
        for (const one of [view.a, view.b]) one.dispatch({ effects: syntax.reconfigure(support) });
      },
      () => {}, // without colours they can be compared all the same
    );
    merged.current = () => view.b.state.doc.toString();
    view.b.focus();
    return () => {
      isOver = true;
      view.destroy();
    };
  }, [tab, theirs]);
  return (
    <div class="files-shown">
      <div class="files-strip" role="alert">
        <span><Name text={tab.name} /> was changed in the VPS since it was read here, so it was not written over. Left what is there now, right mine.</span>
      </div>
      <div class="files-bar">
        <button type="button" class="primary" disabled={tab.isSaving.value} onClick={() => void tab.keepMerged(merged.current?.() ?? tab.text)}>
          Save the right side
        </button>
        <button type="button" disabled={tab.isSaving.value} onClick={() => void tab.keepMine()}>Keep mine</button>
        <button type="button" disabled={tab.isSaving.value} onClick={() => tab.takeTheirs()}>Take theirs</button>
        <button type="button" class="quiet" onClick={() => (tab.theirs.value = undefined)}>Back to my text</button>
      </div>
      <Trouble error={tab.trouble.value} />
      {isSame && <p class="files-strip">The lines are the same; what differs is how they end, or a byte order mark.</p>}
      {other === undefined && <p>What is in the VPS now cannot be shown beside it: {isText(theirs.content) ? "" : theirs.content.why}.</p>}
      <div ref={box} class="files-merge" aria-label={`Both texts of ${shown(tab.name)}`} role="group" />
    </div>
  );
}
