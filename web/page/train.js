// The training panel: start and stop, live curves, time left.

import { say } from "./banner.js";
import { occupy } from "./busy.js";
import { $, enable } from "./dom.js";
import { Curves, records } from "./curves.js";
import { announce, checked, checking, ended, stepped } from "./train_state.js";
import { TrainingLock } from "./training_lock.js";
import * as offer from "./offer.js";

// The worker's words (web/worker/training.rs).
const UNBEGUN = "stopped before the first step";

export class Training {
  running = false;
  // Whether it shall end after the step at hand.
  halting = false;
  // The step of the newest copy that the browser keeps of the run at hand; null for none.
  kept = null;
  // The time of the newest copy in the browser's storage that the user knows of, of whatever run; null for none.
  #known = null;
  // Whether there is a run to go on with, here or in the browser's storage.
  #unfinished = false;
  // What an earlier visit left and is offered, in words; false for nothing.
  #offered = false;
  // Whether the run at hand came to something here that the user did not save.
  #unsaved = false;
  // The stage of a run that begins, null for one that goes on; whether the worker gave up the run before for it, and whether
  // it has a checkpoint since.
  anew = null;
  #begun = false;
  #written = false;
  #client;
  #form;
  #lock = new TrainingLock();
  #stage = "finetune";
  #total = 0;

