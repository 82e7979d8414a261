// What the browser keeps of a training: a reload in its midst, and a copy that is damaged.

import { ready, says, text } from "./browser.mjs";

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
// and although the newest copy is damaged after a pause. `pauses(page)` presses the button. Gives what was seen.
export async function survivesAccidents(page, pauses) {
  const seen = {};
  // Of the training before.
  await page.evaluate(() => delete document.getElementById("train-state").dataset.saved);
  await page.click("#train");
  await page.waitForFunction(() => Number(document.getElementById("train-state").dataset.saved) > 0, null, { polling: 20 });
  await page.reload();
  await ready(page);
  seen.offered = await text(page, "resume");
  await page.click("#restore");
  await says(page, "train-state", /Step \d+ of 150/);
  await pauses(page);

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
