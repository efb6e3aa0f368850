/** Somebody else changed the file meanwhile: both texts beside each other, and whose is kept. */
import { MergeView } from "@codemirror/merge";
import { EditorView } from "@codemirror/view";
import { useEffect, useRef } from "preact/hooks";
import { Trouble } from "../ui/trouble";
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
  const other = isText(theirs.content) ? theirs.content.text : theirs.content.readOnly;
  useEffect(() => {
    const parent = box.current;
    if (!parent || other === undefined) return;
    const common = [EditorView.lineWrapping];
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
    merged.current = () => view.b.state.doc.toString();
    view.b.focus();
    return () => view.destroy();
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
      {other === undefined && <p>What is in the VPS now cannot be shown beside it: {isText(theirs.content) ? "" : theirs.content.why}.</p>}
      <div ref={box} class="files-merge" aria-label={`Both texts of ${shown(tab.name)}`} role="group" />
    </div>
  );
}
