// The worker's own workers: on the processor each computes windows of a segmentation with a copy of the network, for
// WebAssembly has one thread. worker_start.js puts it where the program finds it.

import { Client } from "./client.js";

// GiB of the machine; browsers tell up to 8, some nothing.
const MEMORY = navigator.deviceMemory ?? 4;
// More gain little.
const MOST = 8;
// Of the memory, for all of them together.
const SHARE = 0.25;
// Milliseconds until one that does not answer is done without. On a slow machine all compile the program at once.
const PATIENCE = 60_000;

export class WorkerPool {
  #members = [];
  // Counts networks: a segmentation goes on with the one it began with.
  #network = 0;
  // Settles when every member holds the present network or is left out.
  #loaded = Promise.resolve();

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
    const room = Math.floor((SHARE * MEMORY * 2 ** 30) / bytes);
    // One alone is no faster than none.
    const takes = room < 2 ? 0 : room;
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

  #useful() {
    return this.#members.filter(({ holds }) => holds);
  }
}

class Member {
  // Whether it has the present network, and windows it was asked for.
  holds = false;
  waiting = 0;
  #client;
  // Networks it was given.
  #loads = 0;

  constructor(version, address) {
    const make = () => {
      const worker = new Worker(address, { type: "module" });
      // What breaks here breaks nothing else: browsers would tell the worker above, and the page then ends that one.
      worker.addEventListener("error", (event) => event.preventDefault());
      return worker;
    };
    this.#client = new Client(() => {}, () => (this.holds = false), version, make);
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

  // Whether it does a task within patience; one that does not is ended.
  async #does(task) {
    let timer;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, PATIENCE, false)));
    const done = await Promise.race([task().then(() => true, () => false), late]);
    clearTimeout(timer);
    if (!done) this.#client.end();
    return done;
  }

  async window(mirror, input) {
    this.waiting += 1;
    try {
      return new Uint8Array((await this.#client.call("window", { mirror }, [input])).buffers[0]);
    } catch {
      this.holds = false;
      return null;
    } finally {
      this.waiting -= 1;
    }
  }
}
