// The worker or its device is gone: a new one is started, given what was opened, and goes on from the last autosave.

import { say, sayMore } from "./banner.js";
import { wanted } from "./device.js";
import { element } from "./dom.js";

export class Restart {
  // How many there were, and whether a training shall go on after one.
  #count = 0;
  #goOn = false;

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
    this.training.reset();
    if (hopeless) return offerProcessor();
    try {
      const reopened = this.reopen();
      this.intake.after(reopened);
      await reopened;
      await this.#recover(`The computing part stopped (${why}) and was started anew`);
    } catch (error) {
      // Another death, and another restart.
      if (mine !== this.#count) return;
      const remedy = /reload/.test(error.message) ? "" : " Reload the page.";
      say(`The computing part cannot be started again: ${error.message}.${remedy}`);
    }
  }

  // The training goes on, or what is kept of one is offered; `told` is what happened.
  async #recover(told) {
    const run = await this.kept.find();
    if (!this.#goOn || !run) {
      await this.kept.offer(run);
      const lost = this.#goOn ? " Nothing of the training was saved yet: start it again, perhaps with smaller crops." : "";
      this.#goOn = false;
      return say(`${told}.${lost}${this.networks.lost(run)}`);
    }
    this.#goOn = false;
    let found;
    try {
      found = await this.kept.bringBack();
    } catch (error) {
      if (error.dead) throw error;
      await this.kept.offer(run);
      return say(`${told}. ${error.message}${this.networks.lost(run)}`);
    }
    if (found.missing.length) return sayMore(this.networks.lost(run, true));
    say(`${told}; training goes on from the last autosave. If this happens again, choose smaller crops.${this.networks.lost(run, true)}`);
    await this.training.goOn();
  }
}

function offerProcessor() {
  if (wanted === "cpu") return;
  const address = new URL(location.href);
  address.searchParams.set("device", "cpu");
  sayMore(" ", element("a", { href: address.href }, "Or open it on the processor, without the graphics processor."));
}
