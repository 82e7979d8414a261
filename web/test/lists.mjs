// Scans whose names say nothing, a list that tells which label map is whose, and a person who knows better.

import { readFileSync, writeFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import { join } from "node:path";
import { computing, download, drop, ready, says, text } from "./browser.mjs";
import { hippocampusFile } from "./scans.mjs";
import { setTiny } from "./tiny.mjs";
import { pauses } from "./training.mjs";

// A label map with nothing in it.
function emptied(from, to) {
  const bytes = gunzipSync(readFileSync(from));
  bytes.fill(0, bytes.readFloatLE(108));
  writeFileSync(to, gzipSync(bytes));
}

// Weights that are gone from the disk when the worker needs them again.
async function losesWeights(page, folder) {
  const path = await download(page, "[data-file=weights]", folder);
  await drop(page, [{ name: "own.safetensors", path }], "segment-step");
  await says(page, "model", /Network: own.safetensors/);
  await page.evaluate(() => {
    File.prototype.arrayBuffer = function () {
      return this.name === "own.safetensors" ? Promise.reject(new Error("it was moved")) : Blob.prototype.arrayBuffer.call(this);
    };
  });
}

// Where a scan cannot be shown, the one before stays under its own name.
async function keepsPicture(page) {
  const before = await page.inputValue("#case");
  await computing(page).evaluate(() => {
    const answer = self.onmessage;
    self.onmessage = (event) => {
      const { id, kind } = JSON.parse(event.data.text);
      if (kind !== "show") return answer(event);
      self.onmessage = answer;
      postMessage({ text: JSON.stringify({ id, error: "it is too large", device: false }), buffers: [] });
    };
  });
  await page.selectOption("#case", before === "0" ? "1" : "0");
  await says(page, "banner", /it is too large/);
  const after = await page.inputValue("#case");
  if (after !== before) throw new Error(`scan ${before} stands under the name of scan ${after}`);
}

// The worker stops at one of two files: the other one is there in the next worker, and this one is named.
async function stopsAtFile(page, path) {
  await computing(page).evaluate(() => {
    const answer = self.onmessage;
    const fatal = { event: { kind: "fatal", why: "it was told to" } };
    self.onmessage = (event) => {
      if (event.data.text.includes("last.nii.gz")) postMessage({ text: JSON.stringify(fatal), buffers: [] });
      else answer(event);
    };
  });
  await drop(page, ["first.nii.gz", "last.nii.gz"].map((name) => ({ name, path })));
  const told = await says(page, "banner", /and was started anew/);
  if (/crops/.test(told)) throw new Error(`crops are told of where nothing is trained: ${told}`);
  await says(page, "refused", /last.nii.gz: the computing part stopped while reading it/);
  await says(page, "refused", /own.safetensors: no longer in use, open it again: it was moved/);
  await says(page, "case", /first.nii.gz/);
}

// Of files that are opened again only what changed is told of.
async function opensAgain(page, scans, changed) {
  const other = `2/${changed.name}`;
  await drop(page, [...scans, changed]);
  await says(page, "refused", new RegExp(`another ${changed.name} is here already, so this one is called ${other}`));
  const told = await page.locator("#refused li").allInnerTexts();
  if (told.length > 1) throw new Error(`more than the other label map is refused: ${told}`);
}

// Files in the folder that the page has in the browser's private storage.
const kept = (page) => page.evaluate(async () => {
  const root = await navigator.storage.getDirectory();
  const own = await root.getDirectoryHandle("hounsfield");
  const names = [];
  for await (const [name, folder] of own.entries()) for await (const file of folder.keys()) names.push(`${name}/${file}`);
  return names;
});

// A training that never came to its first step leaves no scan, at once and where the page was closed meanwhile.
export async function leavesNothing({ page, folder, data, results }) {
  const path = join(folder, "blank.nii.gz");
  emptied(hippocampusFile(data, "images", "104"), path);
  const label = hippocampusFile(data, "labels", "104");
  await drop(page, [{ name: "blank.nii.gz", path }, { name: "blank_seg.nii.gz", path: label }]);
  await says(page, "case", /blank.nii.gz · \S+ · labelled/);
  await says(page, "estimate", /Learns from 1 and checks with the same/);
  await setTiny(page, 2);
  await page.click("#train");
  await says(page, "banner", /the volume is empty/);
  const left = await kept(page);
  await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const own = await root.getDirectoryHandle("hounsfield");
    const folder = await own.getDirectoryHandle("data", { create: true });
    await folder.getFileHandle("0", { create: true });
  });
  await page.reload();
  await ready(page);
  results.left = [...left, ...(await kept(page))];
}

