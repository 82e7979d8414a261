// What the viewer shows: a scan, its label map or segmentation over it, and the legend.

import { occupy } from "./busy.js";
import { $, duration, element, enable } from "./dom.js";
import { clear, refuse } from "./refused.js";
import { WINDOWS } from "./viewer.js";
import { save } from "./files.js";
import { distinct, zip } from "./zip.js";
import * as legend from "./legend.js";

const FULL_RANGE = [-1024, 3071];
// What can be saved of a segmentation, and of one with a label map to compare it with.
const MADE = ["labels", "volumes"];
const SCORES = ["scores_csv", "scores_json"];
// Label maps and volumes of all scans.
const ARCHIVE = "hounsfield-segmentations.zip";

const withoutScores = (classes) => classes.map((line) => ({ ...line, dice: null, reference_ml: null }));

export class Display {
  // Whether segmentations are at hand that only this page holds.
  unsaved = false;
  // Whether a scan was chosen since the training began: whoever reads it goes on reading it.
  reading = false;
  // Whether segmenting shall end.
  #stopping = false;
  // What was made of all scans, as a Blob.
  #archive = null;
  #client;
  #viewer;
  #cases;
  // The scan in the viewer: where another one is asked for, the one before until that is there.
  #drawn = null;
  // The label map of the scan that is shown, with the classes in it.
  #reference = null;
  // The last segmentation: its scan, label map and classes, and what is said of it. It is kept while other scans are shown,
  // and can be saved.
  #predicted = null;
  // The last check of a training, the same of it: it lies over a segmentation of its scan.
  #checked = null;
  // Names of the structures that the reader hid.
  #hidden = new Set();
  // The scan that the scores to be saved are of, and the label map they are against.
  #scored = null;

  constructor(client, viewer, cases) {
    this.#client = client;
    this.#viewer = viewer;
    this.#cases = cases;
  }

