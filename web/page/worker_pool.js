// The worker's own workers: on the processor each computes windows of a segmentation with a copy of the network, for
// WebAssembly has one thread. worker_start.js puts it where the program finds it.

import { Client } from "./client.js";

// More gain little, and each holds the program and a network; phones have less to give.
const MOST = (navigator.deviceMemory ?? 8) > 4 ? 8 : 4;
// Of all copies of the network.
const MOST_BYTES = 2 ** 29;

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

  // Gives members a network in the place of the one they have: a copy of the weights to each, as many as fit.
  load(settings, weights) {
    this.#network += 1;
    const most = Math.floor(MOST_BYTES / weights.length);
    const takes = most < 2 ? 0 : most;
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
  // Whether it has the network, and windows it was asked for.
  holds = false;
  waiting = 0;
  #client;

  constructor(version, address) {
    const gone = () => (this.holds = false);
    this.#client = new Client(() => {}, gone, version, () => new Worker(address, { type: "module" }));
  }

  // Whether it could be started.
  async start() {
    try {
      await this.#client.start();
      await this.#client.call("open", { device: "cpu" });
      return true;
    } catch {
      return false;
    }
  }

  async load(settings, weights) {
    this.holds = false;
    if (!weights) return;
    try {
      await this.#client.call("use_model", { name: "network", settings, classes: [] }, [weights.buffer]);
      this.holds = true;
    } catch {
      // The others do without it.
    }
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
