#!/usr/bin/env node
// Segmentation in the page beside the same network in onnxruntime-web, in turn in one headless Chromium.
//
//     trunk build --release
//     node scripts/compare_with_onnx.mjs [--only WebAssembly] [--size 96] [--repeats 3] [--python PYTHON] [--dist FOLDER]
//
// The network is the UNETR of the preset `small` (64^3 windows, 13.3 million weights) with MONAI's random start, as ONNX
// and as safetensors; scripts/export_onnx.py says what PYTHON needs. Both sides get the same volume of --size voxels an
// axis, on the network's own grid and scale, cut it into the same windows with an overlap of 0.5 and put the logits
// together with the same Gaussian weights. Each side is a worker that is asked and answers. The time is that of the page
// that waits; a first run of each side is compared but not timed. "A window" is the time from the first window to the
// last, by their number: what is done once a volume is left out. Processor time is that of the whole browser, where the
// system tells; other work on the machine changes it less.
//
// Exit code 1 if a side labels fewer than 99.9 % of the voxels as the first one does. A side that cannot run is listed
// with what it said. onnxruntime-web comes from npm into a temporary folder, the driver from web/ (npm ci). --only takes
// the sides whose name holds it. On a software WebGPU adapter a window takes a minute: --only WebGPU --size 64 is short.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { cpus, tmpdir } from "node:os";
import { extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { open } from "../web/test/browser.mjs";

const ONNXRUNTIME = "1.30.0";
const AGREEMENT = 0.999;

// "products" is the same network without the operation that onnxruntime-web may lack on WebGPU: transposed convolutions
// as matrix products.
const SIDES = [
  { name: "Hounsfield, WebAssembly, 1 thread", device: "cpu" },
  // As the page does it: with a worker for each processor.
  { name: "Hounsfield, WebAssembly, all processors", device: "cpu", pool: true },
  { name: "onnxruntime-web, WebAssembly, 1 thread", provider: "wasm", threads: 1, model: "model.onnx" },
  { name: "onnxruntime-web, WebAssembly, 2 threads", provider: "wasm", threads: 2, model: "model.onnx" },
  { name: "onnxruntime-web, WebAssembly, 1 thread, products", provider: "wasm", threads: 1, model: "products.onnx" },
  { name: "Hounsfield, WebGPU", device: "webgpu" },
  { name: "onnxruntime-web, WebGPU", provider: "webgpu", threads: 1, model: "model.onnx" },
  { name: "onnxruntime-web, WebGPU, products", provider: "webgpu", threads: 1, model: "products.onnx" },
];

const root = fileURLToPath(new URL("..", import.meta.url));
const { values: args } = parseArgs({
  options: {
    python: { type: "string", default: "python3" },
    dist: { type: "string", default: join(root, "dist") },
    size: { type: "string", default: "96" },
    repeats: { type: "string", default: "3" },
    only: { type: "string", default: "" },
  },
});

// A volume of waves and noise in C order, above 0 everywhere: nothing is cropped.
function volume(size) {
  let state = 1;
  const noise = () => (state = (state * 48271) % 2147483647) / 2147483647;
  const waves = [1, 2, 3, 5].map((n) => [0, 1, 2].map(() => (n * (noise() - 0.5) * 4 * Math.PI) / size));
  return Float32Array.from({ length: size ** 3 }, (_, at) => {
    const place = [Math.floor(at / size ** 2), Math.floor(at / size) % size, at % size];
    const sum = waves.reduce((sum, wave) => sum + Math.sin(wave[0] * place[0] + wave[1] * place[1] + wave[2] * place[2]), 0);
    return 0.5 + 0.09 * sum + 0.1 * noise();
  });
}

// NIfTI has the first axis fastest, C order the last.
const turned = (values, size) =>
  values.map((_, at) => values[(at % size) * size ** 2 + (Math.floor(at / size) % size) * size + Math.floor(at / size ** 2)]);

function nifti(values, size, spacing) {
  const header = Buffer.alloc(352);
  header.writeInt32LE(348, 0);
  [3, size, size, size, 1, 1, 1, 1].forEach((n, at) => header.writeInt16LE(n, 40 + 2 * at));
  header.writeInt16LE(16, 70);
  header.writeInt16LE(32, 72);
  [1, ...spacing].forEach((n, at) => header.writeFloatLE(n, 76 + 4 * at));
  header.writeFloatLE(352, 108);
  // The place of the voxels, without which readers disagree on which side is left.
  header.writeInt16LE(1, 254);
  spacing.forEach((n, axis) => header.writeFloatLE(n, 280 + 20 * axis));
  header.write("n+1\0", 344, "latin1");
  return Buffer.concat([header, Buffer.from(turned(values, size).buffer)]);
}

// The worker of onnxruntime-web: windows, network, blending, labels.
function onnxWorker() {
  const [EDGE, CLASSES, OVERLAP] = [64, 14, 0.5];
  let ort, session, image, size;

  const tasks = {
    async open({ provider, threads, model, volumeSize }) {
      ort = await import(`/ort/ort.${provider}.min.mjs`);
      ort.env.wasm.wasmPaths = "/ort/";
      ort.env.wasm.numThreads = threads;
      const get = async (name) => (await fetch(`/made/${name}`)).arrayBuffer();
      session = await ort.InferenceSession.create(await get(model), { executionProviders: [provider] });
      [image, size] = [new Float32Array(await get("volume.raw")), volumeSize];
    },

    async segment() {
      const starts = [];
      for (let at = 0; at < size - EDGE; at += EDGE * (1 - OVERLAP)) starts.push(at);
      starts.push(size - EDGE);
      const bell = Float32Array.from({ length: EDGE }, (_, at) => Math.exp(-0.5 * ((at - (EDGE - 1) / 2) / (EDGE / 8)) ** 2));
      const sums = new Float32Array(CLASSES * size ** 3);
      for (const i of starts) for (const j of starts) for (const k of starts) {
        postMessage({ window: true });
        const rows = (each) => {
          for (let a = 0; a < EDGE; a++) {
            for (let b = 0; b < EDGE; b++) each(((i + a) * size + j + b) * size + k, (a * EDGE + b) * EDGE, bell[a] * bell[b]);
          }
        };
        const input = new Float32Array(EDGE ** 3);
        rows((from, to) => input.set(image.subarray(from, from + EDGE), to));
        const { logits } = await session.run({ image: new ort.Tensor("float32", input, [1, 1, EDGE, EDGE, EDGE]) });
        for (let label = 0; label < CLASSES; label++) {
          const values = logits.data.subarray(label * EDGE ** 3);
          const sum = sums.subarray(label * size ** 3);
          rows((to, from, weight) => {
            for (let c = 0; c < EDGE; c++) sum[to + c] += Math.max(weight * bell[c], 1e-3) * values[from + c];
          });
        }
      }
      // The sum of the weights is the same for all classes: the largest logit is that of the largest sum.
      const labels = new Uint8Array(size ** 3);
      for (let at = 0; at < labels.length; at++) {
        for (let label = 1; label < CLASSES; label++) {
          if (sums[label * size ** 3 + at] > sums[labels[at] * size ** 3 + at]) labels[at] = label;
        }
      }
      return labels;
    },
  };

  onmessage = async ({ data }) => {
    try {
      postMessage({ ok: await tasks[data.kind](data) });
    } catch (error) {
      postMessage({ error: String(error?.message ?? error) });
    }
  };
}

// In the page: makes `self.sides`, each with `open` and `segment`. The first speaks the page's own protocol.
async function prepare(size) {
  const { Client } = await import(new URL("client.js", location));
  let windows = [];
  const get = async (name) => (await fetch(`/made/${name}`)).arrayBuffer();

  const hounsfield = ({ device, pool = false }) => {
    const client = new Client((event) => event.what === "segmenting" && windows.push(performance.now()), () => {});
    return {
      async open() {
        await client.start();
        const opened = await client.call("open", { device, pool });
        if (opened.cpu !== (device === "cpu")) throw new Error(`it took ${opened.device}`);
        const settings = new TextDecoder().decode(await get("config.toml"));
        await client.call("use_model", { name: "model", settings, classes: [] }, [await get("model.safetensors")]);
        const { refused } = await client.call("add_files", { names: ["volume.nii"] }, [await get("volume.nii")]);
        if (refused.length) throw new Error(refused[0].why);
      },
      async segment() {
        const { buffers } = await client.call("segment", { image: 0, overlap: 0.5, mirror: false });
        return new Uint8Array(buffers[0]).slice(-(size ** 3));
      },
    };
  };

  const onnx = (side) => {
    const worker = new Worker("/onnx_worker.js", { type: "module" });
    const call = (kind) =>
      new Promise((resolve, reject) => {
        worker.onerror = (event) => reject(new Error(event.message));
        worker.onmessage = ({ data: { ok, error, window } }) => {
          if (window) windows.push(performance.now());
          else if (error) reject(new Error(error));
          else resolve(ok);
        };
        worker.postMessage({ ...side, kind, volumeSize: size });
      });
    return { open: () => call("open"), segment: () => call("segment") };
  };

  const sides = new Map();
  self.run = async (side) => {
    const first = !sides.has(side.name);
    if (first) {
      sides.set(side.name, side.device ? hounsfield(side) : onnx(side));
      await sides.get(side.name).open();
    }
    windows = [];
    const started = performance.now();
    const labels = await sides.get(side.name).segment();
    const seconds = (performance.now() - started) / 1000;
    const between = (windows.at(-1) - windows[0]) / (windows.length - 1) / 1000;
    return { seconds, between, windows: windows.length, labels: first ? [...labels] : null };
  };
}

function serve(folders, texts) {
  const types = { ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".html": "text/html" };
  const server = createServer(({ url }, response) => {
    const [, folder, name] = url.match(/^\/(?:(ort|made)\/)?([^/?]*)/);
    try {
      const body = texts[name] ?? readFileSync(join(folders[folder ?? "dist"], name));
      response.writeHead(200, {
        "Content-Type": types[extname(name)] ?? "application/octet-stream",
        // Without these a page gets no shared memory, and onnxruntime-web no threads.
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
      });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

// Seconds that the browser's processes have spent on processors; none where the system does not tell.
function processorTime() {
  const [parents, used] = [new Map(), new Map()];
  try {
    for (const id of readdirSync("/proc").map(Number).filter(Boolean)) {
      try {
        // The name before may hold spaces. A tick of these numbers is 10 ms.
        const fields = readFileSync(`/proc/${id}/stat`, "utf8").split(") ").at(-1).split(" ");
        parents.set(id, Number(fields[1]));
        used.set(id, (Number(fields[11]) + Number(fields[12])) / 100);
      } catch {
        // It ended meanwhile.
      }
    }
  } catch {
    return NaN;
  }
  const ours = (id) => id === process.pid || (parents.has(id) && ours(parents.get(id)));
  return [...used].filter(([id]) => id !== process.pid && ours(id)).reduce((sum, [, seconds]) => sum + seconds, 0);
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

async function compare(folder) {
  const [size, repeats] = [Number(args.size), Number(args.repeats)];
  execFileSync(args.python, [join(root, "scripts/export_onnx.py"), folder], { stdio: ["ignore", "ignore", "inherit"] });
  const npm = ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder];
  execFileSync("npm", [...npm, `onnxruntime-web@${ONNXRUNTIME}`], { stdio: ["ignore", "ignore", "inherit"] });
  const image = volume(size);
  writeFileSync(join(folder, "volume.raw"), image);
  writeFileSync(join(folder, "volume.nii"), nifti(image, size, [1.5, 1.5, 2]));
  const preset = readFileSync(join(root, "presets/finetune/small.toml"), "utf8");
  // The volume has the network's scale already, and its voxels the size that the preset asks for.
  writeFileSync(join(folder, "config.toml"), preset.replace("[crops]", "[crops]\nintensity_min = 0.0\nintensity_max = 1.0"));

  const folders = { dist: resolve(args.dist), made: folder, ort: join(folder, "node_modules/onnxruntime-web/dist") };
  const server = await serve(folders, {
    "compare.html": "<!doctype html><meta charset=utf-8><body data-ready=yes>Comparing…</body>",
    "client.js": readFileSync(join(root, "web/page/client.js")),
    "onnx_worker.js": `(${onnxWorker})();`,
  });
  const { context, page } = await open(`http://127.0.0.1:${server.address().port}/compare.html`, join(folder, "profile"));
  try {
    await page.evaluate(prepare, size);
    const sides = SIDES.filter(({ name }) => name.includes(args.only)).map((side) => ({ ...side, runs: [], same: NaN }));
    let reference;
    for (let repeat = 0; repeat <= repeats; repeat++) {
      for (const side of sides.filter(({ failed }) => !failed)) {
        try {
          const used = processorTime();
          const { labels: found, ...run } = await page.evaluate((side) => self.run(side), side);
          const labels = found && side.provider ? turned(found, size) : found;
          console.error(`${repeat ? `run ${repeat}` : "first run"}: ${side.name}: ${run.seconds.toFixed(2)} s`);
          if (repeat) side.runs.push({ ...run, processor: processorTime() - used });
          reference ??= labels;
          if (labels) side.same = labels.filter((label, at) => label === reference[at]).length / size ** 3;
        } catch (error) {
          side.failed = error.message.replace(/^page\.evaluate: (Error: )?/, "").split("\n    at ")[0];
          console.error(`${side.name}: ${side.failed}`);
        }
      }
    }
    report(sides, size, repeats, new Set(reference).size, context.browser()?.version());
    return sides.every(({ failed, same }) => failed || same >= AGREEMENT);
  } finally {
    await context.close();
    server.close();
  }
}

function report(sides, size, repeats, classes, version) {
  const windows = sides.find(({ runs }) => runs.length)?.runs[0].windows;
  console.log(`UNETR of the preset small, ${size}^3 voxels in ${windows} windows of 64^3, ${classes} of 14 classes occur`);
  console.log(`onnxruntime-web ${ONNXRUNTIME}, Chromium ${version}; ${cpus()[0].model}, ${cpus().length} cores`);
  console.log(`medians of ${repeats} alternating runs; ratios are to the first row on the same device\n`);
  const heads = ["", "a volume, s", "from to", "ratio", "a window, s", "processor time, s", "ratio", "same labels"];
  console.log(`| ${heads.join(" | ")} |\n|${" --- |".repeat(heads.length)}`);
  const first = {};
  for (const { name, device, provider, runs, failed, same } of sides) {
    if (failed) {
      console.log(`| ${name} | cannot run: ${failed} |`);
      continue;
    }
    const [seconds, between, processor] = ["seconds", "between", "processor"].map((key) => runs.map((run) => run[key]));
    const base = (first[device === "webgpu" || provider === "webgpu"] ??= { seconds: median(seconds), processor: median(processor) });
    const cells = [
      median(seconds).toFixed(2),
      `${Math.min(...seconds).toFixed(2)} to ${Math.max(...seconds).toFixed(2)}`,
      (median(seconds) / base.seconds).toFixed(2),
      windows > 1 ? median(between).toFixed(3) : "",
      median(processor).toFixed(2),
      (median(processor) / base.processor).toFixed(2),
      `${(100 * same).toFixed(3)} %`,
    ];
    console.log(`| ${name} | ${cells.join(" | ")} |`);
  }
}

const folder = mkdtempSync(join(tmpdir(), "compare_with_onnx-"));
try {
  if (!(await compare(folder))) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
