/** Which language a file is in, by its name or its first line; each is loaded when the first file of it is opened. */
import { LanguageSupport, StreamLanguage, type StreamParser } from "@codemirror/language";
import { nameOf } from "./entry";

type Load = () => Promise<LanguageSupport>;

const old = async (parser: Promise<StreamParser<unknown>>) => new LanguageSupport(StreamLanguage.define(await parser));
const script = (options: { jsx?: boolean; typescript?: boolean }): Load => async () =>
  (await import("@codemirror/lang-javascript")).javascript(options);

const LOADS: Record<string, Load> = {
  "Python": async () => (await import("@codemirror/lang-python")).python(),
  "JSON": async () => (await import("@codemirror/lang-json")).json(),
  "YAML": async () => (await import("@codemirror/lang-yaml")).yaml(),
  "Markdown": async () => (await import("@codemirror/lang-markdown")).markdown(),
  "HTML": async () => (await import("@codemirror/lang-html")).html(),
  "CSS": async () => (await import("@codemirror/lang-css")).css(),
  "JavaScript": script({ jsx: true }),
  "TypeScript": script({ typescript: true }),
  "TSX": script({ typescript: true, jsx: true }),
  "C and C++": async () => (await import("@codemirror/lang-cpp")).cpp(),
  "Rust": async () => (await import("@codemirror/lang-rust")).rust(),
  "Shell": () => old(import("@codemirror/legacy-modes/mode/shell").then((found) => found.shell)),
  "TOML": () => old(import("@codemirror/legacy-modes/mode/toml").then((found) => found.toml)),
  "Dockerfile": () => old(import("@codemirror/legacy-modes/mode/dockerfile").then((found) => found.dockerFile)),
  "Go": () => old(import("@codemirror/legacy-modes/mode/go").then((found) => found.go)),
  "Java": () => old(import("@codemirror/legacy-modes/mode/clike").then((found) => found.java)),
  "C#": () => old(import("@codemirror/legacy-modes/mode/clike").then((found) => found.csharp)),
  "Settings": () => old(import("@codemirror/legacy-modes/mode/properties").then((found) => found.properties)),
  "XML": () => old(import("@codemirror/legacy-modes/mode/xml").then((found) => found.xml)),
  "SQL": () => old(import("@codemirror/legacy-modes/mode/sql").then((found) => found.standardSQL)),
  "Lua": () => old(import("@codemirror/legacy-modes/mode/lua").then((found) => found.lua)),
  "Ruby": () => old(import("@codemirror/legacy-modes/mode/ruby").then((found) => found.ruby)),
  "R": () => old(import("@codemirror/legacy-modes/mode/r").then((found) => found.r)),
  "Julia": () => old(import("@codemirror/legacy-modes/mode/julia").then((found) => found.julia)),
  "Perl": () => old(import("@codemirror/legacy-modes/mode/perl").then((found) => found.perl)),
  "Diff": () => old(import("@codemirror/legacy-modes/mode/diff").then((found) => found.diff)),
  "nginx": () => old(import("@codemirror/legacy-modes/mode/nginx").then((found) => found.nginx)),
  "CMake": () => old(import("@codemirror/legacy-modes/mode/cmake").then((found) => found.cmake)),
};

const ENDINGS: Record<string, string> = {
  py: "Python", pyi: "Python", pyw: "Python", json: "JSON", jsonl: "JSON", ipynb: "JSON", webmanifest: "JSON",
  yaml: "YAML", yml: "YAML", md: "Markdown", markdown: "Markdown", html: "HTML", htm: "HTML", css: "CSS",
  js: "JavaScript", mjs: "JavaScript", cjs: "JavaScript", jsx: "JavaScript", ts: "TypeScript", mts: "TypeScript", cts: "TypeScript", tsx: "TSX",
  c: "C and C++", h: "C and C++", cc: "C and C++", cpp: "C and C++", cxx: "C and C++", hpp: "C and C++", cu: "C and C++", cuh: "C and C++",
  rs: "Rust", sh: "Shell", bash: "Shell", zsh: "Shell", toml: "TOML", go: "Go", java: "Java", cs: "C#",
  ini: "Settings", cfg: "Settings", conf: "Settings", properties: "Settings", env: "Settings", service: "Settings", desktop: "Settings",
  xml: "XML", svg: "XML", sql: "SQL", lua: "Lua", rb: "Ruby", r: "R", jl: "Julia", pl: "Perl", pm: "Perl", diff: "Diff", patch: "Diff",
  cmake: "CMake", dockerfile: "Dockerfile",
};
const NAMES: Record<string, string> = {
  dockerfile: "Dockerfile", containerfile: "Dockerfile", "cmakelists.txt": "CMake", "nginx.conf": "nginx", pipfile: "TOML", "cargo.lock": "TOML",
  ".bashrc": "Shell", ".bash_profile": "Shell", ".bash_aliases": "Shell", ".profile": "Shell", ".zshrc": "Shell", ".env": "Settings",
  ".gitconfig": "Settings", ".editorconfig": "Settings", gemfile: "Ruby", rakefile: "Ruby", ".prettierrc": "JSON",
};
const PROGRAMS: readonly (readonly [RegExp, string])[] = [
  [/python/, "Python"], [/\b(ba|da|z|k|a)?sh\b/, "Shell"], [/\bnode\b|\bdeno\b|\bbun\b/, "JavaScript"], [/perl/, "Perl"], [/ruby/, "Ruby"],
  [/\bRscript\b/, "R"], [/julia/, "Julia"], [/\blua/, "Lua"],
];

/** The language's name; "" where it is not known. Pure. */
export function languageOf(path: string, text: string): string {
  const name = nameOf(path).toLowerCase();
  const dot = name.lastIndexOf(".");
  const known = (Object.hasOwn(NAMES, name) && NAMES[name]) || (dot >= 0 && Object.hasOwn(ENDINGS, name.slice(dot + 1)) && ENDINGS[name.slice(dot + 1)]);
  if (known) return known;
  const first = text.slice(0, 200).split("\n", 1)[0] ?? "";
  if (first.startsWith("#!")) return PROGRAMS.find(([pattern]) => pattern.test(first))?.[1] ?? "";
  return first.startsWith("<?xml") ? "XML" : "";
}

export async function languageSupport(language: string): Promise<LanguageSupport | undefined> {
  return Object.hasOwn(LOADS, language) ? LOADS[language]?.() : undefined;
}
