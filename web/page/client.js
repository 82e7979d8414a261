// Speaks with the worker: questions with answers, events, and what happens when it ends.

// From a blob, so that the page's content-security policy holds in the worker too.
function fromPage() {
  const program = `import ${JSON.stringify(new URL("worker_start.js", document.baseURI).href)};`;
  const blob = URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
  return new Worker(blob, { type: "module" });
}

export class Client {
  #worker = null;
  #waiting = new Map();
  #next = 1;
  // Settles when the worker listens: messages before that would be lost.
  #ready = null;
  #refuse = null;

  // `onEvent(event, buffers)` for what the worker tells unasked; `onDeath(why)` when it cannot go on. `version` is that of
  // the program the page was made for, where there is only one; `make()` gives a worker that begins with worker_start.js.
  constructor(onEvent, onDeath, version = null, make = fromPage) {
    this.onEvent = onEvent;
    this.onDeath = onDeath;
    this.version = version;
    this.make = make;
  }

  // Starts the worker, or a new one in the place of the old; resolves when it can be spoken to.
  start() {
    this.#worker?.terminate();
    this.#rejectAll(Object.assign(new Error("the worker was started anew"), { dead: true }));
    const worker = this.make();
    this.#worker = worker;
    this.#ready = new Promise((resolve, reject) => {
      this.#refuse = reject;
      worker.onmessage = ({ data }) => {
        // What a worker said before it was replaced may come late.
        if (worker === this.#worker) this.#received(JSON.parse(data.text), data.buffers, resolve);
      };
      worker.onerror = (event) => this.#died(worker, event.message || "the program could not be loaded");
    });
    return this.#ready;
  }

  // Asks; the answer is what the worker says, with `buffers` where there are any.
  async call(kind, fields = {}, buffers = []) {
    await this.#ready;
    if (!this.#worker) throw new Error("The computing part is not there: wait a moment, or reload the page.");
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ text: JSON.stringify({ id, kind, ...fields }), buffers }, buffers);
    });
  }

  // Does without the worker from now on.
  end() {
    this.#died(this.#worker, "it was ended");
  }

  #received(message, buffers, ready) {
    const { event, id, ok, error, device } = message;
    if (event?.kind === "ready") return ready(event);
    if (event?.kind === "fatal") return this.#died(this.#worker, event.why);
    if (event?.kind === "version") return this.#compare(event.version);
    if (event) return this.onEvent(event, buffers);
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) return waiting?.resolve({ ...ok, buffers });
    if (waiting) return waiting.reject(Object.assign(new Error(error), { device }));
    // A question that the worker cannot read has no number in its answer: any of those that wait may be the one.
    this.#rejectAll(new Error(`The computing part does not understand this page (${error}): reload the page`));
  }

  // A page that was open when the server got a new version starts that version's worker.
  #compare(version) {
    if (!this.version || version === this.version) return;
    this.#refuse(new Error("the server has a new version of this page by now: reload it"));
  }

  #rejectAll(error) {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(error);
  }

  #died(worker, why) {
    if (worker !== this.#worker) return;
    worker?.terminate();
    this.#worker = null;
    const reason = Object.assign(new Error(why), { dead: true });
    this.#refuse?.(reason);
    this.#rejectAll(reason);
    this.onDeath(why);
  }
}
