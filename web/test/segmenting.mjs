// The phantom that the page begins with: segmented, and without its label map.

import { download, says, text } from "./browser.mjs";

// Stopped with the keyboard, a segmentation is said to be so, which is no error; the focus goes to Stop and back.
export async function stopsSegmenting({ page }) {
  const focused = (id) => page.waitForFunction((id) => document.activeElement.id === id, id);
  await page.focus("#segment");
  await page.keyboard.press("Enter");
  await focused("segment-stop");
  await page.keyboard.press("Enter");
  await says(page, "segment-result", /^Stopped before the scan was segmented/);
  await focused("segment");
  if (await page.isVisible("#banner")) throw new Error(await text(page, "banner"));
}

export async function segmentsPhantom({ page, folder, results }) {
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
export async function unpairs({ page }) {
  await page.evaluate(() => (document.getElementById("pairs").open = true));
  await page.selectOption("[aria-label='Label map of phantom 2026']", "");
  await says(page, "segment-result", /The label map of this scan changed/);
  if (await page.isEnabled("[data-file=scores_json]")) throw new Error("scores against a former label map can be saved");
}
