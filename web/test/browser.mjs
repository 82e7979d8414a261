// Headless Chromium on the page, for the tests: what is started, watched and asked.

import { chromium } from "playwright-core";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

const FLAGS = [
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const PATIENCE = 900_000;

// A browser with the page open at an address. `profile` keeps what the page stores; `first` is run by every worker
// before its own program.
export async function open(address, profile, first = "", viewport = { width: 1280, height: 900 }) {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.HOUNSFIELD_CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: FLAGS,
    viewport,
    acceptDownloads: true,
    // One that answers for the server would hide the worker's program from `first`.
    serviceWorkers: first ? "block" : "allow",
  });
  const page = context.pages()[0] ?? (await context.newPage());
  page.setDefaultTimeout(PATIENCE);
  const watched = { requests: [], errors: [] };
  context.on("request", (request) => watched.requests.push(request.url()));
  page.on("pageerror", (error) => watched.errors.push(String(error)));
  page.on("console", (message) => {
    if (process.env.HOUNSFIELD_VERBOSE) console.error(`[${message.type()}] ${message.text()}`);
    if (message.type() === "error") watched.errors.push(message.text());
  });
  if (first) {
    await context.route("**/worker_loader.js", async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: first + (await response.text()) });
    });
  }
  await page.goto(address);
  await ready(page);
  return { context, page, watched };
}

// A page without text counts as hidden.
export const ready = (page) => page.waitForSelector("body[data-ready=yes]", { state: "attached" });

// The worker, which is made from a blob.
export const computing = (page) => page.workers().find((worker) => worker.url().startsWith("blob:"));

export const text = (page, id) => page.locator(`#${id}`).innerText();

// Waits until an element says something that matches.
export async function says(page, id, pattern) {
  await page.waitForFunction(
    ([id, source]) => new RegExp(source).test(document.getElementById(id).textContent),
    [id, pattern.source],
    { timeout: PATIENCE, polling: 50 },
  );
  return text(page, id);
}

// Keeps what an element says from now on; the answer asks for all of it.
export async function follow(page, id) {
  await page.evaluate((id) => {
    const element = document.getElementById(id);
    globalThis.followed = [];
    new MutationObserver(() => globalThis.followed.push(element.textContent)).observe(element, { childList: true });
  }, id);
  return () => page.evaluate(() => globalThis.followed);
}

// Drops files onto an element of the page, as a user does.
export async function drop(page, paths, place = "canvas") {
  const files = paths.map((path) => ({ name: typeof path === "string" ? basename(path) : path.name, data: readFileSync(typeof path === "string" ? path : path.path).toString("base64") }));
  await page.evaluate(([files, place]) => {
    const transfer = new DataTransfer();
    for (const { name, data } of files) {
      const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
      transfer.items.add(new File([bytes], name));
    }
    for (const kind of ["dragover", "drop"]) {
      const event = new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: transfer });
      document.getElementById(place).dispatchEvent(event);
    }
    if (document.body.classList.contains("dragging")) throw new Error("the hint stays over the scan after a drop");
  }, [files, place]);
}

// Presses a button that gives a file, and keeps the file.
export async function download(page, selector, folder) {
  const [given] = await Promise.all([page.waitForEvent("download"), page.click(selector)]);
  const path = join(folder, given.suggestedFilename());
  await given.saveAs(path);
  return path;
}

export async function set(page, id, value) {
  await page.fill(`#${id}`, String(value));
  await page.dispatchEvent(`#${id}`, "change");
}

// Longest time in ms that the page took to answer a click, over some seconds.
export function latency(page, seconds) {
  return page.evaluate(async (seconds) => {
    const end = performance.now() + 1000 * seconds;
    let longest = 0;
    while (performance.now() < end) {
      const pressed = performance.now();
      await new Promise((resolve) => {
        document.getElementById("place").addEventListener("click", () => requestAnimationFrame(resolve), { once: true });
        setTimeout(() => document.getElementById("place").click());
      });
      longest = Math.max(longest, performance.now() - pressed);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return longest;
  }, seconds);
}

export function tell(folder, results) {
  writeFileSync(join(folder, "results.json"), JSON.stringify(results, null, 1));
}
