/** Pictures, as <img> only: what is in an SVG cannot run there. */
import { useEffect, useState } from "preact/hooks";
import { Trouble } from "../ui/trouble";
import { nameOf, sizeWord } from "./entry";
import { shown } from "./printable";
import type { Workspace } from "./workspace";

export const MOST = 5_000_000; // bytes of one
const TYPES: Record<string, string> = {
  png: "image/png", jpg: "image/jpeg", jpeg: "image/jpeg", gif: "image/gif", webp: "image/webp", svg: "image/svg+xml", ico: "image/x-icon", bmp: "image/bmp",
};

/** The media type of a picture by its name; nothing for what is none. Pure. */
export function pictureType(path: string): string | undefined {
  const name = nameOf(path);
  const dot = name.lastIndexOf(".");
  return dot >= 0 ? TYPES[name.slice(dot + 1).toLowerCase()] : undefined;
}

export function Picture({ at, path, type }: { at: Workspace; path: string; type: string }) {
  const [url, setUrl] = useState<string>();
  const [size, setSize] = useState("");
  const [trouble, setTrouble] = useState<unknown>();
  useEffect(() => {
    const end = new AbortController();
    setUrl(undefined);
    at.files.read(path, MOST + 1, end.signal).then(
      async ({ data }) => {
        if (data.length > MOST) return setTrouble(new Error(`it is larger than ${sizeWord(MOST)}: download it to see it`));
        const reader = new FileReader();
        reader.onload = () => !end.signal.aborted && setUrl(String(reader.result));
        reader.readAsDataURL(new Blob([data], { type }));
        setSize(sizeWord(data.length));
      },
      (error: unknown) => !end.signal.aborted && setTrouble(error),
    );
    return () => end.abort();
  }, [at, path, type]);
  return (
    <div class="files-picture">
      <Trouble error={trouble} />
      {url && <img src={url} alt={shown(nameOf(path))} onError={() => setTrouble(new Error("this is not a picture that the browser can show"))}
        onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) => setSize((before) => `${naturalWidth} × ${naturalHeight}, ${before.split(", ").at(-1)}`)} />}
      {url && <p class="quiet-text">{size}</p>}
    </div>
  );
}
