// What the browser keeps of a training: reloads in its midst, other tabs, a copy that is damaged, and its removal.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { computing, download, drop, ready, says, set, text } from "./browser.mjs";
import { TINY, setTiny } from "./tiny.mjs";
import { pauses, startsAsked } from "./training.mjs";

// The complete copies of a run in the browser's private storage, the newest first: the folder and the step of each, and
// the place of its largest file.
const copies = (page) => page.evaluate(async () => {
  const root = await navigator.storage.getDirectory();
  const own = await root.getDirectoryHandle("hounsfield");
  const found = [];
  for await (const [name, folder] of own.entries()) {
    if (!name.startsWith("run-")) continue;
    const index = await (await folder.getFileHandle("index.json")).getFile();
    const { number, about, sizes } = JSON.parse(await index.text());
    found.push({ name, number, step: about.step, largest: sizes.indexOf(Math.max(...sizes)) });
  }
  return found.sort((a, b) => b.number - a.number);
});

// Changes a byte in the middle of a copy's largest file, which holds weights or moments.
const damage = (page, copy) => page.evaluate(async ({ name, largest }) => {
  const root = await navigator.storage.getDirectory();
  const own = await root.getDirectoryHandle("hounsfield");
  const folder = await own.getDirectoryHandle(name);
  const handle = await folder.getFileHandle(String(largest));
  const bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer());
  bytes[bytes.length >> 1] ^= 1;
  const writer = await handle.createWritable();
  await writer.write(bytes);
  await writer.close();
}, copy);

// A training of 150 steps that is stored often gets to its end although the page is reloaded in its midst, without a pause,
// and although the newest copy is damaged after a pause. Gives what was seen.
async function survivesAccidents(given) {
  const { page } = given;
  const seen = {};
  // Of the training before.
  await page.evaluate(() => delete document.getElementById("train-state").dataset.saved);
  await startsAsked(page);
  await page.waitForFunction(() => Number(document.getElementById("train-state").dataset.saved) > 0, null, { polling: 20 });
  await page.reload();
  await ready(page);
  seen.offered = await text(page, "resume");
  await page.click("#restore");
  await says(page, "train-state", /Step \d+ of 150/);
  await pauses(given);

  const [newest, older] = await copies(page);
  await damage(page, newest);
  await page.reload();
  await ready(page);
  await page.click("#restore");
  seen.damaged = await says(page, "banner", /The newest copy of this training is damaged/);
  seen.older = older.step;
  await says(page, "train-state", /Done after step 150/);
  return seen;
}

// Losses of the training at hand.
async function losses({ page, folder }) {
  const log = await download(page, "[data-file=metrics]", folder);
  const records = readFileSync(log, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
  return records.map((record) => record["train/total"]).filter((loss) => loss !== undefined);
}

// Another tab, which holds what a tab holds while it trains.
async function otherTab({ context, address }) {
  const other = await context.newPage();
  await other.goto(address);
  await other.evaluate(() => new Promise((held) => {
    navigator.locks.request("hounsfield-training", () => {
      held();
      return new Promise(() => {});
    });
  }));
  return other;
}

// The browser frees what a tab held some time after that tab is closed.
async function close(page, other) {
  await other.close();
  const held = () => navigator.locks.query().then(({ held }) => held.some(({ name }) => name === "hounsfield-training"));
  while (await page.evaluate(held)) await new Promise((resolve) => setTimeout(resolve, 50));
}

// A training that another tab left meanwhile is not removed without a question, and is offered.
async function asksOfOthers(page) {
  await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const own = await root.getDirectoryHandle("hounsfield");
    for await (const [name, folder] of own.entries()) {
      if (!name.startsWith("run-")) continue;
      const handle = await folder.getFileHandle("index.json");
      const index = JSON.parse(await (await handle.getFile()).text());
      index.about.when += 60_000;
      const writer = await handle.createWritable();
      await writer.write(JSON.stringify(index));
      await writer.close();
    }
  });
  let asked = "nothing";
  page.once("dialog", (dialog) => {
    asked = dialog.message();
    dialog.dismiss();
  });
  await page.click("#train");
  await says(page, "train-state", /^Stopped before it began/);
  if (!/^The browser keeps a fine-tuning of .*, at step 150 of 150. Start another one/.test(asked)) throw new Error(`asked: ${asked}`);
  await page.waitForSelector("#restore");
}

