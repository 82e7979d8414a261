// The page: puts viewer, cases, segmentation, training and files together.

import { $, element, enable } from "./dom.js";
import { say, unsay } from "./banner.js";
import { occupy } from "./busy.js";
import { Client } from "./client.js";
import { Viewer, WINDOWS } from "./viewer.js";
import { Cases } from "./cases.js";
import { Deaths } from "./deaths.js";
import { openDevice } from "./device.js";
import { Display } from "./display.js";
import { Intake } from "./intake.js";
import { Kept } from "./kept.js";
import { Networks } from "./networks.js";
import { Phantoms } from "./phantoms.js";
import { showPlace, tellPlace } from "./place.js";
import { Restart } from "./restart.js";
import { SettingsForm } from "./settings_form.js";
import { Training } from "./train.js";
import * as files from "./files.js";

const deaths = new Deaths();
// bundle.mjs puts in the version of the worker's program.
const client = new Client(onEvent, (why) => restart.after(why), VERSION);
const viewer = new Viewer($("canvas"), { onPlace: showPlace, onMove: tellPlace, onPicture: showPicture });
const cases = new Cases((image, label) => attempt(() => pair(image, label))(), () => form.plan(), () => intake.holds);
const display = new Display(client, viewer, cases);
const phantoms = new Phantoms(client, cases, display);
const form = new SettingsForm(client, cases, () => training.running);
const networks = new Networks(client, () => form.plan());
const preview = (...check) => display.preview(...check);
const training = new Training(client, form, { done: trained, preview, failed, offerKept: (run) => kept.offer(run), holds: (file) => networks.holds(file), deaths });
const intake = new Intake(client, cases, display, networks, { mayReplace: () => training.mayReplace(), atHand, closed });
const kept = new Kept(client, training, { atHand, attempt });
const restart = new Restart(deaths, training, kept, networks, intake, reopen);

// `why` there is no picture, or "".
function showPicture(why) {
  $("no-picture").textContent = why;
  $("no-picture").hidden = !why;
  $("picture").disabled = Boolean(why);
}

function failed(error) {
  if (error.dead) return;
  say(error.message);
  if (error.device) restart.after(error.message, error.training && !training.halting);
}

// Runs a task of the user's and shows what goes wrong.
function attempt(task) {
  return async (...given) => {
    say("");
    try {
      await task(...given);
    } catch (error) {
      failed(error);
    }
  };
}

async function open() {
  await client.start();
  form.limits = await openDevice(client);
}

async function pair(image, label) {
  await display.list(await client.call("pair", { image, label }));
}

// A run is at hand, from this browser's storage or from files.
async function atHand(found) {
  networks.startsFrom(false);
  await display.list(found);
  training.recall(found.stage, found.metrics);
  enable("run");
  enable("metrics");
  training.atHand(found);
  const damaged = found.damaged ? `The newest copy of this training is damaged, so it goes on from the one of step ${found.step}. ` : "";
  const missing = found.missing.length ? `The run goes on with its own scans: open ${found.missing.join(", ")}, then press Continue.` : "";
  if (damaged || missing) say(damaged + missing);
}

function trained(answer) {
  networks.taught(answer);
  enable("run");
  enable("metrics");
}

function onEvent(event, buffers) {
  if (event.kind === "progress") {
    if (event.what === "segmenting") Object.assign($("segment-progress"), { max: event.of, value: event.done });
    else if (event.what === "preparing") {
      training.begun();
      // The worker gave up the run that took the place of another network.
      if (training.anew === "pretrain") networks.startsFrom(false);
      $("train-state").textContent = `Preparing scan ${event.done + 1} of ${event.of}…`;
    }
  } else if (event.kind === "notice") {
    say(event.text);
  } else if (event.kind === "not_saved") {
    const older = training.kept;
    const what = older === null ? "This training is not kept for another visit" : `The newest state of this training is not kept, only that of step ${older}`;
    say(`${what}: ${event.why}`, "saving");
    training.event(event, buffers);
  } else if (event.kind === "scans_not_saved") {
    say(`The scans of this training are not kept, so open them again on the next visit: ${event.why}`);
  } else {
    if (event.kind === "started") display.reading = false;
    if (event.kind === "autosaved") unsay("saving");
    training.event(event, buffers);
  }
}

