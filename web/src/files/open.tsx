/** What is open: a tab for the list and one for each file; the one that is chosen is shown. */
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { confirm } from "../ui/dialog";
import { Trouble } from "../ui/trouble";
import { sizeWord } from "./entry";
import { Name } from "./name";
import { Picture, pictureType } from "./preview";
import { save } from "./local";
import { record, toFile, toList } from "./places";
import { shown } from "./printable";
import type { Tab } from "./tab";
import { isText } from "./text";
import type { Workspace } from "./workspace";

export function Tabs({ at }: { at: Workspace }) {
  const tabs = at.tabs.value;
  if (tabs.length === 0) return null;
  const active = at.active.value;
  return (
    <nav class="files-tabs" aria-label="Open files">
      <span class={`files-tab${active ? "" : " files-active"}`}>
        <button type="button" aria-current={active ? undefined : "true"} onClick={() => toList(at)}>Folder</button>
      </span>
      {tabs.map((tab) => (
        <span key={tab.path} class={`files-tab${tab.path === active ? " files-active" : ""}`} title={shown(tab.path)}>
          <button type="button" aria-current={tab.path === active ? "true" : undefined} onClick={() => toFile(at, tab.path)}>
            <Name text={tab.name} />
            {tab.isDirty.value && <span class="files-dirty" title="not saved"><span aria-hidden="true">●</span><span class="files-unseen">, not saved</span></span>}
          </button>
          <button type="button" class="files-shut" aria-label={`Close ${shown(tab.name)}`} onClick={() => void shut(at, tab)}>✕</button>
        </span>
      ))}
    </nav>
  );
}

/** Closes it; what is not saved is asked for first. */
export async function shut(at: Workspace, tab: Tab): Promise<void> {
  if (tab.isDirty.peek()) {
    const isSure = await confirm({
      title: `Close ${shown(tab.name)} without saving?`,
      lines: ["What was typed since it was saved is lost."],
      action: "Close without saving",
      isDangerous: true,
    });
    if (!isSure) return;
  }
  at.close(tab);
  record(at);
}

type Editor = ComponentType<{ at: Workspace; tab: Tab }>;
let loaded: Editor | undefined;

export function OpenFile({ at, tab }: { at: Workspace; tab: Tab }) {
  const picture = pictureType(tab.path);
  const [asText, setAsText] = useState(false);
  const document = tab.document.value;
  if (picture && !asText && !tab.isDirty.value) {
    const isSource = document && isText(document.content);
    return (
      <div class="files-shown">
        <div class="files-bar">
          {isSource && <button type="button" onClick={() => setAsText(true)}>Edit as text</button>}
          <Download at={at} tab={tab} />
        </div>
        <Picture at={at} path={tab.path} type={picture} />
      </div>
    );
  }
  if (!document) {
    return tab.trouble.value ? <Trouble error={tab.trouble.value} again={() => void tab.open()} /> : <p class="waiting">…</p>;
  }
  if (!isText(document.content) && document.content.readOnly === undefined) {
    return (
      <div class="files-refused">
        <p><Name text={tab.name} /> is not opened here: {document.content.why}.</p>
        <p class="quiet-text">{sizeWord(document.size)}</p>
        <Download at={at} tab={tab} />
      </div>
    );
  }
  return <Loaded at={at} tab={tab} />;
}

/** The editor comes when the first file is opened. */
function Loaded({ at, tab }: { at: Workspace; tab: Tab }) {
  const [Found, setFound] = useState<Editor | undefined>(() => loaded);
  const [trouble, setTrouble] = useState<unknown>();
  useEffect(() => {
    if (Found) return;
    import("./editor").then(
      ({ Editor: found }) => setFound(() => (loaded = found)),
      () => setTrouble(new Error("the editor did not arrive: load the page again")),
    );
  }, []);
  if (trouble) return <Trouble error={trouble} />;
  return Found ? <Found at={at} tab={tab} /> : <p class="waiting">…</p>;
}

export function Download({ at, tab }: { at: Workspace; tab: Tab }) {
  const size = tab.document.value?.size ?? 0;
  return <button type="button" onClick={() => void at.transfers.download(tab.path, false, size, save)}>Download</button>;
}
