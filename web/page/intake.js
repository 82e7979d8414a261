// Files that the user opens: scans with their label maps and lists, weights, a run. What was taken in is remembered for a
// worker that is started anew.

import { occupied, occupy } from "./busy.js";
import { $, bytes } from "./dom.js";
import * as files from "./files.js";
import { clear, refuse } from "./refused.js";

// Bytes of files that the worker can hold: WebAssembly addresses 4 GB, and prepared scans and networks need the rest.
const MOST = 2.5 * 2 ** 30;
const FULL = `the page holds files of ${bytes(MOST)} together at most`;
const LARGE = `a page can hold no file of ${bytes(files.TOO_LARGE)} or more: use the native program`;
const isLarge = ({ file }) => file.size >= files.TOO_LARGE;
const WITHOUT = "not read, for the run that came with it is not";

const isList = ({ path }) => path.toLowerCase().endsWith(".json");
// What a run calls its list of cases.
const isDataset = ({ path }) => path.split("/").at(-1) === "dataset.json";

export class Intake {
  #client;
  #cases;
  #display;
  #networks;
  // Scans, label maps and lists that the worker has.
  #opened = [];
  // One drop after the other, and none before the worker has what the page begins with.
  #taking = Promise.resolve();
  #worker = Promise.resolve();
  // The file that the worker reads.
  #reading = null;

  // `mayReplace()` asks whether a run may take the place of another; `atHand(found)` shows the one that did; `closed()` is
  // told when the worker let go of all scans.
  constructor(client, cases, display, networks, { mayReplace, atHand, closed }) {
    this.#client = client;
    this.#cases = cases;
    this.#display = display;
    this.#networks = networks;
    Object.assign(this, { mayReplace, atHand, closed });
  }

  // A worker is started: files wait for this promise.
  after(worker) {
    this.#worker = worker;
  }

  // Takes in whatever was dropped or chosen.
  take(list) {
    return this.#next(() => this.#take(files.sorted(list)));
  }

  // Lets go of all scans, label maps and lists.
  close() {
    return this.#next(() => this.#close());
  }