  // `form` has the settings. `done(answer)` takes over what a run left; `preview(event, buffers)` shows a check;
  // `failed(error)` a failure; `offerKept(run)` offers a run that the browser keeps; `holds(file)` tells whether such weights
  // taught here are in use; `deaths` counts those of the worker.
  constructor(client, form, { done, preview, failed, offerKept, holds, deaths }) {
    this.#client = client;
    this.#form = form;
    Object.assign(this, { done, preview, failed, offerKept, holds, deaths });
    this.loss = new Curves($("loss-curve"), "Training loss", { total: "--curve-1" });
    this.score = new Curves($("score-curve"), "Dice of the check", { score: "--curve-3" });
    const presses = { train: () => this.#begin(), pause: () => this.#halt(), continue: () => this.goOn() };
    for (const [id, press] of Object.entries(presses)) {
      $(id).addEventListener("click", () => {
        say("");
        press();
      });
    }
  }

  async #begin() {
    if (!this.mayReplace(this.#form.stage)) return;
    // Browsers may clear what was not asked to stay.
    navigator.storage?.persist?.();
    await this.#run("train", this.#form.request());
  }

  // A new run begins: nothing that is shown is of it.
  #renew() {
    this.deaths.begin();
    $("train-progress").value = 0;
    for (const curves of [this.loss, this.score]) curves.clear();
  }

  // Whether another run, which begins with this stage or comes from elsewhere, may take the place of one that is not done or
  // not saved, or was left by an earlier visit.
  mayReplace(stage = null) {
    // A network is not replaced by a pre-training, nor an encoder by a fine-tuning.
    const stays = stage !== null && stage !== this.#stage && this.holds(this.#weights);
    return offer.mayReplace({ unfinished: this.#unfinished, unsaved: this.#unsaved, stays, offered: this.#offered });
  }

  // The file that the run at hand comes to.
  get #weights() {
    return this.#stage === "pretrain" ? "encoder" : "weights";
  }

  // The user saved a file of this kind: the run, or the weights that it came to.
  saved(file) {
    if (file === "run" || (file === this.#weights && !this.#unfinished)) this.#unsaved = false;
  }

  // Whether steps are lost with the page: the browser keeps none of them.
  get endangered() {
    return this.kept === null && (this.running || this.#unsaved);
  }

  // Asks before a kept run is removed that the user was not asked about: another tab may have left it since, and after a
  // restart nobody has looked yet.
  async #askOfKept(kind) {
    const { run } = await this.#client.call("stored");
    if (!run || run.when === this.#known) return;
    const wish = kind === "train" ? "Start another one" : "Go on with the run at hand";
    if (confirm(`The browser keeps a ${offer.described(run)}. ${wish} and remove it?`)) return;
    if (!this.#unfinished) this.offerKept(run);
    throw new Error(UNBEGUN);
  }

  // Does what another tab must not be training meanwhile; the training is this page's where there is one to go on with then.
  async alone(task) {
    await this.#lock.take();
    try {
      return await task();
    } catch (error) {
      if (!this.#unfinished && !this.running) this.#lock.leave();
      throw error;
    }
  }

  // Goes on with the run at hand.
  async goOn() {
    await this.#run("continue", {});
  }

  // A run that can be gone on with is at hand, from the browser's storage, whose newest copy is of `when`, or from elsewhere.
  atHand({ step, total_steps, stored = false, when = null }) {
    $("resume").hidden = true;
    this.#offered = this.#unsaved = false;
    this.#unfinished = true;
    this.deaths.from(step);
    this.kept = stored ? step : null;
    if (stored) this.#known = when;
    // How many steps there are of a run of epochs whose list of cases is missing is known when it goes on.
    this.#total = total_steps ?? 1;
    this.#advance(total_steps ? step : 0);
    $("train-state").textContent = `At step ${step} of ${total_steps ?? "?"}.`;
    this.#buttons();
  }

  // Nothing is at hand: the worker is a new one. Tells whether a run waited there that the browser does not keep.
  reset() {
    const lost = this.#unfinished && !this.running && this.kept === null;
    this.running = this.halting = this.#unfinished = this.#unsaved = false;
    this.#known = null;
    $("train-state").textContent = "";
    this.#lock.leave();
    this.#buttons();
    return lost;
  }

  // The worker prepares scans. For a new run it gave up what was kept.
  begun() {
    this.#written = false;
    if (!this.anew) return;
    this.#begun = true;
    this.kept = null;
  }

  // An earlier run's numbers, for its curves.
  recall(stage, metrics) {
    this.#titles(stage);
    for (const curves of [this.loss, this.score]) curves.clear();
    for (const record of records(metrics)) {
      this.loss.add("total", record.step, record["train/total"]);
      this.score.add("score", record.step, record["val/dice"] ?? record["val/l1"]);
    }
    $("curves").hidden = false;
  }

  #titles(stage) {
    this.#stage = stage;
    this.score.title = stage === "pretrain" ? "Error of the reconstruction (check)" : "Dice of the check";
  }

  async #run(kind, fields) {
    if (this.running) return;
    this.running = true;
    this.anew = kind === "train" ? fields.stage : null;
    this.#begun = this.halting = false;
    $("resume").hidden = true;
    this.#buttons();
    $("curves").hidden = false;
    announce("Preparing…");
    try {
      await this.#lock.take();
      // What the browser keeps of another run is removed when this one begins.
      if (kind === "train" || this.kept === null) await this.#askOfKept(kind);
      if (this.halting) throw new Error(UNBEGUN);
      if (kind === "train") this.#renew();
      const answer = await this.#client.call(kind, fields);
      this.running = this.#offered = false;
      announce(ended(answer, this.#stage, this.halting));
      this.#unsaved = true;
      this.#unfinished = !answer.complete;
      if (answer.complete) this.#lock.leave();
      this.#buttons();
      this.done(answer);
    } catch (error) {
      this.running = false;
      if (this.#begun) {
        const left = this.#written && !error.dead;
        // Without its device it goes on in another worker, from what the browser keeps.
        this.#unfinished = this.#unsaved = left && !error.device;
        this.#offered = false;
        for (const file of ["run", "metrics"]) enable(file, left);
      }
      if (!this.#unfinished) this.#lock.leave();
      $("resume").hidden = !this.#offered;
      const unbegun = error.message === UNBEGUN;
      const begins = kind === "train" ? "began" : "went on";
      if (unbegun) announce(`Stopped before it ${begins}.`);
      else $("train-state").textContent = "";
      this.#buttons();
      if (!unbegun) this.failed(Object.assign(error, { training: true }));
    }
    this.#form.plan();
  }

  #halt() {
    this.halting = true;
    announce("Pausing after this step…");
    this.#client.call("stop").catch(() => {});
  }

  #buttons() {
    const unfinished = this.#unfinished;
    const focused = document.activeElement;
    occupy("training", this.running ? "A training goes on: pause it first." : "");
    $("train").hidden = this.running;
    $("train-form").disabled = this.running;
    $("pause").hidden = !this.running;
    $("continue").hidden = this.running || !unfinished;
    $("train-progress").hidden = !this.running && !unfinished;
    $("train").textContent = unfinished ? "Start anew" : "Start";
    // Whoever pressed a button that is gone finds the one in its place.
    if (focused?.closest("[hidden]")) ["pause", "continue", "train"].map($).find((button) => !button.hidden)?.focus();
  }

  event(event, buffers) {
    switch (event.kind) {
      case "started":
        this.#titles(event.stage);
        this.#total = event.total_steps;
        this.#advance(event.step);
        $("train-state").textContent = `${(event.parameters / 1e6).toFixed(2)} million weights. First step…`;
        break;
      case "steps":
        for (const { step, losses } of event.steps) this.loss.add("total", step, losses[0][1]);
        this.#advance(event.steps.at(-1).step);
        this.#tell(stepped(event.steps.at(-1), event.estimate, this.#total));
        break;
      case "validating":
        this.#tell(checking(event, this.#total));
        break;
      case "validated": {
        const [, score] = event.values[0];
        this.score.add("score", event.step, score);
        this.preview(event, buffers);
        this.#tell(checked(event, score, this.#stage, this.#total));
        break;
      }
      case "not_saved":
        this.#written = true;
        break;
      case "autosaved":
        this.#written = true;
        $("train-state").dataset.saved = event.step;
        this.deaths.saved(event.step);
        this.kept = event.step;
        this.#known = event.when;
        break;
    }
  }

  #advance(step) {
    $("train-progress").max = this.#total;
    $("train-progress").value = step;
  }

  #tell(state) {
    if (!this.halting) $("train-state").textContent = state;
  }

  // Offers to go on with what an earlier visit left.
  offer(run, restore, forget) {
    this.#known = run.when;
    this.#offered = offer.told(run);
    offer.draw(run, restore, forget);
  }

  // Removes what this visit or an earlier one left, `run`, where there is any. Tells whether there is still a run to go on
  // with, which is not kept.
  async forget(run) {
    await this.alone(() => this.#client.call("forget"));
    // What is paused can still be saved; what is done was given up.
    if (run && this.kept !== null) this.#unsaved &&= this.#unfinished;
    this.kept = null;
    if (!this.#unfinished) this.#lock.leave();
    this.#offered = false;
    $("resume").hidden = true;
    return this.#unfinished;
  }
}
