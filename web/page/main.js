// The page: puts viewer, cases, segmentation, training and files together.

import { $, element, enable } from "./dom.js";
import { occupied } from "./busy.js";
import { Client } from "./client.js";
import { Viewer, WINDOWS } from "./viewer.js";
import { CHECKS, Cases } from "./cases.js";
import { Deaths } from "./deaths.js";
import { Display } from "./display.js";
import { Intake } from "./intake.js";
import { Networks } from "./networks.js";
import { SettingsForm } from "./settings_form.js";
import { Training } from "./train.js";
import { ifNobodyTrains } from "./training_lock.js";
import * as files from "./files.js";

// A patient the bundled network never saw.
const FIRST_PHANTOM = 2026;
// Seeds of phantoms for training and for checks: those of the native program.
const SEEDS = { training: 123, validation: CHECKS + 123 };

const query = new URLSearchParams(location.search);
// Phantoms that were made, for a worker that is started anew.
const phantoms = new Set();
// Names of what is in phantoms.
let organs = [];
// When the crosshair's place is told to screen readers.
let telling;
// Restarts of the worker, and whether a training shall go on after one.
let restarts = 0;
let goOn = false;

const deaths = new Deaths();
// bundle.mjs puts in the version of the worker's program.
const client = new Client(onEvent, onDeath, VERSION);
const viewer = new Viewer($("canvas"), { onPlace: showPlace, onMove: tellPlace, onPicture: showPicture });
const cases = new Cases((image, label) => attempt(() => pair(image, label))(), () => form.plan());
const display = new Display(client, viewer, cases);
const form = new SettingsForm(client, cases, () => training.running);
const networks = new Networks(client, () => form.plan());
const training = new Training(client, form, { done: trained, preview: (...check) => display.preview(...check), failed, deaths, hush: () => say("") });
const intake = new Intake(client, cases, display, networks, { mayReplace: () => training.mayReplace(), atHand });

// At least four digits of a value: images need not hold whole numbers.
const digits = (value) => (Math.abs(value) < 1000 ? Number(value.toPrecision(4)) : Math.round(value));

function showPlace({ mm, value, name }) {
  const place = mm.map((n) => n.toFixed(0)).join(", ");
  $("place").textContent = `${place} mm · ${value === undefined ? "" : digits(value)}${name ? ` · ${name}` : ""}`;
}

// Once, when the key is let go.
function tellPlace() {
  clearTimeout(telling);
  telling = setTimeout(() => ($("moved").textContent = $("place").textContent), 300);
}

// `why` there is no picture, or "".
function showPicture(why) {
  $("no-picture").textContent = why;
  $("no-picture").hidden = !why;
  $("picture").disabled = Boolean(why);
}

// `about` is what a later message of the same puts right.
function say(why, about = "") {
  $("banner").textContent = why;
  $("banner").hidden = !why;
  $("banner").dataset.about = about;
}

function failed(error) {
  if (error.dead) return;
  say(error.message);
  if (error.device) onDeath(error.message, error.training && !training.halting);
}

// Runs a task of the user's and shows what goes wrong.
const attempt = (task) => async (...given) => {
  say("");
  try {
    await task(...given);
  } catch (error) {
    failed(error);
  }
};

async function open() {
  await client.start();
  const wanted = query.get("device") ?? "auto";
  const { device, cpu, half, checks, notice } = await client.call("open", { device: wanted, pool: true });
  // As the worker asks for it, so that name and limits are those of the one that computes.
  const adapter = cpu ? null : await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  const name = adapter?.info?.description || adapter?.info?.vendor || "graphics processor";
  $("device").textContent = cpu ? "Processor (slow)" : `${device}: ${name}`;
  for (const option of $("precision").options) option.disabled = option.value === "f16" && !half;
  form.limits = {
    // WebAssembly addresses 4 GB; a graphics processor's memory is not told, half the machine's is a guess.
    memory: cpu ? 2.5 * 2 ** 30 : (navigator.deviceMemory ?? 8) * 2 ** 29,
    held: (cpu ? 1 : 3) * 2 ** 30,
    tensor: adapter?.limits.maxStorageBufferBindingSize ?? Infinity,
  };
  $("device").classList.toggle("gpu", !cpu);
  $("device").title = checks.map(({ name }) => `${name}: right`).join("\n");
  if (notice) {
    say(`The graphics processor does not compute rightly here, so the processor does, which is slower. ${notice}`);
  } else if (cpu && wanted === "auto") {
    const remedy = isSecureContext ? "use a current Chrome, Edge, Safari or Firefox with WebGPU" : "open this page over https";
    say(`This browser offers no WebGPU on a graphics processor here, so the processor computes: fine for small scans, slow for training. For speed ${remedy}, or the native program.`);
  }
}

async function pair(image, label) {
  await display.list(await client.call("pair", { image, label }));
}

// A run is at hand, from this browser's storage or from files.
async function atHand(found) {
  await display.list(found);
  training.recall(found.stage, found.metrics);
  enable("run");
  enable("metrics");
  training.atHand(found);
  const damaged = found.damaged ? `The newest copy of this training is damaged, so it goes on from the one of step ${found.step}. ` : "";
  const missing = found.missing.length ? `The run goes on with its own scans: open ${found.missing.join(", ")}, then press Continue.` : "";
  if (damaged || missing) say(damaged + missing);
}

async function addPhantom(seed) {
  cases.update(await client.call("phantom", { seed }));
  phantoms.add(seed);
}