  #next(task) {
    this.#taking = this.#taking.catch(() => {}).then(() => this.#started()).then(task);
    return this.#taking;
  }

  async #started() {
    const worker = this.#worker;
    try {
      await worker;
    } catch (error) {
      // Another one may be on its way in the place of one that stopped.
      if (worker === this.#worker) throw new Error("The computing part is not there: reload the page.", { cause: error });
      await this.#started();
    }
  }

  async #take({ run, weights, settings, cases: scans, left }) {
    clear();
    const refused = run && this.#refusal(run, weights);
    if (refused) refuse(...refused);
    for (const { path, why } of left) refuse(path, why);
    if (refused || (run && !this.mayReplace())) {
      for (const { path } of scans) refuse(path, WITHOUT);
      return;
    }
    try {
      const list = (run ?? []).find(isDataset) ?? scans.find(isDataset) ?? scans.find(isList);
      for (const weight of weights) await this.#use(weight, settings, list);
      if (scans.length) await this.#add(scans);
      if (run) await this.#load(run);
    } catch (error) {
      if (error.dead && this.#reading) {
        refuse(this.#reading, "the computing part stopped while reading it, and what came after it was not read");
        $("place").textContent = "";
      }
      throw error;
    } finally {
      this.#reading = null;
    }
  }

  // Which file of a run that cannot be read is to be named, and why it cannot. `weights` come with it.
  #refusal(run, weights) {
    const [{ path }] = run;
    if (occupied()) return [path, `not read: ${occupied()}`];
    const large = run.find(isLarge);
    if (large) return [large.path, `nothing of this run is read, for ${LARGE}`];
    const needed = weights.reduce((sum, weight) => sum + files.weighed(weight), files.needed(run));
    if (this.#held() + needed <= MOST) return null;
    const remedy = needed > MOST ? "go on with it in the native program" : this.#room();
    return [path, `not read: a run of this size needs ${bytes(needed)}, and ${FULL}: ${remedy}`];
  }

  // `list` may name the classes of the weights.
  async #use(weight, settings, list) {
    if (isLarge(weight)) return refuse(weight.path, LARGE);
    const needed = files.weighed(weight);
    // Weights in whose place they come are given up when they are there.
    if (this.#held() + needed > MOST) {
      const remedy = needed > MOST ? "use the native program" : this.#room();
      return refuse(weight.path, `not read: weights of this size need ${bytes(needed)}, and ${FULL}: ${remedy}`);
    }
    this.#reading = weight.path;
    try {
      await this.#networks.use(weight, settings, list);
    } catch (error) {
      if (error.dead) throw error;
      refuse(weight.path, error.message);
    }
    this.#reading = null;
  }

  async #close() {
    if (occupied()) throw new Error(occupied());
    occupy("closing", "Scans are being closed: wait a moment.");
    try {
      await this.#client.call("close_scans");
      this.#opened = [];
      clear();
      await this.closed();
    } finally {
      occupy("closing", "");
    }
  }

  async #load(run) {
    this.#reading = run[0].path;
    const found = await this.#client.call("load_run", { names: run.map(({ path }) => path) }, await files.bytes(run));
    this.#reading = null;
    await this.atHand(found);
  }

  // Gives scans and label maps to the worker, one by one, and shows the first new one. `again`, the worker is a new one.
  // Lists come first: they say what the others are.
  async #add(scans, again = false) {
    const ordered = [...scans.filter(isList), ...scans.filter((scan) => !isList(scan))];
    const first = this.#cases.images.length;
    const renamed = [];
    for (const [index, scan] of ordered.entries()) {
      $("place").textContent = `Reading file ${index + 1} of ${ordered.length}…`;
      if (!again) this.#reading = scan.path;
      renamed.push(...(await this.#give(scan, again)));
    }
    this.#reading = null;
    $("place").textContent = "Matching label maps…";
    // Pairs are found when all are there: a single scan and a single label map belong together whatever their names.
    const found = await this.#client.call("pair_new");
    $("place").textContent = "";
    await this.#display.list(found);
    if (this.#cases.images.length > first) await this.#show(first, again);
    if (!again) this.#tellUnused(renamed);
  }

  // A worker that is started anew is of use without a picture of its first scan.
  async #show(index, again) {
    try {
      await this.#display.show(index);
    } catch (error) {
      if (!again || error.dead) throw error;
      refuse(this.#cases.images[index].name, `it cannot be shown: ${error.message}`);
    }
  }

  // Whether the worker has files that were opened here.
  get holds() {
    return this.#opened.length > 0;
  }

  // What makes room. Closing scans makes none that weights take.
  #room() {
    const scans = this.#opened.length > 0;
    return scans ? "press Close all scans first, or reload the page" : "reload the page first, which lets go of the weights";
  }

  // Bytes of the files that the worker has.
  #held() {
    return this.#opened.reduce((sum, { file }) => sum + file.size, this.#networks.held);
  }

  // Gives one file to the worker; the answer is the name it has there, where another file has its own.
  async #give(scan, again) {
    const { path, file } = scan;
    if (isLarge(scan)) return this.#leave(scan, LARGE);
    if (!again && this.#held() + file.size > MOST) {
      return this.#leave(scan, `${FULL}: ${this.#room()}, open fewer, or use the native program`);
    }
    let data;
    try {
      data = await file.arrayBuffer();
    } catch (error) {
      return this.#leave(scan, `the browser cannot read it: ${error.message}`);
    }
    const { refused, classes, known, renamed, doubtful } = await this.#client.call("add_files", { names: [path] }, [data]);
    if (refused.length) return this.#leave(scan, refused[0].why);
    if (isList(scan)) {
      this.#cases.names = classes;
      if (!again) this.#cases.forgetChoices();
    }
    if (!again) for (const { file, why } of doubtful) refuse(file, `taken, but ${why}`);
    // A file that is opened twice counts once.
    const remembered = known.length > 0 && this.#opened.some((other) => other.path === path);
    if (!again && !remembered) this.#opened.push(scan);
    return renamed;
  }

  #leave(scan, why) {
    this.#opened = this.#opened.filter((other) => other !== scan);
    refuse(scan.path, why);
    return [];
  }

  // A label map whose name another one has goes to no scan that has a label map already.
  #tellUnused(renamed) {
    const { images, labels } = this.#cases;
    for (const { file, name } of renamed) {
      const index = labels.findIndex((label) => label.name === name);
      if (index < 0 || images.some((image) => image.label === index)) continue;
      refuse(file, `another ${file} is here already, so this one is called ${name} and is not in use: choose it under Scans and their label maps`);
    }
  }

  // Gives a worker that is started anew what the one before had.
  async again() {
    if (this.#opened.length) await this.#add(this.#opened, true);
  }
}
