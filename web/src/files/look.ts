/** How the editor looks and behaves: what all of its views have in common. */
import { closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, foldGutter, foldKeymap, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { EditorState, type Extension } from "@codemirror/state";
import {
  crosshairCursor, drawSelection, dropCursor, EditorView, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars,
  keymap, lineNumbers, rectangularSelection,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { indentOf, pasted } from "./text";

/** The colours are the page's own, so that they follow its theme. */
const theme = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "var(--surface)", height: "100%", fontSize: "13.5px" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.5" },
  ".cm-content": { caretColor: "var(--text)" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--quiet)", borderRight: "1px solid var(--line)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--quiet) 9%, transparent)" },
  ".cm-activeLineGutter": { color: "var(--text)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "color-mix(in srgb, var(--busy) 28%, transparent) !important",
  },
  ".cm-selectionMatch": { backgroundColor: "color-mix(in srgb, var(--warn) 22%, transparent)" },
  ".cm-searchMatch": { backgroundColor: "color-mix(in srgb, var(--warn) 35%, transparent)" },
  ".cm-searchMatch-selected": { backgroundColor: "color-mix(in srgb, var(--accent) 45%, transparent)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "color-mix(in srgb, var(--good) 30%, transparent)" },
  "&.cm-focused .cm-nonmatchingBracket": { backgroundColor: "color-mix(in srgb, var(--bad) 30%, transparent)" },
  ".cm-specialChar": { color: "var(--bad)" },
  ".cm-foldPlaceholder": { backgroundColor: "var(--raised)", borderColor: "var(--line)", color: "var(--quiet)" },
  ".cm-panels": { backgroundColor: "var(--raised)", color: "var(--text)" },
  ".cm-panels.cm-panels-top": { borderBottom: "1px solid var(--line)" },
  ".cm-panels.cm-panels-bottom": { borderTop: "1px solid var(--line)" },
  ".cm-panel.cm-search": { padding: "0.4rem 2rem 0.4rem 0.6rem" },
  ".cm-panel.cm-search label": { fontSize: "inherit" },
  ".cm-textfield": { backgroundColor: "var(--surface)", borderColor: "var(--line)", color: "var(--text)", fontSize: "inherit" },
  ".cm-button": { backgroundColor: "var(--raised)", backgroundImage: "none", borderColor: "var(--line)", borderRadius: "var(--radius)", color: "var(--text)", fontSize: "inherit" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", borderColor: "var(--line)" },
  ".cm-changedLine, .cm-insertedLine": { backgroundColor: "color-mix(in srgb, var(--good) 12%, transparent)" },
  ".cm-deletedChunk, &.cm-merge-a .cm-changedLine": { backgroundColor: "color-mix(in srgb, var(--bad) 12%, transparent)" },
  // A line below it, since a second tint would take the contrast of the letters.
  "&.cm-merge-b .cm-changedText": { background: "none", boxShadow: "inset 0 -2px var(--good)" },
  "&.cm-merge-a .cm-changedText": { background: "none", boxShadow: "inset 0 -2px var(--bad)" },
});

const colours = HighlightStyle.define([
  { tag: [tags.comment, tags.meta], color: "var(--quiet)", fontStyle: "italic" },
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier, tags.controlKeyword], color: "var(--accent)" },
  { tag: [tags.string, tags.special(tags.string), tags.regexp, tags.inserted], color: "var(--good)" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom, tags.escape], color: "var(--warn)" },
  { tag: [tags.definition(tags.variableName), tags.function(tags.variableName), tags.definition(tags.propertyName), tags.propertyName, tags.attributeName], color: "var(--busy)" },
  { tag: [tags.typeName, tags.className, tags.namespace, tags.tagName, tags.macroName], color: "var(--busy)", fontWeight: "600" },
  { tag: [tags.heading, tags.strong], fontWeight: "700" },
  { tag: tags.emphasis, fontStyle: "italic" },
  { tag: [tags.link, tags.url], color: "var(--busy)", textDecoration: "underline" },
  { tag: [tags.deleted, tags.invalid], color: "var(--bad)" },
]);

/** The nonce that this page's styles need. */
export function nonce(): string {
  const meta = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]');
  return meta?.content ?? "";
}

/** For a text to be edited; `label` is what it is called to who cannot see it. */
export function editing(text: string, name: string, label: string, isReadOnly = false): Extension[] {
  const indent = indentOf(text, name);
  return [
    EditorView.cspNonce.of(nonce()),
    EditorState.lineSeparator.of("\n"),
    EditorView.clipboardInputFilter.of(pasted),
    EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false", autocorrect: "off", autocapitalize: "off" }),
    EditorState.readOnly.of(isReadOnly),
    EditorState.tabSize.of(indent === "\t" ? 4 : indent.length),
    indentUnit.of(indent),
    EditorState.allowMultipleSelections.of(true),
    lineNumbers(),
    foldGutter(),
    highlightSpecialChars(),
    history(),
    drawSelection(),
    dropCursor(),
    indentOnInput(),
    bracketMatching(),
    closeBrackets(),
    rectangularSelection(),
    crosshairCursor(),
    highlightActiveLine(),
    highlightActiveLineGutter(),
    highlightSelectionMatches(),
    search({ top: true }),
    syntaxHighlighting(colours),
    theme,
    keymap.of([...closeBracketsKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap, ...defaultKeymap, indentWithTab]),
  ];
}
