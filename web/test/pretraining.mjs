// Pre-training and the fine-tuning after it, and what the form makes of settings that do not fit.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { download, drop, follow, says, set } from "./browser.mjs";
import { hippocampus } from "./scans.mjs";
import { TINY_ENCODER, setTiny } from "./tiny.mjs";
import { pauses, startsAsked } from "./training.mjs";

async function prepareTiny({ page, data }, steps) {
  await drop(page, hippocampus(data, "024", "052"));
  await says(page, "estimate", /Learns from 1, checks with 1/);
  await setTiny(page, steps);
}

// A network that is too large for crops of the usual size gets smaller ones, unless the user typed a size.
async function shrinksCrops({ page, data, results }) {
  await drop(page, hippocampus(data, "024", "052"));
  await page.evaluate(() => (document.getElementById("advanced").open = true));
  await set(page, "toml", "[decoder]\nfeature_size = 208\n");
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

// The run of an encoder that is not saved is not removed without a question, which says that the encoder stays in use; gives
// the encoder's file.
async function savesEncoder({ page, folder }) {
  const asked = await startsAsked(page, true);
  if (!/^You have not saved .*: it stays in use, .* remove its run\?$/.test(asked)) throw new Error(`asked: ${asked}`);
  return download(page, "[data-file=encoder]", folder);
}

// A pre-training takes the place of a paused fine-tuning: the next one starts from the network in use again.
async function startsFromUsed(given) {
  const { page } = given;
  const said = "the network in use";
  await set(page, "steps", 150);
  await says(page, "all-settings", /max_steps = 150\n/);
  const asked = await startsAsked(page);
  if (!/came to\. Start another one and remove it\?$/.test(asked)) throw new Error(`asked: ${asked}`);
  await says(page, "train-state", /Step \d+ of 150/);
  await pauses(given);
  await says(page, "start", new RegExp(`${said} before this training`));
  await page.check("input[name=stage][value=pretrain]");
  for (const [id, value] of [["toml", TINY_ENCODER], ["crop", 16], ["crops", 1], ["steps", 2], ["interval", 2]]) await set(page, id, value);
  await says(page, "all-settings", /contrastive_weight/);
  await says(page, "all-settings", /max_steps = 2\n/);
  await startsAsked(page);
  await says(page, "train-state", /Done after step 2 of 2/);
  const option = await page.locator("#start option[value=model]").textContent();
  if (option !== said) throw new Error(`starts from: ${option}`);
}

// The steps of a run that the native program counted in epochs are told, though its settings do not name them; this one is
// at its end.
async function countsEpochs({ page, folder }) {
  const last = join(folder, "native", "checkpoints", "last");
  page.once("dialog", (dialog) => dialog.accept());
  await drop(page, readdirSync(last).map((name) => ({ name: `run/checkpoints/last/${name}`, path: join(last, name) })));
  await says(page, "train-state", /^At step (\d+) of \1\.$/);
}

// Pre-trains on scans without labels, then fine-tunes from what it learnt.
export async function pretrains(given) {
  const { page, folder, results } = given;
  await shrinksCrops(given);
  await prepareTiny(given, 6);
  await page.check("input[name=stage][value=pretrain]");
  for (const [id, value] of [["toml", TINY_ENCODER], ["crop", 16], ["crops", 1], ["steps", 6], ["interval", 3]]) await set(page, id, value);
  await says(page, "all-settings", /contrastive_weight/);
  await says(page, "estimate", /the warm-up of 10 steps lasts for the whole run of 6/);
  if (await page.isVisible("#start")) throw new Error("pre-training offers a start that it does not take");
  const states = await follow(page, "train-state");
  await page.click("#train");
  results.pretrained = await says(page, "train-state", /Done after step 6 of 6/);
  results.states = await states();
  results.picture = await page.locator("#preview").evaluate((image) => image.naturalWidth);
  await page.check("input[name=stage][value=finetune]");
  await prepareTiny(given, 4);
  await page.selectOption("#start", "encoder");
  const encoder = await savesEncoder(given);
  await page.click("#train");
  results.finetuned = await says(page, "train-state", /Done after step 4 of 4/);
  await drop(page, [{ name: "saved.safetensors", path: encoder }]);
  await says(page, "model", /A pre-trained encoder \(saved.safetensors\) is ready/);

  // An encoder of the native program and of another size tells its settings itself.
  await drop(page, [{ name: "alone.safetensors", path: join(folder, "native", "encoder.safetensors") }]);
  await says(page, "model", /A pre-trained encoder \(alone.safetensors\) is ready/);
  await set(page, "toml", "");
  await says(page, "all-settings", /hidden_size = 24\n/);
  // Those that come with it count.
  await drop(page, ["encoder.safetensors", "config.toml"].map((name) => ({ name, path: join(folder, "native", name) })));
  results.encoder = await says(page, "model", /A pre-trained encoder \(encoder.safetensors\) is ready/);
  await set(page, "toml", "");
  results.sizes = await says(page, "all-settings", /hidden_size = 24\n/);
  await startsAsked(page);
  results.of_another_size = await says(page, "train-state", /Done after step 4 of 4/);

  // On larger crops its position embeddings are interpolated, and that is told.
  await set(page, "crop", "16, 16, 32");
  await says(page, "all-settings", /roi_size = \[\s*16,\s*16,\s*32/);
  await startsAsked(page);
  results.resized = await says(page, "banner", /2x2x2 to 2x2x4 patches/);
  await says(page, "train-state", /Done after step 4 of 4/);
  await startsFromUsed(given);
  await countsEpochs(given);
}
