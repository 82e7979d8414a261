// The page: puts viewer, cases, segmentation, training and files together.

import { $, duration, element } from "./dom.js";
import { Client } from "./client.js";
import { Viewer, WINDOWS } from "./viewer.js";
import { Cases, title } from "./cases.js";
import { Training } from "./train.js";
import * as files from "./files.js";
import * as legend from "./legend.js";

// A patient the bundled network never saw.
const FIRST_PHANTOM = 2026;
// Seeds of phantoms for training and for checks: those of the native program.
const SEEDS = { training: 123, validation: 2 ** 32 + 123 };

const FULL_RANGE = [-1024, 3071];

const query = new URLSearchParams(location.search);
const layers = { reference: null, prediction: null, classes: [], predicted: null };
// What was opened, for a worker that is started anew: scans, and the last weights by what they were.
const opened = [];
const networks = new Map();
// Names of what is in phantoms.
let organs = [];
// Deaths of the worker since something was last saved, its restarts, and whether a training shall go on.
let deaths = 0;
let restarts = 0;
let goOn = false;
// Whether a scan was chosen since the training began: whoever reads it goes on reading it.
let reading = false;

const client = new Client(onEvent, onDeath);
const viewer = new Viewer($("canvas"), ({ mm, value, name }) => {
  const place = mm.map((n) => n.toFixed(0)).join(", ");
  $("place").textContent = `${place} mm · ${value === undefined ? "" : Math.round(value)}${name ? ` · ${name}` : ""}`;
});
const cases = new Cases(
  (image, label) => attempt(async () => {
    cases.update(await client.call("pair", { image, label }));
    if (image === cases.shown) await show(image);
  })(),
  () => training?.plan(),
);
const training = new Training(client, cases, { done: trained, preview, failed });

function say(why) {
  $("banner").textContent = why;
  $("banner").hidden = !why;
}

function failed(error) {
  if (error.dead) return;
  say(error.message);
  if (error.device) onDeath(error.message, error.training);
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
  const { device, cpu, half, checks } = await client.call("open", { device: wanted });
  const adapter = cpu ? null : await navigator.gpu?.requestAdapter();
  const name = adapter?.info?.description || adapter?.info?.vendor || "graphics processor";
  $("device").textContent = cpu ? "Processor (slow)" : `${device}: ${name}`;
  for (const option of $("precision").options) option.disabled = option.value === "f16" && !half;
  training.limits = {
    // WebAssembly addresses 4 GB; a graphics processor's memory is not told, half the machine's is a guess.
    memory: cpu ? 2.5 * 2 ** 30 : (navigator.deviceMemory ?? 8) * 2 ** 29,
    tensor: adapter?.limits.maxStorageBufferBindingSize ?? Infinity,
  };
  $("device").classList.toggle("gpu", !cpu);
  $("device").title = checks.map(({ name }) => `${name}: right`).join("\n");
  if (cpu && wanted === "auto") {
    const remedy = isSecureContext ? "use a current Chrome, Edge, Safari or Firefox with WebGPU" : "open this page over https";
    say(`This browser offers no WebGPU here, so the processor computes: fine for small scans, slow for training. For speed ${remedy}, or the native program.`);
  }
}

async function useBundled() {
  const get = async (name) => {
    const response = await fetch(new URL(`model/${name}`, document.baseURI));
    if (!response.ok) throw new Error(`${name} is missing beside the page`);
    return response;
  };
  try {
    const [weights, settings] = await Promise.all([get("model.safetensors"), get("config.toml")]);
    await useModel("phantom organs", await weights.arrayBuffer(), await settings.text(), organs);
  } catch (error) {
    $("model").textContent = `No network is bundled with this page (${error.message}): drop the weights of one, or teach one.`;
  }
}

// Gives weights to the worker; tells whether they were a whole network or an encoder.
async function useModel(name, weights, settings = null, classes = []) {
  const answer = await client.call("use_model", { name, settings, classes }, [weights]);
  tellModel(answer);
  return answer.model ? "model" : "encoder";
}

