// The training that the browser keeps: offered, brought back, removed.

import { say } from "./banner.js";
import { occupied, occupy } from "./busy.js";
import { $ } from "./dom.js";
import { described, hold } from "./offer.js";
import { announce } from "./train_state.js";
import { ifNobodyTrains } from "./training_lock.js";

export class Kept {
  #client;
  #training;
  #atHand;
  // Whether it is being brought back.
  #reading = false;

  // `atHand(found)` shows a run; `attempt(task)` is a task of the user's that tells what goes wrong.
  constructor(client, training, { atHand, attempt }) {
    this.#client = client;
    this.#training = training;
    this.#atHand = atHand;
    this.restore = attempt(() => this.#restore());
    this.forget = attempt(() => this.#forget());
  }

  // What is kept, null for nothing.
  async find() {
    const { run } = await this.#client.call("stored");
    return run;
  }

  // Offers what was found; where that is nothing, what is left of a training is removed.
  async offer(run) {
    if (run) this.#training.offer(run, this.restore, this.forget);
    else await this.#tidy();
  }

  // Has the training at hand that is kept, unless another tab goes on with it.
  bringBack() {
    return this.#training.alone(async () => {
      const kept = await this.find();
      const found = await this.#client.call("restore");
      await this.#atHand({ ...found, stored: true, when: kept?.when });
      return found;
    });
  }

  async #restore() {
    // Pressed twice.
    if (this.#reading) return;
    if (occupied()) throw new Error(occupied());
    this.#reads(true);
    announce("Reading the kept training…");
    let found;
    try {
      found = await this.bringBack();
    } catch (error) {
      announce("");
      throw error;
    } finally {
      this.#reads(false);
    }
    if (found.missing.length) $("continue").focus();
    else await this.#training.goOn();
  }

  #reads(on) {
    this.#reading = on;
    occupy("restore", on ? "The kept training is being read: wait a moment." : "");
    hold(on);
  }

  async #forget() {
    if (occupied()) throw new Error(occupied());
    occupy("forget", "The kept training is being removed: wait a moment.");
    try {
      const run = await this.find();
      if (run && !confirm(`Remove the ${described(run)}, from this browser? It cannot be brought back.`)) return;
      const left = await this.#training.forget(run);
      say(`Removed: the browser keeps no training of this page.${left ? " What is paused can go on, but is not kept." : ""}`);
    } finally {
      occupy("forget", "");
    }
  }

  // Removes the scans of a training that came to no copy it could go on from; not while another tab may be at its first
  // steps, which holds the lock.
  async #tidy() {
    try {
      await ifNobodyTrains(async () => {
        // Anew: another tab may have been reading when this one asked.
        if (!(await this.find())) await this.#client.call("forget");
      });
    } catch (error) {
      console.info(`Nothing was removed from the browser's storage: ${error.message}`);
    }
  }
}
