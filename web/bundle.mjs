// Puts the page's JavaScript, styles and network into the folder that Trunk fills. Fetches the npm packages of the
// lock file where others or none are installed.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { installed } from "./installed.mjs";
import { slim } from "./slim.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.env.TRUNK_STAGING_DIR ?? process.argv[2];
if (!out) throw new Error("usage: node web/bundle.mjs FOLDER");

if (!installed()) {
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  execFileSync(npm, ["ci", "--ignore-scripts"], { cwd: here, stdio: "inherit", shell: process.platform === "win32" });
}
const { build } = await import("esbuild");

// NiiVue reads Zarr too, with decoders larger than all the rest; the page shows NIfTI from its own worker only.
const withoutZarr = {
  name: "without-zarr",
  setup(plugin) {
    plugin.onResolve({ filter: /^(zarrita|numcodecs|@zarrita)(\/|$)/ }, ({ path }) => ({ path, namespace: "none" }));
    plugin.onLoad({ filter: /.*/, namespace: "none" }, () => ({
      contents: "export default {}; export const registry = new Map(); export const open = null, get = null, root = null, slice = null, FetchStore = class {}, withConsolidated = null, tryWithConsolidated = null, NodeNotFoundError = class {};",
      loader: "js",
    }));
  },
};

const worker = join(out, "worker_bg.wasm");
const program = readFileSync(worker);
if (program.includes(".command_export")) {
  throw new Error("each call into the worker's program would run all constructors: main must begin with run_constructors()");
}
if (process.env.TRUNK_PROFILE === "release") writeFileSync(worker, slim(program));

// A page that is open while the server gets a new version tells the new worker from its own by this.
const version = createHash("sha256").update(program).digest("hex");
const define = { VERSION: JSON.stringify(version) };

await build({
  entryPoints: [join(here, "page/main.js")],
  outfile: join(out, "page.js"),
  define,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "linked",
  plugins: [withoutZarr],
  logLevel: "warning",
});

await build({
  entryPoints: [join(here, "page/worker_start.js")],
  outfile: join(out, "worker_start.js"),
  define,
  bundle: true,
  // Trunk makes it.
  external: ["./worker_loader.js"],
  format: "esm",
  target: "es2022",
  minify: true,
  logLevel: "warning",
});

for (const file of ["page.css", "icon.svg"]) cpSync(join(here, "page", file), join(out, file));
const model = join(here, "model");
if (existsSync(model)) {
  mkdirSync(join(out, "model"), { recursive: true });
  cpSync(model, join(out, "model"), { recursive: true });
}

// Last, when all files are there. The list holds a mark of their content, so that a new version is fetched anew.
const files = readdirSync(out, { recursive: true }).filter((file) => statSync(join(out, file)).isFile()).map((file) => file.replaceAll("\\", "/"));
const kept = ["./", ...files.filter((file) => file !== "offline.js")];
const mark = createHash("sha256");
for (const file of files.sort()) mark.update(readFileSync(join(out, file)));
await build({
  entryPoints: [join(here, "page/offline.js")],
  outfile: join(out, "offline.js"),
  define: { FILES: JSON.stringify(kept) },
  footer: { js: `// ${mark.digest("hex")}` },
  minify: true,
  logLevel: "warning",
});