// A folder in nnU-Net's layout: its description names classes and modality, and its test cases are left out.
export async function describesFolder({ page, folder, data }) {
  const of = (place, number) => ["images", "labels"].map((kind) => ({
    name: `organs/${kind}${place}/scan_${number}.nii.gz`,
    path: hippocampusFile(data, kind, number),
  }));
  const path = join(folder, "dataset.json");
  writeFileSync(path, JSON.stringify({ channel_names: { 0: "CT" }, labels: { background: 0, front: 1, back: 2 } }));
  await drop(page, [...of("Tr", "024"), ...of("Tr", "052"), ...of("Ts", "104"), { name: "organs/dataset.json", path }]);
  await says(page, "all-settings", /intensity = "range"\n/);
  const use = await page.inputValue("[aria-label='Use of organs/imagesTs/scan_104.nii.gz']");
  if (use) throw new Error(`a test case is for: ${use}`);
  await page.waitForFunction(() => document.getElementById("names").placeholder.includes("front"));
  const refused = await text(page, "refused");
  if (/dataset.json/.test(refused)) throw new Error(`said of a description: ${refused}`);
  await page.reload();
  await ready(page);
}

// A list names the classes of weights that come with it; these were saved before.
export async function namesNetwork({ page, folder }) {
  const names = Array.from({ length: 14 }, (_, n) => [n, n ? `part ${n}` : "background"]);
  const path = join(folder, "names.json");
  writeFileSync(path, JSON.stringify({ labels: Object.fromEntries(names), training: [{ image: "elsewhere.nii.gz" }] }));
  await drop(page, [{ name: "named.safetensors", path: join(folder, "model.safetensors") }, { name: "names.json", path }]);
  await says(page, "model", /Network: named.safetensors/);
  await page.click("#segment");
  await says(page, "segment-result", /Segmented in/);
  await says(page, "legend", /part 13/);
  // A segmentation is there again after a look at another scan.
  await page.click("#more-phantoms");
  await says(page, "case", /for checks/);
  await page.selectOption("#case", "1");
  await says(page, "segment-result", /^$/);
  await page.selectOption("#case", "0");
  await says(page, "segment-result", /Segmented in/);
  await says(page, "legend", /part 13/);
}

// Segments scans of one name in turn, and saves the archive.
export async function segmentsAll({ page, folder, data, results }) {
  const scans = ["024", "052"].map((number) => ({ name: `p${number}/mr.nii.gz`, path: hippocampusFile(data, "images", number) }));
  await drop(page, scans);
  await says(page, "case", /p052\/mr.nii.gz/);
  results.saved = await download(page, "#segment-all", folder);
  await says(page, "segment-result", /2 of 2 scans are segmented.*hounsfield-segmentations.zip/);
  // The network knows CT.
  await says(page, "refused", /p024\/mr.nii.gz and 1 more: segmented, but the scan has no value below -100/);
  await download(page, "#segment-save", folder);
}

// Closed scans are gone from page and worker, so that the same file is a new one; phantoms stay.
export async function closesScans({ page, folder, data }) {
  const phantoms = page.locator("#case option", { hasText: "phantom" });
  const before = await phantoms.count();
  await page.click("#close-scans");
  await page.waitForFunction((count) => document.querySelectorAll("#case option").length === count, before);
  if ((await phantoms.count()) !== before) throw new Error("a scan is left");
  if (await page.isVisible("#close-scans")) throw new Error("there is nothing left to close");
  if (await page.isEnabled("[data-file=labels]")) throw new Error("the segmentation of a closed scan can be saved");
  // A list can be closed too where there is nothing else.
  await drop(page, [{ name: "names.json", path: join(folder, "names.json") }]);
  await page.click("#close-scans");
  await page.waitForSelector("#close-scans", { state: "hidden" });
  await drop(page, [{ name: "p024/mr.nii.gz", path: hippocampusFile(data, "images", "024") }]);
  await says(page, "case", /mr.nii.gz/);
  await page.click("#segment");
  await says(page, "segment-result", /Segmented in/);
}

// A paused training finds its scans again after all were closed: what its list calls an image is one, though its values are
// few and whole.
export async function reopensScans(given) {
  const { page, folder, data } = given;
  const [image, label] = ["percent.nii.gz", "percent_seg.nii.gz"];
  const scans = [image, label].map((name) => ({ name, path: hippocampusFile(data, "labels", "024") }));
  const list = { name: "percent.json", path: join(folder, "percent.json") };
  writeFileSync(list.path, JSON.stringify({ labels: { 0: "background", 1: "front", 2: "back" }, training: [{ image, label }] }));
  await drop(page, [...scans, list]);
  await says(page, "estimate", /Learns from 1 and checks with the same/);
  await setTiny(page, 150);
  await page.click("#train");
  await says(page, "train-state", /Step \d+ of 150/);
  await pauses(given);
  await page.click("#close-scans");
  await page.waitForSelector("#close-scans", { state: "hidden" });
  await drop(page, scans);
  await says(page, "case", /percent.nii.gz · \S+ · labelled/);
  await page.click("#continue");
  await says(page, "train-state", /Done after step 150/);
}

