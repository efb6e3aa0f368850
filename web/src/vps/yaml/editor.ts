/** A text area for YAML: CodeMirror, with the colours of the page. Fetched when the first YAML is shown. */
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { Annotation, EditorState, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, drawSelection, EditorView, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

export interface Editor {
  readonly text: string;
  /** Puts another text in its place; who listens is not told. */
  put(text: string): void;
  /** Shows these lines, counted from 1, as wrong. */
  mark(lines: readonly number[]): void;
  goTo(line: number, column: number): void;
  destroy(): void;
}

interface Wanted {
  text: string;
  label: string;
  isReadOnly: boolean;
  onChange: (text: string) => void;
  /** Ctrl-S. */
  onSave?: () => void;
}

const OURS = Annotation.define<boolean>();
const WRONG = StateEffect.define<readonly number[]>();

const wrongLines = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(before, change) {
    let found = before.map(change.changes);
    for (const effect of change.effects) {
      if (!effect.is(WRONG)) continue;
      const lines = [...new Set(effect.value)].filter((line) => line >= 1 && line <= change.state.doc.lines).sort((one, other) => one - other);
      found = Decoration.set(lines.map((line) => Decoration.line({ class: "cm-wrong" }).range(change.state.doc.line(line).from)));
    }
    return found;
  },
  provide: (field) => EditorView.decorations.from(field),
});

const THEME = EditorView.theme({
  "&": { backgroundColor: "var(--surface)", color: "var(--text)", border: "1px solid var(--line)", borderRadius: "var(--radius)", fontSize: "0.92em" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "1px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.5", maxHeight: "65vh", minHeight: "8rem" },
  ".cm-content": { caretColor: "var(--accent)" },
  ".cm-cursor": { borderLeftColor: "var(--accent)" },
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--quiet)", borderRight: "1px solid var(--line)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "color-mix(in srgb, var(--accent) 28%, transparent)" },
  ".cm-wrong": { backgroundColor: "color-mix(in srgb, var(--bad) 14%, transparent)", boxShadow: "inset 3px 0 var(--bad)" },
  ".cm-searchMatch": { backgroundColor: "color-mix(in srgb, var(--warn) 35%, transparent)" },
  ".cm-panels": { backgroundColor: "var(--raised)", color: "var(--text)" },
  ".cm-matchingBracket": { backgroundColor: "color-mix(in srgb, var(--busy) 25%, transparent)" },
});

const COLOURS = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--busy)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--good)" },
  { tag: [tags.number, tags.bool, tags.null, tags.keyword], color: "var(--accent)" },
  { tag: tags.comment, color: "var(--quiet)", fontStyle: "italic" },
  { tag: [tags.punctuation, tags.separator, tags.meta], color: "var(--quiet)" },
]);

/** Makes one. Tab leaves it, as any field of a form; Ctrl-] and Ctrl-[ indent. */
export function edit(parent: HTMLElement, { text, label, isReadOnly, onChange, onSave }: Wanted): Editor {
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        EditorView.cspNonce.of(document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? ""),
        EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
        EditorState.readOnly.of(isReadOnly),
        EditorView.editable.of(!isReadOnly),
        keymap.of([
          {
            key: "Mod-s",
            run: () => {
              onSave?.();
              return onSave !== undefined;
            },
          },
          ...searchKeymap,
          ...historyKeymap,
          ...defaultKeymap,
        ]),
        history(),
        lineNumbers(),
        drawSelection(),
        indentOnInput(),
        indentUnit.of("  "),
        bracketMatching(),
        search({ top: true }),
        highlightSelectionMatches(),
        yaml(),
        syntaxHighlighting(COLOURS),
        wrongLines,
        THEME,
        EditorView.updateListener.of((update) => {
          if (update.docChanged && !update.transactions.some((one) => one.annotation(OURS))) onChange(update.state.doc.toString());
        }),
      ],
    }),
  });
  return {
    get text() {
      return view.state.doc.toString();
    },
    put(next) {
      if (next === view.state.doc.toString()) return;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next }, annotations: OURS.of(true) });
    },
    mark: (lines) => view.dispatch({ effects: WRONG.of(lines) }),
    goTo(line, column) {
      const there = view.state.doc.line(Math.max(1, Math.min(line, view.state.doc.lines)));
      view.dispatch({ selection: { anchor: Math.min(there.from + Math.max(0, column - 1), there.to) }, scrollIntoView: true });
      view.focus();
    },
    destroy: () => view.destroy(),
  };
}