// Weights that the user opened.
async function useWeights(weight, settings) {
  const kind = await useModel(weight.path, await weight.file.arrayBuffer(), settings ? await settings.file.text() : null);
  networks.set(kind, [weight, settings]);
}

function tellModel({ model, encoder }) {
  if (encoder) {
    $("start").querySelector("[value=encoder]").disabled = false;
    $("start").value = "encoder";
    $("model").textContent += ` A pre-trained encoder (${encoder}) is ready to start from.`;
  }
  if (model) {
    $("model").textContent = `Network: ${model.name}, ${(model.parameters / 1e6).toFixed(2)} million weights, finds ${model.classes.length} structures.`;
    $("model").title = model.report;
    $("segment").disabled = false;
    for (const file of ["weights", "settings"]) enable(file);
  }
  training.plan();
}

const enable = (file) => {
  document.querySelector(`[data-file=${file}]`).disabled = false;
};

async function show(index) {
  cases.shown = index;
  $("case").value = String(index);
  const answer = await client.call("show", { image: index });
  const [image, label] = answer.buffers;
  // Air is far below zero in CT only; other scans are shown in their own range.
  const ct = answer.lowest < -500;
  $("window").disabled = !ct;
  await viewer.show(image, ct ? WINDOWS[$("window").value] ?? FULL_RANGE : null);
  layers.reference = label ?? null;
  layers.classes = answer.classes;
  if (layers.predicted !== index) layers.prediction = null;
  await drawOverlay();
  if (!layers.prediction) {
    if (label) legend.draw($("legend"), answer.classes, (l, on) => viewer.toggle(l, on));
    else $("legend").replaceChildren(element("p", { className: "quiet" }, "Nothing segmented yet."));
    $("segment-result").textContent = "";
  }
}

async function drawOverlay() {
  const wanted = $("shown").value;
  // A segmentation belongs to its own scan.
  const foreign = wanted === "prediction" && layers.predicted !== cases.shown;
  // A copy: the viewer keeps what it is given.
  const layer = wanted === "none" || foreign ? null : layers[wanted];
  await viewer.overlay(layer?.slice(0), layers.classes);
}

async function segment() {
  const button = $("segment");
  button.disabled = true;
  $("segment-stop").hidden = $("segment-progress").hidden = false;
  $("segment-result").textContent = "";
  try {
    const image = cases.shown;
    const answer = await client.call("segment", { image, overlap: 0.5, mirror: $("mirror").checked });
    enable("labels");
    for (const file of ["scores_csv", "scores_json"]) {
      document.querySelector(`[data-file=${file}]`).disabled = answer.dice === null;
    }
    if (cases.shown !== image) {
      $("segment-result").textContent = `${title(cases.images[image])} is segmented; its label map can be saved below.`;
      return;
    }
    layers.prediction = answer.buffers[0];
    layers.predicted = image;
    layers.classes = answer.classes;
    $("shown").value = "prediction";
    await drawOverlay();
    legend.draw($("legend"), answer.classes, (label, shown) => viewer.toggle(label, shown));
    const dice = answer.dice === null ? "" : ` Mean Dice against the label map: ${answer.dice.toFixed(3)}.`;
    $("segment-result").textContent = `Segmented in ${duration(answer.seconds)}.${dice}${answer.notice ? ` (${answer.notice})` : ""}`;
  } finally {
    button.disabled = false;
    $("segment-stop").hidden = $("segment-progress").hidden = true;
    $("segment-progress").value = 0;
  }
}

// Takes in whatever was dropped or chosen.
async function take(list) {
  const { run, weights = [], settings, cases: scans = [] } = files.sorted(list);
  $("refused").replaceChildren();
  if (run) {
    const found = await client.call("load_run", { names: run.map(({ path }) => path) }, await files.bytes(run));
    return atHand(found);
  }
  const refuse = ({ file, why }) => $("refused").append(element("li", {}, why.includes(file) ? why : `${file}: ${why}`));
  for (const weight of weights) {
    try {
      await useWeights(weight, settings);
    } catch (error) {
      refuse({ file: weight.path, why: error.message });
    }
  }
  if (!scans.length) return;
  const refused = await addScans(scans);
  refused.forEach(refuse);
  const bad = new Set(refused.map(({ file }) => file));
  opened.push(...scans.filter(({ path }) => !bad.has(path)));
}