// The worker was told to let go of all scans.
async function closed() {
  cases.forget();
  display.forget();
  await phantoms.begin();
  await phantoms.again();
}

// A new worker that knows what the old one was given.
async function reopen() {
  display.forget();
  for (const button of document.querySelectorAll("[data-file]")) button.disabled = true;
  await open();
  await phantoms.begin();
  await networks.reopen(phantoms.organs);
  await phantoms.again();
  await intake.again();
  for (const [image, label] of cases.paired()) await pair(image, label);
}

// The name and the bytes of a file that the worker makes.
async function made(file) {
  const { name, buffers } = await client.call("download", { file });
  return [name, buffers[0]];
}

function theme(name) {
  document.documentElement.dataset.theme = name;
  training.loss.draw();
  training.score.draw();
}

function wire() {
  $("window").append(...Object.keys(WINDOWS).map((name) => element("option", {}, name)), element("option", {}, "Full range"));
  $("window").addEventListener("change", () => display.setWindow());
  $("view").addEventListener("change", () => viewer.setView($("view").value));
  $("shown").addEventListener("change", attempt(() => display.draw()));
  $("opacity").addEventListener("input", () => viewer.setOpacity($("opacity").value / 100));
  $("crosshair").addEventListener("change", () => viewer.setCrosshair($("crosshair").checked));
  $("case").addEventListener("change", attempt(() => {
    display.reading = true;
    return display.show(Number($("case").value));
  }));
  $("segment").addEventListener("click", attempt(() => display.segment()));
  $("segment-all").addEventListener("click", attempt(() => display.segmentAll(made)));
  $("segment-save").addEventListener("click", () => display.saveAll());
  // The browser asks before what is not saved yet is lost.
  addEventListener("beforeunload", (event) => (display.unsaved || training.endangered) && event.preventDefault());
  $("segment-stop").addEventListener("click", () => display.stop());
  $("more-phantoms").addEventListener("click", attempt(() => phantoms.more()));
  for (const [button, input] of [["choose-files", "files"], ["choose-folder", "folder"]]) {
    $(button).addEventListener("click", () => $(input).click());
    $(input).addEventListener("change", attempt(async () => {
      const list = files.chosen($(input));
      // So that the same files can be chosen again.
      $(input).value = "";
      await intake.take(list);
    }));
  }
  $("close-scans").addEventListener("click", attempt(async () => {
    await intake.close();
    // The button that was pressed is gone.
    $("choose-files").focus();
  }));
  // Before the viewer, which keeps what is dropped on it from the page.
  const capture = true;
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dragging");
  }, { capture });
  addEventListener("dragleave", (event) => event.relatedTarget ?? document.body.classList.remove("dragging"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    const list = files.dropped(event.dataTransfer);
    attempt(async () => intake.take(await list))();
  }, { capture });
  for (const button of document.querySelectorAll("[data-file]")) {
    button.addEventListener("click", attempt(async () => {
      const { file } = button.dataset;
      files.save(...(await made(file)));
      if (file === "run" || networks.holds(file)) training.saved(file);
    }));
  }
  $("picture").addEventListener("click", async () => files.save("hounsfield.png", await viewer.picture()));
  $("forget").addEventListener("click", kept.forget);
  $("theme").addEventListener("click", () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
  theme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

// Keeps the page for times without a network; it works without that too.
async function keep() {
  try {
    await navigator.serviceWorker?.register(new URL("offline.js", document.baseURI));
  } catch (error) {
    console.info(`The page cannot be kept for use offline: ${error.message}`);
  }
}

async function start() {
  // Before the kept training is found, nothing may take its place.
  occupy("start", "The page is still starting: wait a moment.");
  try {
    await viewer.begin();
    await open();
    await phantoms.begin();
    occupy("start", "The network that comes with the page is still being fetched: wait a moment.");
    await networks.useBundled(phantoms.organs);
    await kept.offer(await kept.find());
  } finally {
    occupy("start", "");
  }
}

async function main() {
  wire();
  const started = start();
  intake.after(started);
  await started;
  document.body.dataset.ready = "yes";
  await keep();
}

main().catch((error) => {
  $("device").textContent = "Not ready";
  say(`The page cannot start: ${error.message}`);
});
