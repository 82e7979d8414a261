// Drives the page through one of its stories: node web/test/drive.mjs STORY ADDRESS FOLDER DATA
//
// Files that the page gives go to FOLDER, with what was seen in FOLDER/results.json. DATA is the shared data.

import { join } from "node:path";
import { open, tell, text } from "./browser.mjs";
import { KEEP_DEVICES, losesDevice } from "./device.mjs";
import { losesGraphics, paintsStructures, worksWithLess } from "./graphics.mjs";
import { closesScans, describesFolder, leavesNothing, namesNetwork, obeysLists, reopensScans, segmentsAll } from "./lists.mjs";
import { pictures } from "./pictures.mjs";
import { pretrains } from "./pretraining.mjs";
import { refusesFiles } from "./refusals.mjs";
import { segmentsPhantom, stopsSegmenting, unpairs } from "./segmenting.mjs";
import { forgets, resumesPhantom } from "./stored.mjs";
import { continuesNative, failsInside, stopsEarly, trainsWithPause } from "./training.mjs";

// What happens in each story, one after the other.
const STORIES = {
  visit: [stopsSegmenting, segmentsPhantom, unpairs, refusesFiles, trainsWithPause],
  native: [continuesNative],
  pretrain: [pretrains],
  phantom: [resumesPhantom],
  lists: [obeysLists, forgets, stopsEarly, failsInside, leavesNothing, describesFolder, namesNetwork, segmentsAll, closesScans, reopensScans],
  loss: [losesDevice],
  graphics: [losesGraphics, paintsStructures, worksWithLess],
  pictures: [pictures],
};

const [story, address, folder, data] = process.argv.slice(2);
const parts = STORIES[story];
if (!parts) throw new Error(`no story ${story}`);
const results = { story };
const first = story === "loss" ? KEEP_DEVICES : "";
const { context, page, watched } = await open(address, join(folder, "profile"), first);
try {
  results.device = await text(page, "device");
  // With a program of the test's before the worker's there is no service worker.
  if (!first) await page.evaluate(() => navigator.serviceWorker.ready);
  // `loaded` counts the requests that were made before the first click; what is seen is put into `results`.
  const given = { context, page, watched, loaded: watched.requests.length, results, address, folder, data };
  for (const part of parts) await part(given);
  results.requests = watched.requests;
  results.errors = watched.errors;
  results.banner = await page.locator("#banner").textContent();
} finally {
  tell(folder, results);
  await context.close();
}
