// Makes the page: kohakuriver/web/index.html and kohakuriver/web/assets/, which the API server serves under /ui/.
//
//   node build.mjs [--watch]     OUT names another folder
//
// Every asset has the hash of its content in its name and its gzipped form beside it.
import * as esbuild from "esbuild";
import { gzipSync } from "node:zlib";
import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.env.OUT ?? join(here, "..", "kohakuriver", "web");

const options = {
  absWorkingDir: here,
  entryPoints: { main: "src/main.tsx" },
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  minify: true,
  sourcemap: process.argv.includes("--watch") ? "linked" : false,
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

/** Puts a finished build in place: the folder is exchanged as a whole, so that a server never reads half of one. */
async function put(result) {
  const fresh = `${out}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(join(fresh, "assets"), { recursive: true });
  const names = {};
  for (const file of result.outputFiles) {
    const name = file.path.slice(file.path.lastIndexOf("/") + 1);
    await writeFile(join(fresh, "assets", name), file.contents);
    if (!/\.(woff2|map)$/.test(name)) {
      await writeFile(join(fresh, "assets", `${name}.gz`), gzipSync(file.contents, { level: 9 }));
    }
  }
  for (const [path, one] of Object.entries(result.metafile.outputs)) {
    if (one.entryPoint === "src/main.tsx") {
      names.script = path.slice(path.lastIndexOf("/") + 1);
      names.styles = one.cssBundle.slice(one.cssBundle.lastIndexOf("/") + 1);
    }
  }
  const html = (await readFile(join(here, "index.html"), "utf8"))
    .replace("__STYLES__", `/ui/assets/${names.styles}`)
    .replace("__SCRIPT__", `/ui/assets/${names.script}`);
  await writeFile(join(fresh, "index.html"), html);
  await writeFile(join(fresh, "LICENSES.txt"), await licences(result.metafile));
  await rm(out, { recursive: true, force: true });
  await rename(fresh, out);
  return names;
}

/** The licences of every package whose code is in the page. */
async function licences(metafile) {
  const found = new Set();
  for (const path of Object.keys(metafile.inputs)) {
    const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
    if (name) found.add(name);
  }
  let text = "The page of KohakuRiver contains these packages.\n";
  for (const name of [...found].sort()) {
    const folder = join(here, "node_modules", name);
    const about = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    const file = (await readdir(folder)).find((each) => /^licen[cs]e/i.test(each));
    text += `\n--- ${name} ${about.version} (${about.license})\n\n`;
    text += file ? await readFile(join(folder, file), "utf8") : "";
  }
  return text;
}

if (process.argv.includes("--watch")) {
  const watched = await esbuild.context({
    ...options,
    plugins: [
      {
        name: "put",
        setup(build) {
          build.onEnd(async (result) => {
            if (result.errors.length === 0) {
              await put(result);
              console.log("built");
            }
          });
        },
      },
    ],
  });
  await watched.watch();
} else {
  const result = await esbuild.build(options);
  const names = await put(result);
  let first = 0;
  for (const file of result.outputFiles) {
    const name = file.path.slice(file.path.lastIndexOf("/") + 1);
    const size = gzipSync(file.contents, { level: 9 }).length;
    if (name === names.script || name === names.styles) first += size;
    if (process.argv.includes("--sizes")) console.log(`${(size / 1000).toFixed(1).padStart(8)} kB  ${name}`);
  }
  console.log(`the page is in ${out}; ${(first / 1000).toFixed(0)} kB gzipped before its parts are opened`);
}
