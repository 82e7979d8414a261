#!/usr/bin/env node
// Training in the page with a worker for each processor beside training without them, in turn in one headless Chromium.
//
//     trunk build --release
//     node scripts/page_training.mjs [--stage finetune] [--steps 12] [--crops 2] [--repeats 3] [--dist FOLDER]
//
// The page learns from its own phantoms with its own settings, on the processor. Each run gives the median of its steps
// without the first two; the medians over --repeats runs are told, with their ratio. The driver comes from web/ (npm ci).

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { cpus, tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { computing, download, open, says, set } from "../web/test/browser.mjs";

const { values: args } = parseArgs({
  options: {
    dist: { type: "string", default: fileURLToPath(new URL("../dist", import.meta.url)) },
    stage: { type: "string", default: "finetune" },
    steps: { type: "string", default: "12" },
    crops: { type: "string", default: "2" },
    repeats: { type: "string", default: "3" },
  },
});
const WARM_UP = 2;

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

function serve(folder) {
  const types = { ".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html", ".css": "text/css", ".svg": "image/svg+xml" };
  const server = createServer(({ url }, response) => {
    const name = url.split("?")[0].slice(1) || "index.html";
    try {
      const body = readFileSync(join(folder, name));
      response.writeHead(200, { "Content-Type": types[extname(name)] ?? "application/octet-stream" }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

// Crops a second of one training.
async function train(page, folder, alone) {
  await computing(page).evaluate((alone) => {
    if (alone) self.workerPool.replicas = () => 0;
    else delete self.workerPool.replicas;
  }, alone);
  await page.click("#train");
  await says(page, "train-state", new RegExp(`Done after step ${args.steps} of`));
  const lines = readFileSync(await download(page, "[data-file=metrics]", folder), "utf8").trim().split("\n");
  const rates = lines.map((line) => JSON.parse(line).crops_per_second).filter(Boolean);
  if (rates.length < Number(args.steps)) throw new Error(`${rates.length} of ${args.steps} steps have a rate`);
  return median(rates.slice(WARM_UP));
}

async function compare(page, folder) {
  await page.click("#more-phantoms");
  await says(page, "estimate", /Learns from \d+/);
  await page.check(`input[name=stage][value=${args.stage}]`);
  await page.evaluate(() => (document.getElementById("advanced").open = true));
  for (const [id, value] of [["steps", args.steps], ["interval", args.steps], ["crops", args.crops]]) await set(page, id, value);
  await says(page, "all-settings", new RegExp(`max_steps = ${args.steps}\n`));
  const rates = { alone: [], together: [] };
  for (let repeat = 1; repeat <= Number(args.repeats); repeat++) {
    for (const side of ["alone", "together"]) {
      const rate = await train(page, folder, side === "alone");
      rates[side].push(rate);
      console.error(`run ${repeat}, ${side}: ${rate.toFixed(3)} crops a second`);
    }
  }
  return rates;
}

const folder = mkdtempSync(join(tmpdir(), "page_training-"));
const server = await serve(args.dist);
const { context, page } = await open(`http://127.0.0.1:${server.address().port}/?device=cpu`, join(folder, "profile"));
// A finished run is asked about before it goes.
page.on("dialog", (dialog) => dialog.accept());
try {
  const { alone, together } = await compare(page, folder);
  const told = (rates) => `${median(rates).toFixed(3)} (${Math.min(...rates).toFixed(3)} to ${Math.max(...rates).toFixed(3)})`;
  console.log(`${args.stage} in the page, ${args.crops} crops a step, ${args.steps} steps; crops a second, medians of ${args.repeats} alternating runs`);
  console.log(`Chromium ${context.browser()?.version()}; ${cpus()[0].model}, ${cpus().length} cores`);
  console.log(`on one thread ${told(alone)}, with a worker for each processor ${told(together)}: ${(median(together) / median(alone)).toFixed(2)} times`);
} finally {
  await context.close();
  server.close();
  rmSync(folder, { recursive: true, force: true });
}
