// The scans at hand: which is shown, which label map belongs to which, what is used for what.

import { $, element, replace } from "./dom.js";
import { CHECKS, forChecks, proposed, seed } from "./uses.js";

const last = (name) => name.split("/").at(-1);

export class Cases {
  images = [];
  labels = [];
  listed = [];
  named = [];
  // Names of the classes in the list that was dropped.
  names = [];
  shown = null;
  #uses = new Map();
  // What the user chose, by name: it stays when scans are added.
  #chosen = new Map();
  // The label map that the user gave to an image, or none, by their names: a worker that is started anew is told again.
  #paired = new Map();

  // `pair(image, label)` corrects a pair; `changed()` is told when uses change; `holds()` tells whether files were opened,
  // lists and label maps too.
  constructor(pair, changed, holds) {
    Object.assign(this, { pair, changed, holds });
  }

  // A new list says anew what is used for what.
  forgetChoices() {
    this.#chosen.clear();
  }

  // All scans were closed: what was said of them goes with them.
  forget() {
    this.#chosen.clear();
    this.#paired.clear();
    this.names = [];
  }

  // `uses`: what a list of cases has an image for, where one was dropped; `named`: whether that, or what describes its
  // folder, names its classes.
  update({ images, labels, uses = [], named = [] }) {
    this.images = images;
    this.labels = labels;
    this.listed = uses;
    this.named = named;
    $("segment-all").hidden = this.own().length < 2;
    // Scans of a run that was brought back were opened in an earlier visit.
    $("close-scans").hidden = !this.holds() && !this.own().length;
    this.#drawSelect();
    this.#drawPairs();
    this.drawChoice();
  }

  // Indices of the scans that were opened, not made here.
  own() {
    return this.images.flatMap(({ phantom }, index) => (phantom ? [] : [index]));
  }

  // What a scan is called on the page: its whole path where several have its name.
  title(index) {
    const image = this.images[index];
    const { name } = image;
    if (forChecks(image)) return `phantom ${seed(image) - CHECKS} for checks`;
    const alike = this.images.filter((other) => last(other.name) === last(name));
    return alike.length > 1 ? name : last(name);
  }

  #drawSelect() {
    const text = (image, index) => `${this.title(index)} · ${image.shape.join("×")}${image.label === null ? "" : " · labelled"}`;
    $("case").replaceChildren(
      ...this.images.map((image, index) => element("option", { value: String(index), selected: index === this.shown }, text(image, index))),
    );
  }

  #drawPairs() {
    const rows = this.images.map((image, index) => {
      const option = (at) => element("option", { value: String(at), selected: at === image.label }, this.labels[at].name);
      const none = () => element("option", { value: "" }, "no label map");
      const select = element("select", { "aria-label": `Label map of ${image.name}` }, none(), image.label === null ? null : option(image.label));
      // All of them where somebody chooses: of a thousand scans with label maps there would be a million.
      const occasions = ["pointerdown", "focus"];
      const fill = () => {
        for (const event of occasions) select.removeEventListener(event, fill);
        const { value } = select;
        select.replaceChildren(none(), ...this.labels.map((_, at) => option(at)));
        select.value = value;
      };
      for (const event of occasions) select.addEventListener(event, fill);
      select.addEventListener("change", () => {
        const label = select.value === "" ? null : Number(select.value);
        this.#paired.set(image.name, label === null ? null : this.labels[label].name);
        this.pair(index, label);
      });
      const problem = image.label_problem && element("div", { className: "problem", role: "status" }, image.label_problem);
      return element("tr", {}, element("td", {}, image.name, problem || null), element("td", {}, select));
    });
    replace($("pair-list"), element("div", { className: "scroll" }, element("table", { className: "cases" }, ...rows)));
    if (this.images.some((image) => image.label_problem)) $("pairs").open = true;
  }

  // The pairs that the user chose, as far as their files are at hand.
  paired() {
    const place = (files, name) => files.findIndex((file) => file.name === name);
    return [...this.#paired]
      .map(([image, label]) => [place(this.images, image), label === null ? null : place(this.labels, label)])
      .filter(([image, label]) => image >= 0 && label !== -1);
  }

  // Cases that can be used in a stage of training.
  #usable(stage) {
    return this.images.map((_, index) => index).filter((index) => stage === "pretrain" || this.images[index].label !== null);
  }

  drawChoice() {
    const stage = document.querySelector("input[name=stage]:checked").value;
    const usable = this.#usable(stage);
    this.#uses = proposed(this.images, this.listed, usable);
    const use = (index, as) => (as ? this.#uses.set(index, as) : this.#uses.delete(index));
    for (const index of usable) {
      const chosen = this.#chosen.get(this.images[index].name);
      if (chosen !== undefined) use(index, chosen);
    }
    const rows = usable.map((index) => {
      const options = [["learn", "learn from"], ["check", "check with"], ["", "leave out"]].map(([value, text]) =>
        element("option", { value, selected: (this.#uses.get(index) ?? "") === value }, text));
      const select = element("select", { "aria-label": `Use of ${this.images[index].name}` }, ...options);
      select.addEventListener("change", () => {
        this.#chosen.set(this.images[index].name, select.value);
        use(index, select.value);
        this.changed();
      });
      return element("tr", {}, element("td", {}, this.title(index)), element("td", {}, select));
    });
    const empty = stage === "pretrain" ? "Open scans to learn from." : "Open scans with label maps to learn from, or make phantoms.";
    replace(
      $("choice"),
      usable.length
        ? element("div", { className: "scroll" }, element("table", { className: "cases" }, ...rows))
        : element("p", { className: "quiet" }, empty),
    );
    this.changed();
  }

  // Names of the classes, where what gives them is about all of these images: those of other scans would be wrong.
  namesOf(images) {
    return images.every((index) => this.named[index]) ? this.names : [];
  }

  // Indices of the cases to learn from and to check with; without any of those, the same ones.
  used() {
    const of = (use) => [...this.#uses].filter(([, is]) => is === use).map(([index]) => index).sort((a, b) => a - b);
    const training = of("learn");
    const validation = of("check");
    return { training, validation: validation.length ? validation : training };
  }
}