// Gives scans and label maps to the worker and shows the first new one; gives what was refused.
async function addScans(scans) {
  const first = cases.images.length;
  const answer = await client.call("add_files", { names: scans.map(({ path }) => path) }, await files.bytes(scans));
  if (answer.classes.length) cases.names = answer.classes;
  cases.update(answer);
  if (answer.images.length > first) await show(first);
  return answer.refused;
}

// A run is at hand, from this browser's storage or from files.
function atHand(found) {
  cases.update(found);
  training.recall(found.stage, found.metrics);
  enable("run");
  enable("metrics");
  training.atHand(`At step ${found.step} of ${found.total_steps ?? "?"}.`);
  if (found.missing.length) {
    say(`The run goes on with its own scans: open ${found.missing.join(", ")}, then press Continue.`);
  }
}

async function morePhantoms() {
  const add = async (seed) => cases.update(await client.call("phantom", { seed }));
  const have = cases.images.filter(({ phantom }) => phantom).length - 1;
  const [training, validation] = have < 1 ? [4, 1] : [Math.max(4, have), 0];
  for (let n = 0; n < training; n++) await add(SEEDS.training + (have < 1 ? 0 : have - 1) + n);
  for (let n = 0; n < validation; n++) await add(SEEDS.validation + n);
}

function trained(answer) {
  tellModel(answer);
  enable("run");
  enable("metrics");
}

// The check of a training: its label map over the scan it belongs to, or a picture.
async function preview({ picture, image }, [buffer]) {
  if (!buffer) return;
  if (picture) {
    URL.revokeObjectURL($("preview").src);
    $("preview").src = URL.createObjectURL(new Blob([buffer], { type: "image/png" }));
    $("preview").hidden = false;
    return;
  }
  if (image !== cases.shown) {
    if (reading) return;
    await show(image);
  }
  layers.prediction = buffer;
  layers.predicted = image;
  $("shown").value = "prediction";
  $("segment-result").textContent = "Shown: the last check of the training.";
  legend.draw($("legend"), layers.classes, (label, shown) => viewer.toggle(label, shown));
  await drawOverlay();
}

function onEvent(event, buffers) {
  if (event.kind === "progress") {
    if (event.what === "segmenting") Object.assign($("segment-progress"), { max: event.of, value: event.done });
    else if (event.what === "preparing") {
      training.begun();
      $("train-state").textContent = `Preparing scan ${event.done + 1} of ${event.of}…`;
    } else $("place").textContent = `Reading file ${event.done + 1} of ${event.of}…`;
  } else if (event.kind === "not_saved") {
    say(`This training is not kept for another visit: ${event.why}`);
  } else {
    if (event.kind === "autosaved") deaths = 0;
    if (event.kind === "started") reading = false;
    training.event(event, buffers);
  }
}

// The worker or its device is gone: a new one, what was opened, and the last autosave.
async function onDeath(reason, again = training.running && !training.halting) {
  deaths += 1;
  goOn ||= again;
  const mine = ++restarts;
  // Drivers add pages of their own.
  const why = reason.split("\n")[0].replace(/[.:]$/, "");
  say(`The computing part stopped: ${why}. ${deaths > 3 ? "It stopped several times: reload the page and choose smaller crops." : "It is being started anew…"}`);
  training.reset();
  if (deaths > 3) return;
  try {
    await reopen();
    const { run } = await client.call("stored");
    if (goOn && run) {
      goOn = false;
      const found = await client.call("restore");
      atHand(found);
      if (found.missing.length) return;
      say(`The computing part stopped (${why}) and was started anew; training goes on from the last autosave. If this happens again, choose smaller crops.`);
      await training.goOn();
      return;
    }
    if (run) training.offer(run, restore, forget);
    const lost = goOn ? " Nothing of the training was saved yet: start it again, perhaps with smaller crops." : "";
    goOn = false;
    say(`The computing part stopped (${why}) and was started anew.${lost}`);
  } catch (error) {
    // Another death, and another restart.
    if (mine !== restarts) return;
    say(`The computing part cannot be started again: ${error.message}. Reload the page.`);
  }
}