// What a list says made the scans counts more than their values, and what of a list is seldom meant is told. `list` comes
// in the place of the other one then.
async function obeysModality(page, folder, cases, list) {
  const path = join(folder, "ct.json");
  writeFileSync(path, JSON.stringify({ ...cases, modality: { 0: "CT" } }));
  await drop(page, [{ name: "ct.json", path }]);
  await says(page, "refused", /ct.json: taken, but p2\/ct.nii.gz stands 2 times in "training": here it counts once/);
  await says(page, "all-settings", /intensity = "range"\n/);
  const told = await text(page, "estimate");
  if (/look like CT|are no CT/.test(told)) throw new Error(`said against a list of CT: ${told}`);
  // Unpacked it is the same scan, which is for no list alone.
  const [first] = cases.training;
  writeFileSync(path, JSON.stringify({ ...cases, validation: [{ ...first, image: "p1/ct.nii" }], modality: { 0: "CT" } }));
  await drop(page, [{ name: "ct.json", path }]);
  await says(page, "refused", /ct.json: taken, but p1\/ct.nii in "validation" is the scan of another file in "training", packed otherwise/);
  await drop(page, [list]);
  await says(page, "all-settings", /intensity = "percentile"\n/);
}

export async function obeysLists({ page, folder, data, results }) {
  const file = (kind, number) => hippocampusFile(data, kind, number);
  const names = () => page.getAttribute("#names", "placeholder");
  const label = () => page.inputValue("[aria-label='Label map of scans/p1/ct.nii.gz']");

  // As files come from a folder, the list last.
  const patients = ["024", "052", "158"].map((number, index) => [`p${index + 1}`, number]);
  const scans = patients.flatMap(([name, number]) => [
    { name: `scans/${name}/ct.nii.gz`, path: file("images", number) },
    { name: `scans/${name}/drawn.nii.gz`, path: file("labels", number) },
  ]);
  const [p1, p2, p3] = patients.map(([name]) => ({ image: `${name}/ct.nii.gz`, label: `${name}/drawn.nii.gz` }));
  const list = { name: "list.json", path: join(folder, "list.json") };
  const about = { modality: { 0: "MRI" }, labels: { 0: "background", 1: "front", 2: "back" } };
  writeFileSync(list.path, JSON.stringify({ ...about, training: [p1, p2], validation: [p3] }));
  await drop(page, [...scans, list]);
  await says(page, "estimate", /Learns from 2, checks with 1/);
  await obeysModality(page, folder, { ...about, training: [p1, p2, p2], validation: [p3] }, list);
  results.named = await names();
  // The bundled network learned something else.
  await page.waitForFunction(() => document.getElementById("case").value === "1");
  await page.click("#segment");
  await says(page, "segment-result", /the list names 3 classes \(background, front, back\), and the network has 14 .* images are MRI/);

  // A scan outside the list, whose label map holds nothing but is called one.
  const empty = join(folder, "empty.nii.gz");
  emptied(file("labels", "104"), empty);
  await drop(page, [{ name: "new/mr.nii.gz", path: file("images", "104") }, { name: "new/mr_seg.nii.gz", path: empty }]);
  await says(page, "case", /mr.nii.gz · \S+ · labelled/);
  await page.selectOption("[aria-label='Use of new/mr.nii.gz']", "learn");
  await says(page, "estimate", /Learns from 3, checks with 1.* mr has no labelled voxel/);
  results.unnamed = await names();

  // What a person chose holds against the list, and in a new worker.
  await page.evaluate(() => (document.getElementById("pairs").open = true));
  // All label maps are there to choose from where somebody chooses.
  const choices = page.locator("[aria-label='Label map of scans/p1/ct.nii.gz'] option");
  results.choices = [await choices.count()];
  await page.focus("[aria-label='Label map of scans/p1/ct.nii.gz']");
  results.choices.push(await choices.count());
  await page.selectOption("[aria-label='Label map of scans/p1/ct.nii.gz']", "");
  await says(page, "estimate", /Learns from 2, checks with 1/);
  await drop(page, [list]);
  await says(page, "estimate", /Learns from 1, checks with 1/);
  results.chosen = [await label()];
  await page.click("#more-phantoms");
  await says(page, "case", /for checks/);
  await keepsPicture(page);
  await losesWeights(page, folder);
  await stopsAtFile(page, file("images", "104"));
  results.chosen.push(await label());
  results.phantoms = await page.locator("#case option", { hasText: "phantom" }).count();
  await opensAgain(page, scans, { name: scans[3].name, path: file("labels", "104") });

  // The viewer's own keys do nothing.
  const place = await text(page, "place");
  await page.focus("#canvas");
  for (const key of ["h", "j", "k", "l", "m", "v", "Control+ArrowUp"]) await page.keyboard.press(key);
  if ((await text(page, "place")) !== place) throw new Error("a key of the viewer's or of the browser's moved the crosshair");
  await page.keyboard.press("ArrowUp");
  results.moved = await says(page, "moved", / mm/);
}
