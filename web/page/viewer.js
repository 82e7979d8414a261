// The viewer: NiiVue with three planes and a 3D view, label overlay, windows and crosshair.

import { Niivue, NVImage, SLICE_TYPE, SHOW_RENDER } from "@niivue/niivue";

const VIEWS = {
  all: SLICE_TYPE.MULTIPLANAR,
  axial: SLICE_TYPE.AXIAL,
  coronal: SLICE_TYPE.CORONAL,
  sagittal: SLICE_TYPE.SAGITTAL,
  "3d": SLICE_TYPE.RENDER,
};

// In voxels.
const CROSSHAIR = 0.3;
// By key, in voxels of the image: right, front, head.
const MOVES = {
  ArrowLeft: [1, 0, 0],
  ArrowRight: [-1, 0, 0],
  ArrowUp: [0, 1, 0],
  ArrowDown: [0, -1, 0],
  PageUp: [0, 0, 1],
  PageDown: [0, 0, -1],
};

// Lowest and highest HU shown.
export const WINDOWS = {
  "Soft tissue": [-160, 240],
  Liver: [-20, 180],
  Lung: [-1350, 150],
  Bone: [-450, 1050],
  Brain: [0, 80],
};

export class Viewer {
  #nv;
  #image = null;
  #overlay = null;
  #opacity = 0.5;
  #colours = new Map();
  #lookup = null;
  #view = VIEWS.all;

