// Makes the page: kohakuriver/web/index.html and kohakuriver/web/assets/, which the API server serves under /ui/.
//
//   node build.mjs [--watch]     OUT names another folder
//
// Every asset has the hash of its content in its name and its gzipped form beside it.
import * as esbuild from "esbuild";
import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { assets, here, options as shared, packed, sizes } from "./bundle.mjs";

const out = process.env.OUT ?? join(here, "..", "kohakuriver", "web");
const options = { ...shared, sourcemap: process.argv.includes("--watch") ? "linked" : false };

/** Puts a finished build in place: the folder is exchanged as a whole, so that a server never reads half of one. */
async function put(result) {
  const fresh = `${out}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(join(fresh, "assets"), { recursive: true });
  const page = await assets(result);
  for (const [name, contents] of page.files) {
    await writeFile(join(fresh, "assets", name), contents);
    if (!/\.(woff2|map)$/.test(name)) await writeFile(join(fresh, "assets", `${name}.gz`), packed(contents));
  }
  const html = (await readFile(join(here, "index.html"), "utf8"))
    .replace("__STYLES__", `/ui/assets/${page.styles}`)
    .replace("__SCRIPT__", `/ui/assets/${page.script}`);
  await writeFile(join(fresh, "index.html"), html);
  await writeFile(join(fresh, "LICENSES.txt"), await licences(result.metafile));
  await rm(out, { recursive: true, force: true });
  await rename(fresh, out);
  return page;
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
  const page = await put(result);
  if (process.argv.includes("--sizes")) {
    for (const [name, contents] of page.files) console.log(`${(packed(contents).length / 1000).toFixed(1).padStart(8)} kB  ${name}`);
  }
  const { first } = sizes(result.metafile, page);
  console.log(`the page is in ${out}; ${(first / 1000).toFixed(0)} kB gzipped until the list of VPSes stands there`);
}
