// The viewer's graphics taken away and given back, and a browser that has none.

import { readFileSync } from "node:fs";
import { PATIENCE, download, ready, says } from "./browser.mjs";

// The viewer's graphics are taken away and given back; what is asked for in between is there afterwards. Gives what was
// seen.
export async function losesGraphics(page, folder) {
  const picture = async () => readFileSync(await download(page, "#picture", folder), "base64");
  const view = (name) => page.selectOption("#view", name);
  await view("axial");
  const before = await picture();
  await view("coronal");
  const other = await picture();
  await page.evaluate(() => {
    globalThis.graphics = document.getElementById("canvas").getContext("webgl2").getExtension("WEBGL_lose_context");
    globalThis.graphics.loseContext();
  });
  await says(page, "no-picture", /No picture for now/);
  await view("axial");
  await page.evaluate(() => globalThis.graphics.restoreContext());
  await says(page, "no-picture", /^$/);
  await page.waitForTimeout(2000);
  const after = await picture();
  return { different: before !== other, restored: before === after, bytes: before.length };
}

// A browser that gives neither WebGL2 nor locks: there is no picture, and all else works. `prepare(page, steps)` fills the
// form for a small network.
export async function worksWithLess(context, address, prepare) {
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.addInitScript(() => {
    const context = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
      return kind === "webgl2" ? null : context.call(this, kind, ...rest);
    };
    navigator.locks.request = () => Promise.reject(new DOMException("denied", "SecurityError"));
  });
  await page.goto(address);
  await ready(page);
  await says(page, "no-picture", /this browser gives no WebGL2/);
  await page.focus("#canvas");
  await page.keyboard.press("ArrowUp");
  await page.click("#segment");
  await says(page, "segment-result", /Segmented in/);
  await prepare(page, 2);
  await page.click("#train");
  await says(page, "train-state", /Done after step 2 of 2/);
  await page.close();
  if (errors.length) throw new Error(`without WebGL2: ${errors}`);
}
