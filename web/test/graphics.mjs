// The viewer's graphics taken away and given back, and a browser that has none.

import { readFileSync, writeFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PATIENCE, download, drop, ready, says } from "./browser.mjs";
import { hippocampus, hippocampusFile } from "./scans.mjs";
import { setTiny } from "./tiny.mjs";

// The viewer's graphics are taken away and given back; what is asked for in between is there afterwards.
export async function losesGraphics({ page, folder, results }) {
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
  results.graphics = { different: before !== other, restored: before === after, bytes: before.length };
}

// A label map of 8-bit numbers with 100 in a few voxels at its centre, and nothing else.
function centre(from, to) {
  const bytes = gunzipSync(readFileSync(from));
  const offset = bytes.readFloatLE(108);
  const [width, height, depth] = [42, 44, 46].map((at) => bytes.readInt16LE(at));
  if (bytes.readInt16LE(72) !== 8) throw new Error(`${from} has more than a byte a voxel`);
  bytes.fill(0, offset);
  const near = (n, of) => Math.abs(n - of / 2) < 3;
  for (let at = 0; at < width * height * depth; at++) {
    const [x, y, z] = [at % width, Math.floor(at / width) % height, Math.floor(at / width / height)];
    if (near(x, width) && near(y, height) && near(z, depth)) bytes[offset + at] = 100;
  }
  writeFileSync(to, gzipSync(bytes));
}

// The share of pixels that a small structure changes whose number is high.
export async function paintsStructures({ page, folder, data, results }) {
  const [image, label] = hippocampus(data, "024");
  const high = join(folder, "high.nii.gz");
  centre(label.path, high);
  await drop(page, [{ name: "many.nii.gz", path: image.path }, { name: "many_seg.nii.gz", path: high }]);
  await says(page, "case", /many.nii.gz · \S+ · labelled/);
  await says(page, "legend", /class 100/);
  const pictures = [];
  for (const layer of ["reference", "none"]) {
    await page.selectOption("#shown", layer);
    await page.waitForTimeout(2000);
    pictures.push(readFileSync(await download(page, "#picture", folder), "base64"));
  }
  results.painted = await page.evaluate(async (pictures) => {
    const [a, b] = await Promise.all(pictures.map(async (text) => {
      const picture = await createImageBitmap(new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], { type: "image/png" }));
      const pen = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
      pen.drawImage(picture, 0, 0);
      return new Uint32Array(pen.getImageData(0, 0, picture.width, picture.height).data.buffer);
    }));
    return a.filter((pixel, at) => pixel !== b[at]).length / a.length;
  }, pictures);
}

// What is dropped while the page starts, a scan and a network, is taken when it has started.
async function takesEarly(page, image) {
  const path = fileURLToPath(new URL("../model/model.safetensors", import.meta.url));
  await drop(page, [{ name: "early.nii.gz", path: image }, { name: "early.safetensors", path }], "segment-step");
  if (await page.getAttribute("body", "data-ready")) throw new Error("the page had started already");
  await ready(page);
  await says(page, "model", /Network: early.safetensors/);
  await says(page, "case", /early.nii.gz/);
  await page.waitForFunction(() => document.getElementById("case").value === "1");
}

// A browser that gives neither WebGL2 nor locks: there is no picture, and all else works.
export async function worksWithLess({ context, address, folder, data }) {
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
  await takesEarly(page, hippocampusFile(data, "images", "024"));
  await says(page, "no-picture", /this browser gives no WebGL2/);
  await page.focus("#canvas");
  await page.keyboard.press("ArrowUp");
  await page.click("#segment");
  await says(page, "segment-result", /Segmented in/);
  await setTiny(page, 2);
  await page.click("#train");
  await says(page, "train-state", /Done after step 2 of 2/);
  // The check of the training took nothing away.
  await says(page, "segment-result", /last check of the training. The segmentation of early.nii.gz can still be saved/);
  await download(page, "[data-file=labels]", folder);
  await page.close();
  if (errors.length) throw new Error(`without WebGL2: ${errors}`);
}
