// Speaks with the worker: questions with answers, events, and what happens when it ends.

export class Client {
  #worker = null;
  #waiting = new Map();
  #next = 1;

  // `onEvent(event, buffers)` for what the worker tells unasked; `onDeath(why)` when it cannot go on.
  constructor(onEvent, onDeath) {
    this.onEvent = onEvent;
    this.onDeath = onDeath;
  }

  // Starts the worker, or a new one in the place of the old; resolves when it can be spoken to.
  start() {
    this.#worker?.terminate();
    for (const { reject } of this.#waiting.values()) reject(new Error("the worker was started anew"));
    this.#waiting.clear();
    const worker = new Worker(new URL("worker_start.js", document.baseURI), { type: "module" });
    this.#worker = worker;
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => {
        // What a worker said before it was replaced may come late.
        if (worker === this.#worker) this.#received(JSON.parse(data.text), data.buffers, resolve);
      };
      worker.onerror = (event) => {
        const why = event.message || "the program could not be loaded";
        reject(new Error(why));
        this.#died(worker, why);
      };
    });
  }

  // Asks; the answer is what the worker says, with `buffers` where there are any.
  call(kind, fields = {}, buffers = []) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ text: JSON.stringify({ id, kind, ...fields }), buffers }, buffers);
    });
  }

  #received(message, buffers, ready) {
    const { event, id, ok, error, device } = message;
    if (event?.kind === "ready") return ready(event);
    if (event?.kind === "fatal") return this.#died(this.#worker, event.why);
    if (event) return this.onEvent(event, buffers);
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) return waiting?.resolve({ ...ok, buffers });
    waiting?.reject(Object.assign(new Error(error), { device }));
  }

  #died(worker, why) {
    if (worker !== this.#worker) return;
    worker.terminate();
    this.#worker = null;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(Object.assign(new Error(why), { dead: true }));
    this.onDeath(why);
  }
}
