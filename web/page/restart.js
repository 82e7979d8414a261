// The worker or its device is gone: a new one is started, given what was opened, and goes on from the last autosave.

import { say, sayMore } from "./banner.js";
import { occupy } from "./busy.js";
import { wanted } from "./device.js";
import { element } from "./dom.js";

export class Restart {
  // How many there were, whether a training shall go on after one, and whether a run is lost that the browser did not keep.
  #count = 0;
  #goOn = false;
  #lost = false;

  // `reopen()` starts a worker that knows what the old one was given.
  constructor(deaths, training, kept, networks, intake, reopen) {
    Object.assign(this, { deaths, training, kept, networks, intake, reopen });
  }

  // `reason` it is gone; `again`, whether a training shall go on.
  async after(reason, again = this.training.running && !this.training.halting) {
    this.#goOn ||= again;
    const hopeless = this.deaths.count(this.#goOn);
    const mine = ++this.#count;
    // Drivers add pages of their own.
    const why = reason.split("\n")[0].replace(/[.:]$/, "");
    const advice = `It stopped several times: reload the page${this.#goOn ? " and choose smaller crops" : ""}.`;
    say(`The computing part stopped: ${why}. ${hopeless ? advice : "It is being started anew…"}`);
    this.#lost = this.training.reset() || this.#lost;
    // Before the kept training goes on or is offered, nothing may take its place.
    occupy("restart", hopeless ? "" : "The computing part is being started anew: wait a moment.");
    if (hopeless) return offerProcessor();
    let goesOn = false;
    try {
      const told = `The computing part stopped (${why}) and was started anew`;
      const recovered = this.reopen().then(() => this.#recover(told));
      this.intake.after(recovered);
      goesOn = await recovered;
    } catch (error) {
      // Another death, and another restart.
      if (mine !== this.#count) return;
      const remedy = /reload/.test(error.message) ? "" : " Reload the page.";
      say(`The computing part cannot be started again: ${error.message}.${remedy}`);
    }
    if (mine === this.#count) occupy("restart", "");
    if (goesOn) await this.training.goOn();
  }

  // Brings back the training that is kept, or offers it; `told` is what happened. Tells whether it shall go on.
  async #recover(told) {
    const run = await this.kept.find();
    if (!this.#goOn || !run) {
      await this.kept.offer(run);
      const unsaved = this.#goOn ? " Nothing of the training was saved yet: start it again, perhaps with smaller crops." : "";
      const lost = this.#lost ? " The run at hand was not kept: open it again." : unsaved;
      this.#goOn = this.#lost = false;
      say(`${told}.${lost}${this.networks.lost(run)}`);
      return false;
    }
    this.#goOn = this.#lost = false;
    let found;
    try {
      found = await this.kept.bringBack();
    } catch (error) {
      if (error.dead) throw error;
      await this.kept.offer(run);
      say(`${told}. ${error.message}${this.networks.lost(run)}`);
      return false;
    }
    if (found.missing.length) {
      sayMore(this.networks.lost(run, true));
      return false;
    }
    say(`${told}; training goes on from the last autosave. If this happens again, choose smaller crops.${this.networks.lost(run, true)}`);
    return true;
  }
}

function offerProcessor() {
  if (wanted === "cpu") return;
  const address = new URL(location.href);
  address.searchParams.set("device", "cpu");
  sayMore(" ", element("a", { href: address.href }, "Or open it on the processor, without the graphics processor."));
}