// A new worker that knows what the old one was given.
async function reopen() {
  Object.assign(layers, { prediction: null, predicted: null });
  for (const button of document.querySelectorAll("[data-file]")) button.disabled = true;
  $("start").querySelector("[value=encoder]").disabled = true;
  if ($("start").value === "encoder") $("start").value = "model";
  await open();
  await begin();
  await useBundled();
  for (const [weight, settings] of networks.values()) await useWeights(weight, settings);
  if (opened.length) await addScans(opened);
}

async function begin() {
  const answer = await client.call("phantom", { seed: FIRST_PHANTOM });
  organs = answer.classes;
  cases.update(answer);
  await show(answer.image);
}

const restore = attempt(async () => {
  const found = await client.call("restore");
  atHand(found);
  if (!found.missing.length) await training.goOn();
});

const forget = attempt(async () => {
  await client.call("forget");
  training.forgotten();
  say("Removed: the browser keeps no training of this page.");
});

function theme(name) {
  document.documentElement.dataset.theme = name;
  training.loss.draw();
  training.score.draw();
}

function wire() {
  $("window").append(...Object.keys(WINDOWS).map((name) => element("option", {}, name)), element("option", {}, "Full range"));
  $("window").addEventListener("change", () => viewer.setWindow(WINDOWS[$("window").value] ?? FULL_RANGE));
  $("view").addEventListener("change", () => viewer.setView($("view").value));
  $("shown").addEventListener("change", attempt(drawOverlay));
  $("opacity").addEventListener("input", () => viewer.setOpacity($("opacity").value / 100));
  $("crosshair").addEventListener("change", () => viewer.setCrosshair($("crosshair").checked));
  $("case").addEventListener("change", attempt(() => {
    reading = true;
    return show(Number($("case").value));
  }));
  $("segment").addEventListener("click", attempt(segment));
  $("segment-stop").addEventListener("click", () => client.call("stop"));
  $("more-phantoms").addEventListener("click", attempt(morePhantoms));
  for (const [button, input] of [["choose-files", "files"], ["choose-folder", "folder"]]) {
    $(button).addEventListener("click", () => $(input).click());
    $(input).addEventListener("change", attempt(async () => {
      const list = files.chosen($(input));
      // So that the same files can be chosen again.
      $(input).value = "";
      await take(list);
    }));
  }
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dragging");
  });
  addEventListener("dragleave", (event) => event.relatedTarget ?? document.body.classList.remove("dragging"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    const list = files.dropped(event.dataTransfer);
    attempt(async () => take(await list))();
  });
  for (const button of document.querySelectorAll("[data-file]")) {
    button.addEventListener("click", attempt(async () => {
      const { name, buffers } = await client.call("download", { file: button.dataset.file });
      files.save(name, buffers[0]);
    }));
  }
  $("picture").addEventListener("click", async () => files.save("hounsfield.png", await viewer.picture()));
  $("forget").addEventListener("click", forget);
  $("theme").addEventListener("click", () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
  $("canvas").addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [1, 0, 0], ArrowRight: [-1, 0, 0], ArrowUp: [0, 1, 0], ArrowDown: [0, -1, 0], PageUp: [0, 0, 1], PageDown: [0, 0, -1] }[event.key];
    if (!step) return;
    event.preventDefault();
    viewer.move(...step);
  });
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

async function main() {
  wire();
  await viewer.attach();
  await open();
  await begin();
  await useBundled();
  const { run } = await client.call("stored");
  if (run) training.offer(run, restore, forget);
  document.body.dataset.ready = "yes";
  await keep();
}

main().catch((error) => {
  $("device").textContent = "Not ready";
  say(`The page cannot start: ${error.message}`);
});
