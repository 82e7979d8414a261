// Trainings: paused and gone on with after a reload, begun by the native program, stopped before the first step.

import { join } from "node:path";
import { computing, download, drop, latency, ready, says, set, text } from "./browser.mjs";
import { hippocampus } from "./scans.mjs";
import { setTiny } from "./tiny.mjs";

const dropScans = (page, data) => drop(page, hippocampus(data, "024", "052", "158", "104"));

// Settings of a short run on three scans, checked with a fourth.
async function prepare({ page, address, data, results }) {
  await dropScans(page, data);
  // The bundled network knows CT.
  results.notice = await says(page, "estimate", /Learns from 3, checks with 1.*These scans are no CT/);
  await page.evaluate(() => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
  // The software GPU of the tests is slow; on the processor each crop of a step goes to a worker of its own.
  const sizes = new URL(address).searchParams.get("device") === "cpu" ? [["crops", 2]] : [["crops", 1], ["crop", 24]];
  for (const [id, value] of [["steps", 20], ["interval", 20], ["seed", 7], ...sizes]) await set(page, id, value);
  await says(page, "all-settings", /intensity = "percentile"\n/);
  await says(page, "all-settings", /max_steps = 20\n/);
  await says(page, "all-settings", /seed = 7\n/);
}

const step = async (page) => Number((await text(page, "train-state")).match(/tep (\d+) of/)?.[1] ?? 0);

// Presses the button; tells how far the training came meanwhile.
export async function pauses({ page, results }) {
  const before = await step(page);
  await page.click("#pause");
  const paused = await says(page, "train-state", /Paused after step \d+ of/);
  results.paused = { before, after: Number(paused.match(/step (\d+)/)[1]) };
}

// Presses Start where it asks; gives the question, which is answered with yes unless `no`.
export async function startsAsked(page, no = false) {
  let asked = "nothing";
  page.once("dialog", (dialog) => {
    asked = dialog.message();
    return no ? dialog.dismiss() : dialog.accept();
  });
  await page.click("#train");
  return asked;
}

// Begun anew after a pause, a training starts from the network that it started from, not from where it had come to: the
// losses from here on are held to those of the native program.
async function beginsAnew(given) {
  const { page } = given;
  await pauses(given);
  await says(page, "start", /the network in use before this training/);
  await startsAsked(page);
  await says(page, "train-state", /Step [2-9] of 20/);
}

// Beside a training nothing else begins, and a run that comes meanwhile is refused without a question.
async function trainsAlone({ page, folder, results }) {
  results.offered = await page.isEnabled("#segment");
  results.hindered = await page.getAttribute("#segment", "title");
  const path = join(folder, "weights.pth");
  await drop(page, ["run/checkpoints/last/manifest.json", "scan.nii.gz"].map((name) => ({ name, path })));
  await says(page, "refused", /manifest.json: not read: A training goes on/);
  await says(page, "refused", /scan.nii.gz: not read, for the run that came with it is not/);
}

export async function trainsWithPause(given) {
  const { page, watched, loaded, address, folder, results } = given;
  await prepare(given);
  await page.click("#train");
  await says(page, "train-state", /Step [2-9] of 20/);
  results.replicas = await computing(page).evaluate(() => self.workerPool.replicas());
  results.latency = await latency(page, 3);
  await trainsAlone(given);
  await beginsAnew(given);
  await pauses(given);
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
export async function continuesNative({ page, folder, data, results }) {
  await dropScans(page, data);
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

// A training that fails in its midst can go on from its last checkpoint, and is not removed without a question.
export async function failsInside({ page }) {
  const fails = () => says(page, "banner", /gradients were not finite/);
  const accept = (dialog) => dialog.accept();
  await setTiny(page, 150);
  await set(page, "rate", 1e30);
  await says(page, "all-settings", /learning_rate = 1(e\+?30|0{30}\.0)\n/);
  await page.click("#train");
  await fails();
  if (!(await page.isEnabled("[data-file=run]"))) throw new Error("the run of a training that failed cannot be saved");
  const asked = await startsAsked(page, true);
  if (!/^There is a training to go on with/.test(asked)) throw new Error(`asked: ${asked}`);
  await page.click("#continue");
  await fails();
  page.on("dialog", accept);
  await page.click("#forget");
  await says(page, "banner", /Removed/);
  await page.reload();
  await ready(page);
  page.off("dialog", accept);
}

// Stopped while its scans are prepared, a training is said to be so, which is no error.
export async function stopsEarly({ page }) {
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