// Learns from the phantom on show, at one go, with a pause and a reload, and with accidents: the same steps on the same
// phantom.
export async function resumesPhantom(given) {
  const { page, folder, results } = given;
  const prepare = async (toml) => {
    await setTiny(page, 150, toml);
    await set(page, "seed", 7);
    await says(page, "all-settings", /seed = 7\n/);
  };
  // Its left and right kidneys are two classes.
  await page.evaluate(() => (document.getElementById("advanced").open = true));
  await set(page, "toml", "[augment]\nflip_probability = 0.5\n");
  await says(page, "estimate", /kidney" are different classes.* flip_probability = 0.0/);
  await prepare();
  // As long as another tab trains, this one does not.
  const other = await otherTab(given);
  await page.click("#train");
  await says(page, "banner", /Another tab/);
  await close(page, other);
  await page.click("#train");
  await says(page, "train-state", /Done after step 150/);
  results.undisturbed = await losses(given);
  // Saved, it may go without a question.
  await download(page, "[data-file=run]", folder);
  await asksOfOthers(page);
  page.once("dialog", (dialog) => dialog.accept());
  await page.click("#train");
  await says(page, "train-state", /Step \d+ of 150/);
  await pauses(given);
  await page.reload();
  await ready(page);
  // Nor does it go on or begin anew meanwhile, and what is kept is offered still.
  const another = await otherTab(given);
  await page.click("#restore");
  await says(page, "banner", /Another tab/);
  page.once("dialog", (dialog) => dialog.accept());
  await page.click("#train");
  await page.waitForSelector("#restore");
  await close(page, another);
  // Another run, dropped, takes the place of this one only if the user wants that.
  page.once("dialog", (dialog) => {
    results.asked = dialog.message();
    dialog.dismiss();
  });
  const manifest = join(folder, "manifest.json");
  writeFileSync(manifest, "{}");
  await drop(page, [{ name: "run/checkpoints/last/manifest.json", path: manifest }]);
  await page.click("#restore");
  await says(page, "train-state", /Done after step 150/);
  results.resumed = await losses(given);
  await prepare(`${TINY}checkpoint_minutes = 0.002\n`);
  results.accidents = await survivesAccidents(given);
  results.survived = await losses(given);
}

// That a copy could not be stored is said until one is.
async function tellsOfStoring(page) {
  const tell = (event) => computing(page).evaluate((event) => postMessage({ text: JSON.stringify({ event }), buffers: [] }), event);
  const step = await page.getAttribute("#train-state", "data-saved");
  await tell({ kind: "not_saved", why: "it is full" });
  await says(page, "banner", new RegExp(`The newest state .* only that of step ${step}: it is full`));
  await tell({ kind: "autosaved", step: Number(step) });
  await says(page, "banner", /^$/);
}

// Removes a paused training from the storage: it goes on to its end, and is not kept again.
export async function forgets(given) {
  const { page, results } = given;
  await setTiny(page, 150);
  await page.click("#train");
  await says(page, "train-state", /Step \d+ of 150/);
  await pauses(given);
  await tellsOfStoring(page);
  page.once("dialog", (dialog) => {
    results.asked = dialog.message();
    dialog.accept();
  });
  await page.click("#forget");
  results.removed = await says(page, "banner", /Removed/);
  await page.click("#continue");
  await says(page, "train-state", /Done after step 150/);
  await page.waitForFunction(() => document.getElementById("loss-curve").getAttribute("aria-label").endsWith("at step 150"));
  // The browser asks before it is lost, also where there was nothing more to be removed.
  await page.click("#forget");
  await says(page, "banner", /Removed/);
  let asked = "nothing";
  page.once("dialog", (dialog) => {
    asked = dialog.type();
    dialog.accept();
  });
  await page.reload();
  await ready(page);
  if (asked !== "beforeunload") throw new Error(`asked: ${asked}`);
  results.offered = await page.isVisible("#resume");
}
