// Phantoms: the one that the page begins with, and those to learn from and to check with.

import { CHECKS } from "./uses.js";

// A patient the bundled network never saw.
const FIRST = 2026;
// Seeds of phantoms for training and for checks: those of the native program.
const SEEDS = { training: 123, validation: CHECKS + 123 };

export class Phantoms {
  // Names of what is in them.
  organs = [];
  #client;
  #cases;
  #display;
  // Seeds of those that were made beside the first, for a worker that is started anew.
  #made = new Set();

  constructor(client, cases, display) {
    this.#client = client;
    this.#cases = cases;
    this.#display = display;
  }

  // Makes the first one and shows it.
  async begin() {
    const answer = await this.#client.call("phantom", { seed: FIRST });
    this.organs = answer.classes;
    this.#cases.update(answer);
    await this.#display.show(answer.image);
  }

  async more() {
    const have = this.#cases.images.filter(({ phantom }) => phantom).length - 1;
    const [training, validation] = have < 1 ? [4, 1] : [Math.max(4, have), 0];
    for (let n = 0; n < training; n++) await this.#add(SEEDS.training + (have < 1 ? 0 : have - 1) + n);
    for (let n = 0; n < validation; n++) await this.#add(SEEDS.validation + n);
  }

  // Makes for a worker that is started anew what the one before had.
  async again() {
    for (const seed of this.#made) await this.#add(seed);
  }

  async #add(seed) {
    this.#cases.update(await this.#client.call("phantom", { seed }));
    this.#made.add(seed);
  }
}
