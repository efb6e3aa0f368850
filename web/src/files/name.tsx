/** The name of a file, whatever it is made of. */
import { type Entry, isFolder } from "./entry";
import { pieces } from "./printable";

export function Name({ text }: { text: string }) {
  const found = pieces(text);
  return (
    <bdi class="files-name">
      {found.map(([part, isWrittenOut], index) => (isWrittenOut ? <span class="files-escaped" key={index}>{part}</span> : part))}
    </bdi>
  );
}

const SHAPES = {
  folder: "M1.5 3h4l1.5 1.6h7.5V13h-13z",
  file: "M3.5 1.5h6l3 3v10h-9zM9.5 1.5v3h3",
  link: "M3.5 1.5h6l3 3v10h-9zM5.5 11.5c0-3 2-4 4.5-4M8.2 5.7L10.3 7.5L8.2 9.4",
  other: "M2.5 8a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0-11 0M8 5v6M5 8h6",
};

export function Icon({ entry }: { entry: Pick<Entry, "kind" | "leads"> }) {
  const folder = isFolder(entry as Entry);
  const shape = entry.kind === "link" ? (folder ? "folder" : "link") : entry.kind;
  return (
    <svg class={`files-icon files-icon-${folder ? "folder" : entry.kind}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={SHAPES[shape]} />
      {entry.kind === "link" && folder && <path d="M5 11c0-2.5 1.5-3 4-3M7.6 6.4L9.6 8L7.6 9.6" />}
    </svg>
  );
}