  // `onPlace(place)` for where the crosshair is, `onMove()` where a key moved it; `onPicture(why)` for why there is no
  // picture, or "" where there is one.
  constructor(canvas, { onPlace, onMove, onPicture }) {
    this.#nv = new Niivue({
      dragAndDropEnabled: false,
      isColorbar: false,
      isResizeCanvas: true,
      show3Dcrosshair: true,
      isOrientCube: false,
      isRadiologicalConvention: true,
      multiplanarShowRender: SHOW_RENDER.ALWAYS,
      crosshairWidth: CROSSHAIR,
      crosshairColor: [0.35, 0.75, 1, 0.9],
      backColor: [0, 0, 0, 1],
      fontColor: [0.75, 0.78, 0.82, 1],
      fontMinPx: 11,
      loadingText: "",
      logLevel: "error",
    });
    this.#nv.onLocationChange = (place) => onPlace(this.#described(place));
    this.canvas = canvas;
    this.onPicture = onPicture;
    this.#survive();
    this.#obey(onMove);
  }

  // Keys belong to the page: none reaches the canvas, where NiiVue has many of its own.
  #obey(onMove) {
    const heard = (event) => {
      event.stopPropagation();
      const move = event.type === "keydown" && MOVES[event.key];
      // With one of these a key is the browser's.
      if (!move || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      // What was never drawn has no crosshair.
      if (this.#nv.volumeObject3D) this.#nv.moveCrosshairInVox(...move);
      onMove();
    };
    for (const kind of ["keydown", "keyup"]) this.canvas.parentElement.addEventListener(kind, heard, { capture: true });
  }

  // Begins to draw; where the browser cannot, only the picture is missing.
  async begin() {
    try {
      await this.attach();
    } catch (error) {
      console.info(`The viewer cannot draw: ${error.message}`);
      this.#rest("No picture: this browser gives no WebGL2. Segmenting and training work all the same.");
    }
  }

  // `again`, NiiVue listens to the canvas already: twice, every turn of the wheel would count twice.
  async attach(again = false) {
    const { interactive, isResizeCanvas } = this.#nv.opts;
    if (again) Object.assign(this.#nv.opts, { interactive: false, isResizeCanvas: false });
    await this.#nv.attachToCanvas(this.canvas);
    Object.assign(this.#nv.opts, { interactive, isResizeCanvas });
    this.#nv.setSliceType(this.#view);
  }

  // Nothing can be drawn, and every attempt would be an error.
  #rest(why) {
    this.#nv.drawScene = () => {};
    this.#nv.updateGLVolume = () => {};
    this.onPicture(why);
  }

  // A browser short of graphics memory takes the canvas's context away, and may give it back.
  #survive() {
    this.canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      this.#rest("No picture for now: the browser took the graphics memory away, and may give it back. Segmenting and training go on.");
    });
    this.canvas.addEventListener("webglcontextrestored", async () => {
      delete this.#nv.drawScene;
      delete this.#nv.updateGLVolume;
      await this.attach(true);
      if (this.#image) this.#nv.updateGLVolume();
      this.onPicture("");
    });
  }

  // Shows an image of plain NIfTI bytes in a window of intensities, or in its own range.
  async show(bytes, window) {
    for (const volume of [...this.#nv.volumes]) this.#nv.removeVolume(volume);
    this.#overlay = null;
    const image = await NVImage.new(bytes, "image.nii", "gray", 1, null, ...(window ?? [NaN, NaN]));
    this.#nv.addVolume(image);
    this.#image = image;
    if (window) this.setWindow(window);
    this.#locate();
  }

  get range() {
    return this.#image ? [this.#image.cal_min, this.#image.cal_max] : null;
  }

  setWindow([low, high]) {
    if (!this.#image) return;
    this.#image.cal_min = low;
    this.#image.cal_max = high;
    this.#nv.updateGLVolume();
  }

  // Lays a label map over the image; `classes` are lines of the legend, `hidden` the names of those that are not shown.
  async overlay(bytes, classes, hidden) {
    this.clearOverlay();
    if (!bytes || !this.#image) return;
    const labels = await NVImage.new(bytes, "labels.nii", "gray", this.#opacity);
    this.#lookup = classes;
    this.#colours = new Map(classes.map((line) => [line.label, !hidden.has(line.name)]));
    labels.setColormapLabel(this.#colormap());
    this.#nv.addVolume(labels);
    this.#overlay = labels;
    this.#locate();
  }

  clearOverlay() {
    if (!this.#overlay) return;
    this.#nv.removeVolume(this.#overlay);
    this.#overlay = null;
    this.#locate();
  }

  // Tells anew what lies under the crosshair; what was never drawn has none.
  #locate() {
    if (this.#nv.volumeObject3D) this.#nv.createOnLocationChange();
  }

  // Shows or hides one class of the overlay.
  toggle(label, shown) {
    this.#colours.set(label, shown);
    if (!this.#overlay) return;
    this.#overlay.setColormapLabel(this.#colormap());
    this.#nv.updateGLVolume();
  }

  #colormap() {
    // Two entries below the background, which no voxel has: NiiVue lifts every place in a map to 2/256 of its length at
    // least, and of 64 structures or more the first would cover the whole background.
    const map = { R: [0, 0], G: [0, 0], B: [0, 0], A: [0, 0], I: [-2, 0], labels: ["", ""] };
    for (const { label, colour, name } of this.#lookup) {
      map.R.push(colour[0]);
      map.G.push(colour[1]);
      map.B.push(colour[2]);
      map.A.push(this.#colours.get(label) ? 255 : 0);
      map.I.push(label);
      map.labels.push(name);
    }
    return map;
  }

  setOpacity(share) {
    this.#opacity = share;
    if (this.#overlay) this.#nv.setOpacity(this.#nv.volumes.indexOf(this.#overlay), share);
  }

  setView(name) {
    this.#view = VIEWS[name];
    this.#nv.setSliceType(this.#view);
  }

  setCrosshair(shown) {
    this.#nv.setCrosshairWidth(shown ? CROSSHAIR : 0);
    this.#nv.opts.show3Dcrosshair = shown;
    this.#nv.drawScene();
  }

  resize() {
    this.#nv.resizeListener?.();
    this.#nv.drawScene();
  }

  // A PNG of what is seen.
  picture() {
    this.#nv.drawScene();
    return new Promise((resolve) => this.canvas.toBlob(resolve, "image/png"));
  }

  #described(place) {
    const value = place.values?.[0]?.value;
    const label = place.values?.[1]?.value;
    const found = this.#lookup?.find((line) => line.label === Math.round(label));
    return { mm: [...place.mm].slice(0, 3), value, name: found?.name };
  }
}
