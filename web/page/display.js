// What the viewer shows: a scan, its label map or segmentation over it, and the legend.

import { $, duration, element, enable } from "./dom.js";
import { WINDOWS } from "./viewer.js";
import { title } from "./cases.js";
import * as legend from "./legend.js";

const FULL_RANGE = [-1024, 3071];

export class Display {
  // Whether a scan was chosen since the training began: whoever reads it goes on reading it.
  reading = false;
  #client;
  #viewer;
  #cases;
  #layers = { reference: null, prediction: null };
  #classes = [];
  // The scan that the segmentation belongs to.
  #predicted = null;

  constructor(client, viewer, cases) {
    this.#client = client;
    this.#viewer = viewer;
    this.#cases = cases;
  }

  async show(index) {
    this.#cases.shown = index;
    $("case").value = String(index);
    const answer = await this.#client.call("show", { image: index });
    const [image, label] = answer.buffers;
    // Air is far below zero in CT only; other scans are shown in their own range.
    const ct = answer.lowest < -500;
    $("window").disabled = !ct;
    await this.#viewer.show(image, ct ? WINDOWS[$("window").value] ?? FULL_RANGE : null);
    this.#layers.reference = label ?? null;
    this.#classes = answer.classes;
    if (this.#predicted !== index) this.#layers.prediction = null;
    await this.draw();
    if (this.#layers.prediction) return;
    if (label) this.#legend();
    else $("legend").replaceChildren(element("p", { className: "quiet" }, "Nothing segmented yet."));
    $("segment-result").textContent = "";
  }

  setWindow() {
    this.#viewer.setWindow(WINDOWS[$("window").value] ?? FULL_RANGE);
  }

  // Draws the layer that is asked for.
  async draw() {
    const wanted = $("shown").value;
    // A segmentation belongs to its own scan.
    const foreign = wanted === "prediction" && this.#predicted !== this.#cases.shown;
    // A copy: the viewer keeps what it is given.
    const layer = wanted === "none" || foreign ? null : this.#layers[wanted];
    await this.#viewer.overlay(layer?.slice(0), this.#classes);
  }

  #legend() {
    legend.draw($("legend"), this.#classes, (label, shown) => this.#viewer.toggle(label, shown));
  }

  async #predict(image, prediction, classes, says) {
    this.#layers.prediction = prediction;
    this.#predicted = image;
    this.#classes = classes;
    $("shown").value = "prediction";
    $("segment-result").textContent = says;
    this.#legend();
    await this.draw();
  }

  async segment() {
    const button = $("segment");
    button.disabled = true;
    $("segment-stop").hidden = $("segment-progress").hidden = false;
    $("segment-result").textContent = "";
    try {
      const image = this.#cases.shown;
      const answer = await this.#client.call("segment", { image, overlap: 0.5, mirror: $("mirror").checked });
      enable("labels");
      for (const file of ["scores_csv", "scores_json"]) enable(file, answer.dice !== null);
      if (this.#cases.shown !== image) {
        $("segment-result").textContent = `${title(this.#cases.images[image])} is segmented; its label map can be saved below.`;
        return;
      }
      const dice = answer.dice === null ? "" : ` Mean Dice against the label map: ${answer.dice.toFixed(3)}.`;
      const notice = answer.notice ? ` (${answer.notice})` : "";
      await this.#predict(image, answer.buffers[0], answer.classes, `Segmented in ${duration(answer.seconds)}.${dice}${notice}`);
    } finally {
      button.disabled = false;
      $("segment-stop").hidden = $("segment-progress").hidden = true;
      $("segment-progress").value = 0;
    }
  }

  // The check of a training: its label map over the scan it belongs to, or a picture.
  async preview({ picture, image }, [buffer]) {
    if (!buffer) return;
    if (picture) {
      URL.revokeObjectURL($("preview").src);
      $("preview").src = URL.createObjectURL(new Blob([buffer], { type: "image/png" }));
      $("preview").hidden = false;
      return;
    }
    if (image !== this.#cases.shown) {
      if (this.reading) return;
      await this.show(image);
    }
    await this.#predict(image, buffer, this.#classes, "Shown: the last check of the training.");
  }

  // The worker is a new one and knows no segmentation.
  forget() {
    this.#layers.prediction = null;
    this.#predicted = null;
  }
}
