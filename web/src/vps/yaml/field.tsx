/** The editor as a piece of a page, with what is wrong in it below, each with its line. */
import { useEffect, useRef, useState } from "preact/hooks";
import { arriving } from "../../ui/arriving";
import type { Editor } from "./editor";
import type { Problem } from "./text";

interface Shown {
  text: string;
  label: string;
  isReadOnly?: boolean;
  problems: readonly Problem[];
  onChange: (text: string) => void;
  onSave?: () => void;
}

export function YamlField({ text, label, isReadOnly = false, problems, onChange, onSave }: Shown) {
  const place = useRef<HTMLDivElement>(null);
  const told = useRef({ onChange, onSave, text });
  told.current = { onChange, onSave, text };
  const own = useRef<string[]>([]); // what was typed and has not come back as `text` yet
  const [editor, setEditor] = useState<Editor>();
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    let made: Editor | undefined;
    let isGone = false;
    arriving(() => import("./editor")).then(
      ({ edit }) => {
        if (isGone || !place.current) return;
        made = edit(place.current, {
          text: told.current.text,
          label,
          isReadOnly,
          onChange: (now) => {
            own.current.push(now);
            told.current.onChange(now);
          },
          onSave: () => told.current.onSave?.(),
        });
        setEditor(made);
      },
      () => setFailed(true),
    );
    return () => {
      isGone = true;
      made?.destroy();
    };
  }, [label, isReadOnly]);
  useEffect(() => {
    const at = own.current.lastIndexOf(text);
    own.current = at < 0 ? [] : own.current.slice(at + 1);
    if (at < 0) editor?.put(text);
  }, [editor, text]);
  useEffect(() => editor?.mark(problems.map((one) => one.line)), [editor, problems]);
  return (
    <div class="yaml-field">
      <div ref={place} class="yaml-editor" />
      {!editor && !failed && <p class="waiting">…</p>}
      {failed && <textarea class="mono" rows={24} aria-label={label} readOnly={isReadOnly} value={text} onInput={(event) => onChange(event.currentTarget.value)} />}
      {problems.length > 0 && (
        <ul class="yaml-problems" role="alert">
          {problems.map((one, at) => (
            <li key={at}>
              {one.line > 0 && <button type="button" class="quiet" onClick={() => editor?.goTo(one.line, one.column)}>line {one.line}, column {one.column}</button>}{" "}
              {one.message}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
