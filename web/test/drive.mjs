// Drives the page through one of its stories: node web/test/drive.mjs STORY ADDRESS FOLDER DATA
//
// Files that the page gives go to FOLDER, with what was seen in FOLDER/results.json. DATA is the shared data.

import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { join } from "node:path";
import { download, drop, follow, latency, open, ready, says, set, tell, text } from "./browser.mjs";
import { losesGraphics, paintsStructures, worksWithLess } from "./graphics.mjs";
import { leavesNothing, namesNetwork, obeysLists, segmentsAll } from "./lists.mjs";
import { survivesAccidents } from "./stored.mjs";

const [story, address, folder, data] = process.argv.slice(2);
const profile = join(folder, "profile");
const results = { story };
// Requests that were made before the first click.
let loaded = 0;

const hippocampus = (number) =>
  ["images", "labels"].map((kind) => ({ name: `${kind}/hippocampus_${number}.nii.gz`, path: join(data, `hippocampus/${kind}/hippocampus_${number}.nii.gz`) }));

// Settings of a short run on three scans, checked with a fourth.
async function prepare(page) {
  await drop(page, ["024", "052", "158", "104"].flatMap(hippocampus));
  // The bundled network knows CT.
  results.notice = await says(page, "estimate", /Learns from 3, checks with 1.*These scans are no CT/);
  await page.evaluate(() => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
  // The software GPU of the tests is slow.
  const crop = new URL(address).searchParams.get("device") === "cpu" ? [] : [["crop", 24]];
  for (const [id, value] of [["steps", 20], ["interval", 20], ["crops", 1], ["seed", 7], ...crop]) await set(page, id, value);
  await says(page, "all-settings", /intensity = "percentile"\n/);
  await says(page, "all-settings", /max_steps = 20\n/);
  await says(page, "all-settings", /seed = 7\n/);
}

const step = async (page) => Number((await text(page, "train-state")).match(/tep (\d+) of/)?.[1] ?? 0);

async function segmentsPhantom(page) {
  results.mirror = await page.isEnabled("#mirror");
  await page.click("#segment");
  results.processors = await page.evaluate(() => navigator.hardwareConcurrency);
  results.segmented = await says(page, "segment-result", /Segmented in/);
  // Nobody moved the crosshair: what lies under it is told all the same.
  results.place = await says(page, "place", / mm · -?\d/);
  results.labels = await download(page, "[data-file=labels]", folder);
  await download(page, "[data-file=scores_json]", folder);
  results.volumes = await download(page, "[data-file=volumes]", folder);
}

// Scores against a label map that the scan no longer has are gone.
async function unpairs(page) {
  await page.evaluate(() => (document.getElementById("pairs").open = true));
  await page.selectOption("[aria-label='Label map of phantom 2026']", "");
  await says(page, "segment-result", /The label map of this scan changed/);
  if (await page.isEnabled("[data-file=scores_json]")) throw new Error("scores against a former label map can be saved");
}

async function pauses(page) {
  const before = await step(page);
  await page.click("#pause");
  const paused = await says(page, "train-state", /Paused after step \d+ of/);
  results.paused = { before, after: Number(paused.match(/step (\d+)/)[1]) };
}

// Beside a training nothing else begins, and a run that comes meanwhile is refused without a question.
async function trainsAlone(page) {
  results.offered = await page.isEnabled("#segment");
  results.hindered = await page.getAttribute("#segment", "title");
  await drop(page, [{ name: "run/checkpoints/last/manifest.json", path: join(folder, "weights.pth") }]);
  await says(page, "refused", /manifest.json: not read: A training goes on/);
}

async function trainsWithPause(page) {
  await prepare(page);
  await page.click("#train");
  await says(page, "train-state", /Step [2-9] of 20/);
  results.latency = await latency(page, 3);
  await trainsAlone(page);
  await pauses(page);
  results.half = await download(page, "[data-file=run]", folder);
  results.computing = watched.requests.slice(loaded);

  // Another visit, with no server: the page and what was stored are there, and training goes on to the end.
  await fetch(new URL("off", address));
  await page.reload();
  await ready(page);
  results.offer = await text(page, "resume");
  await page.click("#restore");
  results.done = await says(page, "train-state", /Done after step 20 of 20/);
  // What the check shows has the classes of its own network, and is not what was segmented before.
  results.legend = await says(page, "legend", /class 2/);
  results.saveable = await page.isEnabled("[data-file=labels]");
  await download(page, "[data-file=metrics]", folder);
  await download(page, "[data-file=weights]", folder);
  await download(page, "[data-file=settings]", folder);
  await fetch(new URL("on", address));
}

// Goes on with a run that the native program began.
async function continuesNative(page) {
  await drop(page, ["024", "052", "158", "104"].flatMap(hippocampus));
  await says(page, "estimate", /Learns from 3/);
  const native = ["manifest.json", "weights.safetensors", "first_moment.safetensors", "second_moment.safetensors"].map((name) => ({
    name: `run/checkpoints/last/${name}`,
    path: join(folder, "native/checkpoints/last", name),
  }));
  const list = join(folder, "dataset.json");
  // An earlier visit left a finished one.
  page.once("dialog", (dialog) => {
    results.asked = dialog.message();
    dialog.accept();
  });
  await drop(page, [...native, { name: "run/dataset.json", path: list }, { name: "other/dataset.json", path: list }]);
  await says(page, "train-state", /At step \d+/);
  await says(page, "refused", /other\/dataset.json: .*open it by itself/);
  await page.click("#continue");
  results.done = await says(page, "train-state", /Done after step 20 of 20/);
  await download(page, "[data-file=metrics]", folder);
}

// The header of an image of floats.
function header(...shape) {
  const bytes = Buffer.alloc(352);
  bytes.writeInt32LE(348, 0);
  [3, ...shape].forEach((n, at) => bytes.writeInt16LE(n, 40 + 2 * at));
  bytes.writeInt16LE(16, 70);
  bytes.writeInt16LE(32, 72);
  [1, 1, 1, 1].forEach((n, at) => bytes.writeFloatLE(n, 76 + 4 * at));
  bytes.writeFloatLE(352, 108);
  bytes.write("n+1\0", 344, "latin1");
  return bytes;
}

async function refusesFiles(page) {
  writeFileSync(join(folder, "ten_gigabytes.nii"), header(2000, 2000, 670));
  // Says that it holds a small image, and inflates to a thousand times that.
  writeFileSync(join(folder, "bomb.nii.gz"), gzipSync(Buffer.concat([header(32, 32, 32), Buffer.alloc(256 << 20)])));
  const files = {
    "ten_gigabytes.nii": join(folder, "ten_gigabytes.nii"),
    "bomb.nii.gz": join(folder, "bomb.nii.gz"),
    "truncated.nii.gz": join(data, "robustness/derived/truncated.nii.gz"),
    "example4d.nii.gz": join(data, "robustness/nibabel/example4d.nii.gz"),
    "weights.pth": join(folder, "weights.pth"),
  };
  writeFileSync(files["weights.pth"], Buffer.from("PK\x03\x04rest", "latin1"));
  results.refused = {};
  for (const [name, path] of Object.entries(files)) {
    await drop(page, [{ name, path }]);
    results.refused[name] = await says(page, "refused", new RegExp(name.replaceAll(".", "\\.")));
  }
  writeFileSync(join(folder, "alone.toml"), TINY);
  await drop(page, [{ name: "alone.toml", path: join(folder, "alone.toml") }]);
  await says(page, "refused", /alone.toml: .*open both together/);
  // Many files of one reason have one line.
  await drop(page, ["a.dcm", "b.dcm", "c.dcm"].map((name) => ({ name, path: files["weights.pth"] })));
  await says(page, "refused", /^a.dcm and 2 more: .*NIfTI/);
  await takesDoubtful(page);
}

// A scan without orientation and with voxels that are no numbers is taken, and both are told.
async function takesDoubtful(page) {
  const voxels = Buffer.alloc(4 * 512);
  for (let at = 0; at < 512; at++) voxels.writeFloatLE(at < 3 ? NaN : at % 89, 4 * at);
  const path = join(folder, "doubtful.nii");
  writeFileSync(path, Buffer.concat([header(8, 8, 8), voxels]));
  await drop(page, [{ name: "doubtful.nii", path }]);
  await says(page, "refused", /doubtful.nii: taken, but 3 of its 512 voxels/);
  await says(page, "refused", /doubtful.nii: taken, but its header has neither an sform nor a qform/);
  await says(page, "case", /doubtful.nii/);
}

// [run] is a table of the form too.
const TINY = "[network]\npatch_size = 8\nhidden_size = 16\nmlp_dim = 32\nlayers = 3\nheads = 2\n[decoder]\nfeature_size = 4\n[run]\nmax_skipped = 7\n";

// A network that takes moments a step, from nothing.
async function prepareTiny(page, steps) {
  await drop(page, ["024", "052"].flatMap(hippocampus));
  await says(page, "estimate", /Learns from 1, checks with 1/);
  await setTiny(page, steps);
}

async function setTiny(page, steps) {
  await page.evaluate(() => (document.getElementById("advanced").open = true));
  await page.selectOption("#start", "scratch");
  for (const [id, value] of [["toml", TINY], ["crop", 16], ["crops", 1], ["steps", steps], ["interval", 1000]]) await set(page, id, value);
  await says(page, "all-settings", /hidden_size = 16\n/);
  await says(page, "all-settings", new RegExp(`max_steps = ${steps}\n`));
  await says(page, "all-settings", /max_skipped = 7\n/);
}

// A network that is too large for crops of the usual size gets smaller ones, unless the user typed a size.
async function shrinksCrops(page) {
  await drop(page, ["024", "052"].flatMap(hippocampus));
  await page.evaluate(() => (document.getElementById("advanced").open = true));
  await set(page, "toml", "[decoder]\nfeature_size = 192\n");
  results.shrunk = await says(page, "estimate", /with smaller crops to fit/);
  await set(page, "crop", 96);
  results.typed = await says(page, "estimate", /choose a smaller crop/);
  // What this device cannot do is not offered, and refused where it is typed.
  results.half = await page.locator("#precision option[value=f16]").isEnabled();
  await set(page, "toml", "[run]\nprecision = \"f16\"\n");
  results.refused = await says(page, "estimate", /precision f16/);
  await set(page, "toml", "");
  // Prepared scans that a page cannot hold.
  for (const [id, value] of [["crop", 16], ["spacing", 0.05]]) await set(page, id, value);
  results.crowded = await says(page, "estimate", /leave scans out/);
  await set(page, "spacing", 1);
}

// Pre-trains on scans without labels, then fine-tunes from what it learnt.
async function pretrains(page) {
  await shrinksCrops(page);
  await prepareTiny(page, 6);
  await page.check("input[name=stage][value=pretrain]");
  const tiny = "[network]\npatch_size = 8\nhidden_size = 16\nmlp_dim = 32\nlayers = 3\nheads = 2\n";
  for (const [id, value] of [["toml", tiny], ["crop", 16], ["crops", 1], ["steps", 6], ["interval", 3]]) await set(page, id, value);
  await says(page, "all-settings", /contrastive_weight/);
  await says(page, "estimate", /the warm-up of 10 steps lasts for the whole run of 6/);
  if (await page.isVisible("#start")) throw new Error("pre-training offers a start that it does not take");
  const states = await follow(page, "train-state");
  await page.click("#train");
  results.pretrained = await says(page, "train-state", /Done after step 6 of 6/);
  results.states = await states();
  results.picture = await page.locator("#preview").evaluate((image) => image.naturalWidth);
  await page.check("input[name=stage][value=finetune]");
  await prepareTiny(page, 4);
  await page.selectOption("#start", "encoder");
  await page.click("#train");
  results.finetuned = await says(page, "train-state", /Done after step 4 of 4/);

  // An encoder of the native program and of another size, with its settings.
  await drop(page, ["encoder.safetensors", "config.toml"].map((name) => ({ name, path: join(folder, "native", name) })));
  results.encoder = await says(page, "model", /A pre-trained encoder \(encoder.safetensors\) is ready/);
  await set(page, "toml", "");
  results.sizes = await says(page, "all-settings", /hidden_size = 24\n/);
  await page.click("#train");
  results.of_another_size = await says(page, "train-state", /Done after step 4 of 4/);

  // On larger crops its position embeddings are interpolated, and that is told.
  await set(page, "crop", "16, 16, 32");
  await says(page, "all-settings", /roi_size = \[\s*16,\s*16,\s*32/);
  await page.click("#train");
  results.resized = await says(page, "banner", /2x2x2 to 2x2x4 patches/);
  await says(page, "train-state", /Done after step 4 of 4/);
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
async function forgets(page) {
  await setTiny(page, 150);
  await page.click("#train");
  await says(page, "train-state", /Step \d+ of 150/);
  await pauses(page);
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
  await page.reload();
  await ready(page);
  results.offered = await page.isVisible("#resume");
}

// Stopped while its scans are prepared, a training is said to be so, which is no error.
async function stopsEarly(page) {
  await setTiny(page, 2);
  await computing(page).evaluate(() => {
    const answer = self.onmessage;
    self.onmessage = (event) => {
      answer(event);
      if (JSON.parse(event.data.text).kind !== "train") return;
      self.onmessage = answer;
      answer({ data: { text: JSON.stringify({ id: 0, kind: "stop" }), buffers: [] } });
    };
  });
  await page.click("#train");
  await says(page, "train-state", /^Stopped before it began/);
  if (await page.isVisible("#banner")) throw new Error(await text(page, "banner"));
}

// Losses of the training at hand.
async function losses(page) {
  const log = await download(page, "[data-file=metrics]", folder);
  const records = readFileSync(log, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
  return records.map((record) => record["train/total"]).filter((loss) => loss !== undefined);
}

// Another tab, which holds what a tab holds while it trains.
async function otherTab() {
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

// Learns from the phantom on show, at one go, with a pause and a reload, and with accidents: the same steps on the same
// phantom.
async function resumesPhantom(page) {
  const prepare = async (toml = TINY) => {
    await page.evaluate(() => (document.getElementById("advanced").open = true));
    await page.selectOption("#start", "scratch");
    for (const [id, value] of [["toml", toml], ["crop", 16], ["crops", 1], ["steps", 150], ["interval", 1000], ["seed", 7]]) await set(page, id, value);
    await says(page, "all-settings", /max_steps = 150\n/);
    await says(page, "all-settings", /seed = 7\n/);
  };
  // Its left and right kidneys are two classes.
  await page.evaluate(() => (document.getElementById("advanced").open = true));
  await set(page, "toml", "[augment]\nflip_probability = 0.5\n");
  await says(page, "estimate", /kidney" are different classes.* flip_probability = 0.0/);
  await prepare();
  // As long as another tab trains, this one does not.
  const other = await otherTab();
  await page.click("#train");
  await says(page, "banner", /Another tab/);
  await other.close();
  await page.click("#train");
  await says(page, "train-state", /Done after step 150/);
  results.undisturbed = await losses(page);
  await page.click("#train");
  await says(page, "train-state", /Step \d+ of 150/);
  await pauses(page);
  await page.reload();
  await ready(page);
  // Nor does it go on or begin anew meanwhile, and what is kept is offered still.
  const another = await otherTab();
  await page.click("#restore");
  await says(page, "banner", /Another tab/);
  page.once("dialog", (dialog) => dialog.accept());
  await page.click("#train");
  await page.waitForSelector("#restore");
  await another.close();
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
  results.resumed = await losses(page);
  await prepare(`${TINY}checkpoint_minutes = 0.002\n`);
  results.accidents = await survivesAccidents(page, pauses);
  results.survived = await losses(page);
}

// Trains on the GPU, is paused and reloaded, loses the GPU, and gets to the end all the same. The pause has saved the
// run, so that it may be lost at any time after. All scans have one name, and every one keeps its place; what is left out
// stays out when more come.
async function losesDevice(page) {
  for (const [index, number] of ["024", "158", "052"].entries()) {
    await drop(page, hippocampus(number).map(({ name, path }) => ({ name: name.startsWith("images") ? "ct.nii.gz" : "seg.nii.gz", path })));
    await says(page, "case", [/ct.nii.gz · \S+ · labelled/, /2\/ct.nii.gz · \S+ · labelled/, /3\/ct.nii.gz · \S+ · labelled/][index]);
    if (index === 1) await page.selectOption("[aria-label='Use of ct.nii.gz']", "");
  }
  results.left_out = await page.inputValue("[aria-label='Use of ct.nii.gz']");
  await page.selectOption("[aria-label='Use of ct.nii.gz']", "learn");
  await says(page, "estimate", /Learns from 2, checks with 1/);
  await setTiny(page, 60);
  await page.click("#train");
  await says(page, "train-state", /Step ([2-9]|[1-4]\d) of 60/);
  results.timestamps = await computing(page).evaluate(() => self.devices.some((device) => device.features.has("timestamp-query")));
  await pauses(page);
  await page.reload();
  await ready(page);
  await page.click("#restore");
  await says(page, "train-state", /Step [1-5]\d of 60/);
  await computing(page).evaluate(() => self.devices.forEach((device) => device.destroy()));
  results.told = await says(page, "banner", /started anew; training goes on/);
  results.done = await says(page, "train-state", /Done after step 60 of 60/);
  results.run = await download(page, "[data-file=run]", folder);
  await download(page, "[data-file=metrics]", folder);
  results.blocked = await computing(page).evaluate(blocked);
  // The network that was taught goes with the worker, and is kept.
  await computing(page).evaluate(() => self.devices.forEach((device) => device.destroy()));
  results.lost = await says(page, "banner", /The network taught here is no longer in use/);
}

// The worker, which is made from a blob.
const computing = (page) => page.workers().find((worker) => worker.url().startsWith("blob:"));

// In the worker: the rule that keeps it from asking another origin.
function blocked() {
  return new Promise((resolve) => {
    self.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective), { once: true });
    fetch("http://127.0.0.2:9/").catch(() => setTimeout(() => resolve("nothing"), 1000));
  });
}

// Keeps the devices of the worker where a test can reach them.
const KEEP_DEVICES = `
const request = self.GPUAdapter?.prototype.requestDevice;
self.devices = [];
if (request) GPUAdapter.prototype.requestDevice = async function (...given) {
  const device = await request.apply(this, given);
  self.devices.push(device);
  return device;
};
`;

// Pictures for the README: both widths, both themes.
async function pictures(page) {
  await segmentsPhantom(page);
  const shot = async (name, width, theme, full) => {
    await page.setViewportSize({ width, height: width > 600 ? 860 : 844 });
    if ((await page.getAttribute("html", "data-theme")) !== theme) await page.click("#theme");
    await page.evaluate(() => scrollTo(0, 0));
    await page.waitForTimeout(1500);
    await page.screenshot({ path: join(folder, `${name}.png`), fullPage: full });
  };
  await shot("page-light", 1280, "light");
  await page.click("#more-phantoms");
  await says(page, "estimate", /Learns from \d+/);
  await page.waitForTimeout(4000);
  await set(page, "steps", 24);
  await page.evaluate(() => (document.getElementById("advanced").open = true));
  await set(page, "interval", 8);
  await page.evaluate(() => (document.getElementById("advanced").open = false));
  await page.click("#train");
  await says(page, "train-state", /Done after step/);
  await shot("page-dark", 1280, "dark", true);
  await shot("page-narrow-dark", 390, "dark", true);
  await shot("page-narrow-light", 390, "light", true);
}

const { context, page, watched } = await open(address, profile, story === "loss" ? KEEP_DEVICES : "");
try {
  results.device = await text(page, "device");
  if (story !== "loss") await page.evaluate(() => navigator.serviceWorker.ready);
  loaded = watched.requests.length;
  if (story === "visit") {
    await segmentsPhantom(page);
    await unpairs(page);
    await refusesFiles(page);
    await trainsWithPause(page);
  } else if (story === "native") {
    await continuesNative(page);
  } else if (story === "pretrain") {
    await pretrains(page);
  } else if (story === "phantom") {
    await resumesPhantom(page);
  } else if (story === "lists") {
    Object.assign(results, await obeysLists(page, computing(page), folder, data));
    await forgets(page);
    await stopsEarly(page);
    results.left = await leavesNothing(page, folder, data, setTiny);
    await namesNetwork(page, folder);
    results.saved = await segmentsAll(page, folder, data);
  } else if (story === "loss") {
    await losesDevice(page);
  } else if (story === "graphics") {
    results.graphics = await losesGraphics(page, folder);
    const [image, label] = hippocampus("024").map(({ path }) => path);
    results.painted = await paintsStructures(page, folder, { image, label });
    await worksWithLess(context, address, folder, setTiny, image);
  } else if (story === "pictures") {
    await pictures(page);
  } else {
    throw new Error(`no story ${story}`);
  }
  results.requests = watched.requests;
  results.errors = watched.errors;
  results.banner = await page.locator("#banner").textContent();
} finally {
  tell(folder, results);
  await context.close();
}
