// What the viewer shows: a scan, its label map or segmentation over it, and the legend.

import { $, duration, element, enable } from "./dom.js";
import { WINDOWS } from "./viewer.js";
import * as legend from "./legend.js";

const FULL_RANGE = [-1024, 3071];
const SCORES = ["scores_csv", "scores_json"];

const withoutScores = (classes) => classes.map((line) => ({ ...line, dice: null, reference_ml: null }));

export class Display {
  // Whether a scan was chosen since the training began: whoever reads it goes on reading it.
  reading = false;
  #client;
  #viewer;
  #cases;
  // Each a label map with the classes in it.
  #layers = { reference: null, prediction: null };
  // The scan that the segmentation belongs to.
  #predicted = null;
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
    if (this.#scored.image === this.#predicted) {
      this.#layers.prediction.classes = withoutScores(this.#layers.prediction.classes);
      $("segment-result").textContent = "The label map of this scan changed: segment it again for its Dice.";
    }
    this.#scored = null;
  }

  async show(index) {
    this.#cases.shown = index;
    $("case").value = String(index);
    const answer = await this.#client.call("show", { image: index });
    const [image, label] = answer.buffers;
    // Windows are those of CT; other scans are shown in their own range.
    const { ct } = answer;
    $("window").disabled = !ct;
    await this.#viewer.show(image, ct ? WINDOWS[$("window").value] ?? FULL_RANGE : null);
    this.#layers.reference = label ? { map: label, classes: answer.classes } : null;
    // A segmentation belongs to its own scan.
    if (this.#predicted !== index) this.forget();
    await this.draw();
    if (!this.#layers.prediction) $("segment-result").textContent = "";
  }

  setWindow() {
    this.#viewer.setWindow(WINDOWS[$("window").value] ?? FULL_RANGE);
  }

  // Draws the layer that is asked for, and its legend; without one the legend says what could be shown.
  async draw() {
    const layer = this.#layers[$("shown").value];
    const told = layer ?? this.#layers.prediction ?? this.#layers.reference;
    if (told) legend.draw($("legend"), told.classes, (label, shown) => this.#viewer.toggle(label, shown));
    else $("legend").replaceChildren(element("p", { className: "quiet" }, "Nothing segmented yet."));
    // A copy: the viewer keeps what it is given.
    await this.#viewer.overlay(layer?.map.slice(0), layer?.classes);
  }

  async #predict(image, map, classes, says) {
    this.#layers.prediction = { map, classes };
    this.#predicted = image;
    $("shown").value = "prediction";
    $("segment-result").textContent = says;
    await this.draw();
  }

  async segment() {
    const button = $("segment");
    button.disabled = true;
    $("segment-stop").hidden = $("segment-progress").hidden = false;
    $("segment-result").textContent = "";
    try {
      const image = this.#cases.shown;
      const { label } = this.#cases.images[image];
      const answer = await this.#client.call("segment", { image, overlap: 0.5, mirror: $("mirror").checked });
      enable("labels");
      // It may have got another label map meanwhile.
      const scored = answer.dice !== null && this.#cases.images[image].label === label;
      this.#scored = scored ? { image, label } : null;
      for (const file of SCORES) enable(file, scored);
      if (this.#cases.shown !== image) {
        $("segment-result").textContent = `${this.#cases.title(image)} is segmented; its label map can be saved below.`;
        return;
      }
      const dice = scored ? ` Mean Dice against the label map: ${answer.dice.toFixed(3)}.` : "";
      const classes = scored ? answer.classes : withoutScores(answer.classes);
      const notice = answer.notice ? ` (${answer.notice})` : "";
      await this.#predict(image, answer.buffers[0], classes, `Segmented in ${duration(answer.seconds)}.${dice}${notice}`);
    } finally {
      button.disabled = false;
      $("segment-stop").hidden = $("segment-progress").hidden = true;
      $("segment-progress").value = 0;
    }
  }

  // The check of a training: its label map over the scan it belongs to, or a picture.
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
    // What can be saved is what is seen: a check lies on the network's grid and is not kept.
    this.#scored = null;
    for (const file of ["labels", ...SCORES]) enable(file, false);
    await this.#predict(image, buffer, classes, "Shown: the last check of the training. Segment the scan to save its label map.");
  }

  // No segmentation is at hand.
  forget() {
    this.#layers.prediction = null;
    this.#predicted = null;
  }
}