async function morePhantoms() {
  const have = cases.images.filter(({ phantom }) => phantom).length - 1;
  const [training, validation] = have < 1 ? [4, 1] : [Math.max(4, have), 0];
  for (let n = 0; n < training; n++) await addPhantom(SEEDS.training + (have < 1 ? 0 : have - 1) + n);
  for (let n = 0; n < validation; n++) await addPhantom(SEEDS.validation + n);
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
      $("train-state").textContent = `Preparing scan ${event.done + 1} of ${event.of}…`;
    }
  } else if (event.kind === "notice") {
    say(event.text);
  } else if (event.kind === "not_saved") {
    const older = training.kept;
    const what = older === null ? "This training is not kept for another visit" : `The newest state of this training is not kept, only that of step ${older}`;
    say(`${what}: ${event.why}`, "saving");
  } else if (event.kind === "scans_not_saved") {
    say(`The scans of this training are not kept, so open them again on the next visit: ${event.why}`);
  } else {
    if (event.kind === "started") display.reading = false;
    if (event.kind === "autosaved" && $("banner").dataset.about === "saving") say("");
    training.event(event, buffers);
  }
}

// The worker or its device is gone: a new one, what was opened, and the last autosave.
async function onDeath(reason, again = training.running && !training.halting) {
  goOn ||= again;
  const hopeless = deaths.count(goOn);
  const mine = ++restarts;
  // Drivers add pages of their own.
  const why = reason.split("\n")[0].replace(/[.:]$/, "");
  const advice = `It stopped several times: reload the page${goOn ? " and choose smaller crops" : ""}.`;
  say(`The computing part stopped: ${why}. ${hopeless ? advice : "It is being started anew…"}`);
  training.reset();
  if (hopeless) {
    if (query.get("device") === "cpu") return;
    const address = new URL(location.href);
    address.searchParams.set("device", "cpu");
    $("banner").append(" ", element("a", { href: address.href }, "Or open it on the processor, without the graphics processor."));
    return;
  }
  try {
    const reopened = reopen();
    intake.after(reopened);
    await reopened;
    const { run } = await client.call("stored");
    if (goOn && run) {
      goOn = false;
      let found;
      try {
        found = await bringBack();
      } catch (error) {
        if (error.dead) throw error;
        training.offer(run, restore, forget);
        say(`The computing part stopped (${why}) and was started anew. ${error.message}${networks.lost(run)}`);
        return;
      }
      if (found.missing.length) {
        $("banner").append(networks.lost(run, true));
        return;
      }
      say(`The computing part stopped (${why}) and was started anew; training goes on from the last autosave. If this happens again, choose smaller crops.${networks.lost(run, true)}`);
      await training.goOn();
      return;
    }
    if (run) training.offer(run, restore, forget);
    else await tidy();
    const lost = goOn ? " Nothing of the training was saved yet: start it again, perhaps with smaller crops." : "";
    goOn = false;
    say(`The computing part stopped (${why}) and was started anew.${lost}${networks.lost(run)}`);
  } catch (error) {
    // Another death, and another restart.
    if (mine !== restarts) return;
    const remedy = /reload/.test(error.message) ? "" : " Reload the page.";
    say(`The computing part cannot be started again: ${error.message}.${remedy}`);
  }
}

// A new worker that knows what the old one was given.
async function reopen() {
  display.forget();
  for (const button of document.querySelectorAll("[data-file]")) button.disabled = true;
  await open();
  await begin();
  await networks.reopen(organs);
  for (const seed of phantoms) await addPhantom(seed);
  await intake.again();
  for (const [image, label] of cases.paired()) await pair(image, label);
}

async function begin() {
  const answer = await client.call("phantom", { seed: FIRST_PHANTOM });
  organs = answer.classes;
  cases.update(answer);
  await display.show(answer.image);
}

// Has the training at hand that the browser keeps, unless another tab goes on with it.
const bringBack = () => training.alone(async () => {
  const found = await client.call("restore");
  await atHand({ ...found, stored: true });
  return found;
});

const restore = attempt(async () => {
  const found = await bringBack();
  if (!found.missing.length) await training.goOn();
});

const forget = attempt(async () => {
  if (occupied()) throw new Error(occupied());
  const { run } = await client.call("stored");
  if (run && !confirm(`Remove the ${training.described(run)}, from this browser? It cannot be brought back.`)) return;
  const left = await training.forget();
  say(`Removed: the browser keeps no training of this page.${left ? " What is paused can go on, but is not kept." : ""}`);
});

// Removes the scans of a training that came to no copy it could go on from; not while another tab may be at its first
// steps, which holds the lock.
async function tidy() {
  try {
    await ifNobodyTrains(async () => {
      // Anew: another tab may have been reading when this one asked.
      const { run } = await client.call("stored");
      if (!run) await client.call("forget");
    });
  } catch (error) {
    console.info(`Nothing was removed from the browser's storage: ${error.message}`);
  }
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
  addEventListener("beforeunload", (event) => display.unsaved && event.preventDefault());
  $("segment-stop").addEventListener("click", () => display.stop());
  $("more-phantoms").addEventListener("click", attempt(morePhantoms));
  for (const [button, input] of [["choose-files", "files"], ["choose-folder", "folder"]]) {
    $(button).addEventListener("click", () => $(input).click());
    $(input).addEventListener("change", attempt(async () => {
      const list = files.chosen($(input));
      // So that the same files can be chosen again.
      $(input).value = "";
      await intake.take(list);
    }));
  }
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
    button.addEventListener("click", attempt(async () => files.save(...(await made(button.dataset.file)))));
  }
  $("picture").addEventListener("click", async () => files.save("hounsfield.png", await viewer.picture()));
  $("forget").addEventListener("click", forget);
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
  await viewer.begin();
  await open();
  await begin();
  await networks.useBundled(organs);
  const { run } = await client.call("stored");
  if (run) training.offer(run, restore, forget);
  else await tidy();
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
