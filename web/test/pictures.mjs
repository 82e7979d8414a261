// Pictures for the README: both widths, both themes.

import { join } from "node:path";
import { says, set } from "./browser.mjs";
import { segmentsPhantom } from "./segmenting.mjs";

export async function pictures(given) {
  const { page, folder } = given;
  await segmentsPhantom(given);
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