  // Takes over the worker's list of cases; the scan that is shown is drawn anew where it has another label map.
  async list(answer) {
    const { shown } = this.#cases;
    const label = this.#cases.images[shown]?.label;
    this.#cases.update(answer);
    this.#unscore();
    if (this.#cases.images[shown]?.label !== label) await this.show(shown);
  }

  // Scores against a label map that the scan no longer has are gone.
  #unscore() {
    if (!this.#scored || this.#cases.images[this.#scored.image]?.label === this.#scored.label) return;
    for (const file of SCORES) enable(file, false);
    this.#predicted.classes = withoutScores(this.#predicted.classes);
    this.#predicted.says = "The label map of this scan changed: segment it again for its Dice.";
    this.#say();
    this.#scored = null;
  }

  // What can be laid over the scan that is shown: a segmentation belongs to its own.
  get #layers() {
    const prediction = [this.#checked, this.#predicted].find((made) => made?.image === this.#drawn) ?? null;
    return { reference: this.#reference, prediction };
  }

  // Says what is to be said of the segmentation that can be seen.
  #say() {
    $("segment-result").textContent = this.#layers.prediction?.says ?? "";
  }

  async show(index) {
    this.#choose(index);
    let answer;
    try {
      answer = await this.#client.call("show", { image: index });
    } catch (error) {
      // The one before is still there, under its own name.
      if (this.#cases.shown === index) this.#choose(this.#drawn);
      throw error;
    }
    if (index !== this.#drawn) this.#hidden.clear();
    this.#drawn = index;
    const [image, label] = answer.buffers;
    // Windows are those of CT; other scans are shown in their own range.
    const { ct } = answer;
    $("window").disabled = !ct;
    await this.#viewer.show(image, ct ? WINDOWS[$("window").value] ?? FULL_RANGE : null);
    this.#reference = label ? { map: label, classes: answer.classes } : null;
    await this.draw();
    this.#say();
  }

  #choose(index) {
    this.#cases.shown = index;
    $("case").value = String(index);
  }

  setWindow() {
    this.#viewer.setWindow(WINDOWS[$("window").value] ?? FULL_RANGE);
  }

  // Draws the layer that is asked for, and its legend; without one the legend says what could be shown.
  async draw() {
    const { reference, prediction } = this.#layers;
    const layer = { reference, prediction }[$("shown").value];
    const told = layer ?? prediction ?? reference;
    if (told) legend.draw($("legend"), told.classes, this.#hidden, (line, shown) => this.#toggle(line, shown));
    else $("legend").replaceChildren(element("p", { className: "quiet" }, "Nothing segmented yet."));
    // A copy: the viewer keeps what it is given.
    await this.#viewer.overlay(layer?.map.slice(0), layer?.classes, this.#hidden);
  }

  #toggle({ label, name }, shown) {
    if (shown) this.#hidden.delete(name);
    else this.#hidden.add(name);
    this.#viewer.toggle(label, shown);
  }

  // Segments the scan that is shown.
  async segment() {
    $("segment-result").textContent = "";
    try {
      await this.#working(() => this.#segment(this.#cases.shown));
    } catch (error) {
      if (!this.#stopping || error.dead || error.device) throw error;
      $("segment-result").textContent = "Stopped before the scan was segmented.";
    }
  }

  // Segments every scan that was opened, and saves what `fetch(file)` gives of each as one archive, also where it is stopped
  // or the worker ends. A scan that cannot be segmented is named and passed over.
  async segmentAll(fetch) {
    clear();
    await this.#working(async () => {
      const own = this.#cases.own();
      const made = [];
      try {
        for (const [done, image] of own.entries()) {
          if (this.#stopping) break;
          const { name } = this.#cases.images[image];
          $("segment-result").textContent = `Scan ${done + 1} of ${own.length}: ${this.#cases.title(image)}`;
          try {
            const notice = await this.#segment(image);
            made.push(await Promise.all(MADE.map(fetch)));
            this.unsaved = true;
            if (notice) refuse(name, `segmented, but ${notice}`);
          } catch (error) {
            if (this.#stopping) break;
            if (error.dead || error.device) throw error;
            refuse(name, error.message);
          }
        }
      } finally {
        this.unsaved = false;
        this.#archive = made.length ? zip(distinct(made.flat())) : null;
        $("segment-save").hidden = !this.#archive;
        this.saveAll();
        const where = this.#archive ? ` Their label maps and volumes are in ${ARCHIVE}: see that the browser saved it.` : "";
        $("segment-result").textContent = `${made.length} of ${own.length} scans are segmented.${where}`;
      }
    });
  }

  // Hands the archive to the browser, again where that did not take it.
  saveAll() {
    if (this.#archive) save(ARCHIVE, this.#archive);
  }

  // Ends segmenting after the present window.
  stop() {
    this.#stopping = true;
    return this.#client.call("stop");
  }

  // With the buttons as they are while something is segmented.
  async #working(task) {
    const busy = (on) => {
      occupy("segmenting", on ? "A scan is being segmented: wait, or stop it under Segment." : "");
      $("segment-stop").hidden = $("segment-progress").hidden = !on;
    };
    this.#stopping = false;
    const pressed = document.activeElement?.closest("#segment, #segment-all");
    busy(true);
    // The focus goes to the button that can be pressed now, and back.
    if (pressed) $("segment-stop").focus();
    try {
      await task();
    } finally {
      const back = document.activeElement === $("segment-stop");
      busy(false);
      if (back) (pressed ?? $("segment")).focus();
      $("segment-progress").value = 0;
    }
  }

  // Segments a scan; gives what is to be said of it besides.
  async #segment(image) {
    const { label } = this.#cases.images[image];
    const answer = await this.#client.call("segment", { image, overlap: 0.5, mirror: $("mirror").checked });
    for (const file of MADE) enable(file);
    // It may have got another label map meanwhile.
    const scored = answer.dice !== null && this.#cases.images[image].label === label;
    this.#scored = scored ? { image, label } : null;
    for (const file of SCORES) enable(file, scored);
    const dice = scored ? ` Mean Dice against the label map: ${answer.dice.toFixed(3)}.` : "";
    const classes = scored ? answer.classes : withoutScores(answer.classes);
    const notice = answer.notice ? ` (${answer.notice})` : "";
    const threads = answer.workers > 1 ? ` on ${answer.workers} threads` : "";
    const says = `Segmented in ${duration(answer.seconds)}${threads}.${dice}${notice}`;
    this.#predicted = { image, map: answer.buffers[0], classes, says };
    this.#checked = null;
    if (this.#cases.shown !== image) {
      $("segment-result").textContent = `${this.#cases.title(image)} is segmented: look at it again, or save its label map below.${notice}`;
      return answer.notice;
    }
    this.#hidden.clear();
    $("shown").value = "prediction";
    this.#say();
    await this.draw();
    return answer.notice;
  }

  // The check of a training: its label map over the scan it belongs to, or a picture. Which layer and which structures are
  // shown stays as the reader chose.
  async preview({ picture, image, classes }, [buffer]) {
    if (!buffer) return;
    $("preview").hidden = !picture;
    if (picture) {
      URL.revokeObjectURL($("preview").src);
      $("preview").src = URL.createObjectURL(new Blob([buffer], { type: "image/png" }));
      return;
    }
    if (image !== this.#cases.shown) {
      if (this.reading) return;
      await this.show(image);
    }
    // A check lies on the network's grid and is not kept.
    const place = $("shown").value === "prediction" ? "Shown" : "Under Labels, Segmentation";
    const remedy = this.#predicted
      ? `The segmentation of ${this.#cases.title(this.#predicted.image)} can still be saved below.`
      : "Segment the scan to save its label map.";
    this.#checked = { image, map: buffer, classes, says: `${place}: the last check of the training. ${remedy}` };
    this.#say();
    await this.draw();
  }

  // No segmentation is at hand.
  forget() {
    for (const file of [...MADE, ...SCORES]) enable(file, false);
    this.#predicted = this.#checked = this.#scored = null;
  }
}
