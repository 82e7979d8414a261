// The graphics processor that computes is lost in the midst of a training.

import { computing, download, drop, ready, says } from "./browser.mjs";
import { hippocampus } from "./scans.mjs";
import { setTiny } from "./tiny.mjs";
import { pauses } from "./training.mjs";

// Keeps the devices of the worker where a test can reach them.
export const KEEP_DEVICES = `
const request = self.GPUAdapter?.prototype.requestDevice;
self.devices = [];
if (request) GPUAdapter.prototype.requestDevice = async function (...given) {
  const device = await request.apply(this, given);
  self.devices.push(device);
  return device;
};
`;

// In the worker: the rule that keeps it from asking another origin.
function blocked() {
  return new Promise((resolve) => {
    self.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective), { once: true });
    fetch("http://127.0.0.2:9/").catch(() => setTimeout(() => resolve("nothing"), 1000));
  });
}

// Trains on the GPU, is paused and reloaded, loses the GPU, and gets to the end all the same. The pause has saved the
// run, so that it may be lost at any time after. All scans have one name, and every one keeps its place; what is left out
// stays out when more come.
export async function losesDevice(given) {
  const { page, folder, data, results } = given;
  for (const [index, number] of ["024", "158", "052"].entries()) {
    await drop(page, hippocampus(data, number).map(({ name, path }) => ({ name: name.startsWith("images") ? "ct.nii.gz" : "seg.nii.gz", path })));
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
  await pauses(given);
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
