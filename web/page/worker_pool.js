// The worker's own workers: on the processor each computes windows of a segmentation and its share of a training's steps
// with a copy of the network, for WebAssembly has one thread. worker_start.js puts it where the program finds it.

import { Client } from "./client.js";

// GiB of the machine; browsers tell up to 8, some nothing.
const MEMORY = navigator.deviceMemory ?? 4;
// More gain little.
const MOST = 8;
// Of the memory, for the networks of all of them together, and again for those that are trained.
const SHARE = 0.25;
// Milliseconds until one that does not answer is done without. On a slow machine all compile the program at once.
const PATIENCE = 60_000;
// The same for a window or its share of a step.
const STEP_PATIENCE = 600_000;

export class WorkerPool {
  #members = [];
  // Counts networks: a segmentation goes on with the one it began with.
  #network = 0;
  // Settles when every member holds the present network or is left out.
  #loaded = Promise.resolve();
  // Members with a copy of the network that is trained.
  #replicas = [];

  // `version` is that of the program, `address` that of its first script.
  constructor(version, address) {
    this.version = version;
    this.address = address;
  }

  // Starts as many as the machine has processors, none where that is one; resolves when they can be spoken to.
  async start() {
    const count = Math.min(navigator.hardwareConcurrency ?? 1, MOST);
    if (count < 2 || this.#members.length || !self.Worker) return;
    const members = Array.from({ length: count }, () => new Member(this.version, this.address));
    const started = await Promise.all(members.map((member) => member.start()));
    this.#members = members.filter((_, at) => started[at]);
  }

  // Gives members a network in the place of the one they have: a copy of the weights to each, to as many as may need
  // `bytes` of memory.
  load(settings, weights, bytes) {
    this.#network += 1;
    const takes = room(bytes);
    this.#loaded = Promise.all(this.#members.map((member, at) => member.load(settings, at < takes ? weights.slice() : null)));
  }

  // The number of the present network.
  number() {
    return this.#network;
  }

  // Members that hold it, once all have it.
  async size() {
    await this.#loaded;
    return this.#useful().length;
  }

  // The logits of a window by network `network` as bytes, or null where nobody has them.
  window(network, mirror, input) {
    if (network !== this.#network) return Promise.resolve(null);
    const [idlest] = this.#useful().sort((a, b) => a.waiting - b.waiting);
    return idlest ? idlest.window(mirror, input.slice().buffer) : Promise.resolve(null);
  }

  // Has as many members as may need `bytes` of memory copy the network of a training with these settings.
  async replicate(stage, settings, bytes) {
    const members = this.#members.filter(({ dead }) => !dead).slice(0, room(bytes));
    await Promise.all(members.map((member) => member.replicate(stage, settings)));
    this.#replicas = members;
  }

  // Ends that.
  dismiss() {
    for (const member of this.#members) member.dismiss();
    this.#replicas = [];
  }

  // Copies there are, without those that failed; they are numbered until this is asked again.
  replicas() {
    this.#replicas = this.#replicas.filter(({ replicates }) => replicates);
    return this.#replicas.length;
  }

  // Gives copy `at` weights.
  takeWeights(at, weights) {
    this.#replicas[at].ask("take_weights", {}, weights);
  }

  // What copy `at` makes of samples, or null.
  async forward(at, tracked, samples) {
    const answer = await this.#replicas[at].ask("forward", { tracked }, samples);
    return answer && new Uint8Array(answer.buffers[0]);
  }

  // Its gradients for those of what it made, with their names and sizes in JSON, or null.
  async backward(at, outputs) {
    const answer = await this.#replicas[at].ask("backward", {}, outputs);
    return answer && [JSON.stringify(answer.parameters), new Uint8Array(answer.buffers[0])];
  }

  #useful() {
    return this.#members.filter(({ holds }) => holds);
  }
}

// How many members may need `bytes` of memory each; one alone is no faster than none.
function room(bytes) {
  const members = Math.floor((SHARE * MEMORY * 2 ** 30) / bytes);
  return members < 2 ? 0 : members;
}

class Member {
  // Whether it has the present network, and windows it was asked for.
  holds = false;
  waiting = 0;
  // Whether it has a copy of the network that is trained.
  replicates = false;
  // It answers no more.
  dead = false;
  #client;
  // Settles when what it was asked last is answered.
  #last = Promise.resolve();
  // Networks it was given.
  #loads = 0;

  constructor(version, address) {
    const make = () => {
      const worker = new Worker(address, { type: "module" });
      // What breaks here breaks nothing else: browsers would tell the worker above, and the page then ends that one.
      worker.addEventListener("error", (event) => event.preventDefault());
      return worker;
    };
    this.#client = new Client(() => {}, () => this.#died(), version, make);
  }

  // Whether it could be started.
  async start() {
    return this.#does(async () => {
      await this.#client.start();
      await this.#client.call("open", { device: "cpu" });
    });
  }

  // `weights` are null where there is no room for it.
  async load(settings, weights) {
    const mine = ++this.#loads;
    this.holds = false;
    if (!weights) return;
    const took = await this.#does(() => this.#client.call("use_model", { name: "network", settings, classes: [] }, [weights.buffer]));
    // It may have been given another meanwhile.
    if (mine === this.#loads) this.holds = took;
  }

  #died() {
    this.dead = true;
    this.holds = this.replicates = false;
  }

  // Whether it does a task within patience, once it is done with those before; one that does not is ended.
  async #does(task) {
    await this.#last.catch(() => {});
    const done = await this.#within(PATIENCE, task()).then(() => true, () => false);
    if (!done) this.#client.end();
    return done;
  }

  // The answer to a question; a member that does not give it in time is ended.
  async #within(patience, answer) {
    const timer = setTimeout(() => this.#client.end(), patience);
    this.#last = answer;
    try {
      return await answer;
    } finally {
      clearTimeout(timer);
    }
  }

  async replicate(stage, settings) {
    this.replicates = false;
    this.replicates = await this.#does(() => this.#client.call("replicate", { stage, settings }));
  }

  // It has no copy any more.
  dismiss() {
    this.replicates = false;
    if (this.dead) return;
    this.#client.call("dismiss").catch(() => {});
  }

  // The answer about its copy to a question with bytes, or null.
  async ask(kind, fields, bytes) {
    try {
      const answer = await this.#within(STEP_PATIENCE, this.#client.call(kind, fields, [bytes.slice().buffer]));
      // Not with weights that it did not take.
      return this.replicates ? answer : null;
    } catch (error) {
      console.error(`a worker of the worker does not train any more: ${error.message}`);
      this.replicates = false;
      return null;
    }
  }

  async window(mirror, input) {
    this.waiting += 1;
    try {
      const answer = await this.#within(STEP_PATIENCE, this.#client.call("window", { mirror }, [input]));
      return new Uint8Array(answer.buffers[0]);
    } catch {
      this.holds = false;
      return null;
    } finally {
      this.waiting -= 1;
    }
  }
}
