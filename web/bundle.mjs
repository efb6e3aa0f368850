// How the page is bundled, and how much of it a browser has to fetch before it shows anything.
import * as esbuild from "esbuild";
import { gzipSync } from "node:zlib";
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";

export const here = dirname(fileURLToPath(import.meta.url));
const MAIN = "src/main.tsx";

/** The same for every build. */
export const options = {
  absWorkingDir: here,
  entryPoints: { main: MAIN },
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  minify: true,
  legalComments: "none",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  loader: { ".woff2": "file", ".svg": "text" },
  outdir: "assets",
  metafile: true,
  write: false,
  logLevel: "warning",
};

/** Who imports a style sheet in a part that is loaded later has it from the beginning: all are one sheet. */
async function sheet(metafile) {
  const files = Object.keys(metafile.inputs).filter((path) => path.endsWith(".css"));
  const isBase = (path) => path.endsWith("ui/base.css");
  files.sort((a, b) => isBase(b) - isBase(a) || (a < b ? -1 : 1));
  const contents = files.map((path) => `@import ${JSON.stringify(`./${path}`)};`).join("\n");
  const { entryPoints, splitting, format, metafile: _, ...rest } = options;
  const made = await esbuild.build({
    ...rest,
    metafile: true,
    stdin: { contents, resolveDir: here, loader: "css", sourcefile: "page.css" },
    entryNames: "page-[hash]",
  });
  return made.outputFiles;
}

/** The files of the page, and which of them index.html names. Throws what esbuild found wrong. */
export async function assets(result) {
  const scripts = result.outputFiles.filter((file) => !/\.css(\.map)?$/.test(file.path));
  const files = new Map([...scripts, ...(await sheet(result.metafile))].map((file) => [basename(file.path), file.contents]));
  const outputs = Object.entries(result.metafile.outputs);
  const [script] = outputs.find(([, output]) => output.entryPoint === MAIN);
  return { files, script: basename(script), styles: [...files.keys()].find((name) => name.endsWith(".css")) };
}

/** The names of what is fetched to show a source file: its output, and all that this imports before it runs. */
export function fetched(metafile, source) {
  const names = new Set();
  const follow = (path) => {
    if (names.has(basename(path))) return;
    names.add(basename(path));
    for (const one of metafile.outputs[path].imports) if (one.kind === "import-statement") follow(one.path);
  };
  for (const [path, output] of Object.entries(metafile.outputs)) if (output.entryPoint === source) follow(path);
  return names;
}

export function packed(contents) {
  return gzipSync(contents, { level: 9 });
}

/** Bytes, gzipped: of what the page begins with, and of all that stands there before the list of VPSes does. */
export function sizes(metafile, page) {
  const sum = (names) => [...names].reduce((total, name) => total + packed(page.files.get(name)).length, 0);
  const begins = fetched(metafile, MAIN);
  const list = fetched(metafile, "src/vpses/screen.tsx");
  return { begins: sum(begins), first: sum(new Set([...begins, ...list, page.styles])) };
}
