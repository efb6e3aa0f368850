// Runs the unit tests (src/**/*.test.ts, *.test.mjs) with Node's own test runner: `node test.mjs [PART OF A FILE'S NAME]`.
import * as esbuild from "esbuild";
import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const all = await readdir(join(here, "src"), { recursive: true });
const part = process.argv[2] ?? "";
const wanted = all.filter((name) => /\.test\.tsx?$/.test(name) && name.includes(part));
const own = (await readdir(here)).filter((name) => name.endsWith(".test.mjs") && name.includes(part));
if (wanted.length + own.length === 0) {
  console.error("no test has such a name");
  process.exit(1);
}
const folder = await mkdtemp(join(here, "node_modules", ".tests-"));
try {
  await esbuild.build({
    absWorkingDir: here,
    entryPoints: wanted.map((name) => join("src", name)),
    bundle: true,
    // What a browser is given of each package, not what Node is.
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["browser"],
    external: ["node:*"],
    format: "esm",
    jsx: "automatic",
    jsxImportSource: "preact",
    outdir: folder,
    outbase: "src",
    outExtension: { ".js": ".mjs" },
    loader: { ".css": "empty", ".woff2": "empty", ".svg": "text" },
    sourcemap: "inline",
    logLevel: "warning",
  });
  const built = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".mjs"));
  const child = spawn(process.execPath, ["--enable-source-maps", "--test", ...built.map((name) => join(folder, name)), ...own.map((name) => join(here, name))], {
    stdio: "inherit",
  });
  process.exitCode = await new Promise((resolve) => child.on("exit", (code) => resolve(code ?? 1)));
} finally {
  await rm(folder, { recursive: true, force: true });
}
