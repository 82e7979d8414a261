// Times a training in the page on the processor, with all of its workers and with one alone, in turns:
//
//   trunk build --release && node scripts/page_training.mjs --dist dist --data ../shared/data [--stage finetune|pretrain]
//       [--steps 20] [--repeats 3]
//
// Both train the settings that the page proposes for four hippocampus scans, checked with a fifth once, at the end.
// Prints crops per second, the median over a run's steps: medians and ranges over the runs, in JSON.

import { mkdtempSync, rmSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { parseArgs } from "node:util";
import { computing, download, drop, open, says, set } from "../web/test/browser.mjs";
import { hippocampus } from "../web/test/scans.mjs";

const { values } = parseArgs({
  options: {
    dist: { type: "string", default: "dist" },
    data: { type: "string" },
    stage: { type: "string", default: "finetune" },
    steps: { type: "string", default: "20" },
    repeats: { type: "string", default: "3" },
  },
});
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm", ".svg": "image/svg+xml" };

const server = createServer((request, response) => {
  const path = new URL(request.url, "http://localhost").pathname;
  try {
    const body = readFileSync(join(values.dist, path === "/" ? "index.html" : decodeURIComponent(path)));
    response.writeHead(200, { "content-type": TYPES[extname(path)] ?? (path === "/" ? "text/html" : "application/octet-stream") });
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
}).listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));
const address = `http://127.0.0.1:${server.address().port}/?device=cpu`;

// Crops per second in each step of a run.
async function trained(alone) {
  const folder = mkdtempSync(join(tmpdir(), "page-training-"));
  const { context, page } = await open(address, join(folder, "profile"));
  try {
    if (alone) await computing(page).evaluate(() => (self.workerPool.replicas = () => 0));
    await drop(page, hippocampus(values.data, "024", "052", "158", "104", "049"));
    await says(page, "estimate", /Learns from 4, checks with 1/);
    await page.evaluate(() => (document.getElementById("advanced").open = true));
    if (values.stage === "pretrain") await page.check("input[name=stage][value=pretrain]");
    for (const [id, value] of [["steps", values.steps], ["interval", values.steps]]) await set(page, id, value);
    await says(page, "all-settings", new RegExp(`max_steps = ${values.steps}\n`));
    await page.click("#train");
    await says(page, "train-state", new RegExp(`Done after step ${values.steps} of`));
    const metrics = readFileSync(await download(page, "[data-file=metrics]", folder), "utf8");
    const steps = metrics.trim().split("\n").map((line) => JSON.parse(line)).filter((line) => "train/total" in line);
    // The first one waits for what is compiled.
    return steps.slice(1).map((line) => line.crops_per_second);
  } finally {
    await context.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const speed = { all: [], alone: [] };
for (let repeat = 0; repeat < Number(values.repeats); repeat++) {
  speed.all.push(median(await trained(false)));
  speed.alone.push(median(await trained(true)));
}
const told = (list) => ({ median: median(list), from: Math.min(...list), to: Math.max(...list) });
console.log(JSON.stringify({ stage: values.stage, all: told(speed.all), alone: told(speed.alone) }, null, 1));
server.close();
