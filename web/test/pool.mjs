// The pool of workers with made-up ones in place of the program: parts.mjs runs this.

import test from "node:test";
import assert from "node:assert/strict";

Object.defineProperty(globalThis, "navigator", { value: { hardwareConcurrency: 3 }, configurable: true });
globalThis.self = globalThis;
const { WorkerPool } = await import("../page/worker_pool.js");

// A pool of workers that answer what `answers[kind](worker, buffers)` gives, an error where there is nothing.
async function pool(answers = {}) {
  const workers = [];
  const known = { open: () => [], use_model: () => [], window: (_, [input]) => [input], replicate: () => [], take_weights: () => [], forward: (_, [samples]) => [samples], ...answers };
  globalThis.Worker = class {
    constructor() {
      if (answers.refused === workers.length) {
        workers.push(null);
        throw new Error("no worker within a worker");
      }
      this.number = workers.push(this) - 1;
      if (answers.silent !== this.number) queueMicrotask(() => this.#say({ event: { kind: "ready" } }));
    }
    #say(message, buffers = []) {
      this.onmessage({ data: { text: JSON.stringify(message), buffers } });
    }
    addEventListener() {}
    terminate() {
      this.ended = true;
    }
    async postMessage({ text, buffers }) {
      const { id, kind, ...fields } = JSON.parse(text);
      const given = await known[kind](this, buffers, fields);
      if (!this.ended) this.#say(given ? { id, ok: given.says ?? {} } : { id, error: "it does not" }, given ?? []);
    }
  };
  const made = new WorkerPool("version", "address");
  return { made, workers };
}

const WEIGHTS = new Uint8Array([1, 2, 3, 4]);
const INPUT = new Uint8Array([5, 6]);

async function loaded(answers, bytes = 1) {
  const { made, workers } = await pool(answers);
  await made.start();
  made.load("", WEIGHTS, bytes);
  return { made, workers, size: await made.size() };
}

test("there is a worker for each processor, and a window is computed by one of them", async () => {
  const { made, size } = await loaded();
  assert.equal(size, 3);
  assert.deepEqual(await made.window(made.number(), false, INPUT), INPUT);
});

test("windows go to the worker that has fewest", async () => {
  const asked = [];
  const { made } = await loaded({ window: (worker, [input]) => asked.push(worker.number) && [input] });
  await Promise.all(Array.from({ length: 6 }, () => made.window(made.number(), false, INPUT)));
  assert.deepEqual(asked.sort(), [0, 0, 1, 1, 2, 2]);
});

test("a window of a network that was replaced is computed by nobody", async () => {
  const { made } = await loaded();
  const before = made.number();
  made.load("", WEIGHTS, 1);
  await made.size();
  assert.equal(await made.window(before, false, INPUT), null);
  assert.deepEqual(await made.window(made.number(), false, INPUT), INPUT);
});

test("a worker that breaks down leaves its window to others and is asked no more", async () => {
  const breaks = (worker, [input]) => (worker.number === 0 ? worker.onerror({ message: "out of memory" }) : [input]);
  const { made } = await loaded({ window: breaks });
  const found = await Promise.all(Array.from({ length: 3 }, () => made.window(made.number(), false, INPUT)));
  assert.equal(found.filter((logits) => logits === null).length, 1);
  assert.equal(await made.size(), 2);
});

test("a worker that does not take the network is left out", async () => {
  const { size } = await loaded({ use_model: (worker) => (worker.number === 1 ? null : []) });
  assert.equal(size, 2);
});

test("a worker that cannot be made is left out", async () => {
  const { made, size } = await loaded({ refused: 0 });
  assert.equal(size, 2);
  assert.deepEqual(await made.window(made.number(), false, INPUT), INPUT);
});

test("as many hold a network as memory allows, and one alone does not", async () => {
  // Of 4 GiB a quarter.
  assert.equal((await loaded({}, 2 ** 29)).size, 2);
  assert.equal((await loaded({}, 2 ** 29 + 1)).size, 0);
});

test("a worker whose old network arrives after there was no room for the new one holds none", async () => {
  let arrive;
  const slow = new Promise((resolve) => (arrive = resolve));
  const { made } = await pool({ use_model: () => slow.then(() => []) });
  await made.start();
  made.load("", WEIGHTS, 1);
  made.load("", WEIGHTS, 2 ** 40);
  arrive();
  await slow;
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(await made.size(), 0);
});

test("a worker that never says a word is ended, and the others compute", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { made, workers } = await pool({ silent: 2 });
  const started = made.start();
  // The others answer at once.
  await new Promise((resolve) => setImmediate(resolve));
  t.mock.timers.tick(60_000);
  await started;
  made.load("", WEIGHTS, 1);
  assert.equal(await made.size(), 2);
  assert.equal(workers[2].ended, true);
});

// A pool whose members hold copies of a network that is trained.
async function replicating(answers, bytes = 1) {
  const { made, workers } = await pool(answers);
  await made.start();
  await made.replicate("finetune", "", bytes);
  return { made, workers };
}

test("each member copies the network of a training, takes its weights and computes its share", async () => {
  const taken = [];
  const { made } = await replicating({
    take_weights: (worker, [weights]) => taken.push([worker.number, ...new Uint8Array(weights)]) && [],
    forward: (worker, [samples]) => [new Uint8Array([worker.number, ...new Uint8Array(samples)]).buffer],
    backward: (worker, [outputs]) => Object.assign([outputs], { says: { parameters: [["weight", worker.number]] } }),
  });
  assert.equal(made.replicas(), 3);
  for (const at of [0, 2]) made.takeWeights(at, WEIGHTS);
  assert.deepEqual(await made.forward(0, true, INPUT), new Uint8Array([0, ...INPUT]));
  assert.deepEqual(await made.forward(2, true, INPUT), new Uint8Array([2, ...INPUT]));
  assert.deepEqual(taken, [0, 2].map((number) => [number, ...WEIGHTS]));
  assert.deepEqual(await made.backward(2, INPUT), ['[["weight",2]]', INPUT]);
});

test("as many copy the network of a training as memory allows", async () => {
  assert.equal((await replicating({}, 2 ** 29)).made.replicas(), 2);
  assert.equal((await replicating({}, 2 ** 29 + 1)).made.replicas(), 0);
});

test("a copy that fails has no answer, says so and is left out from then on", async (t) => {
  const said = t.mock.method(console, "error", () => {});
  const { made } = await replicating({ forward: (worker, [samples]) => (worker.number === 1 ? null : [samples]) });
  assert.equal(await made.forward(1, true, INPUT), null);
  assert.match(said.mock.calls[0].arguments[0], /does not train any more: it does not/);
  // Numbers hold until copies are counted again.
  assert.deepEqual(await made.forward(2, true, INPUT), INPUT);
  assert.equal(made.replicas(), 2);
  assert.deepEqual(await made.forward(1, true, INPUT), INPUT);
});

test("a copy that did not take its weights has no answer", async (t) => {
  t.mock.method(console, "error", () => {});
  const { made } = await replicating({ take_weights: (worker) => (worker.number === 0 ? null : []) });
  made.takeWeights(0, WEIGHTS);
  assert.equal(await made.forward(0, true, INPUT), null);
  assert.equal(made.replicas(), 2);
});

test("a worker that breaks down in a step takes no place in the next training", async (t) => {
  t.mock.method(console, "error", () => {});
  const breaks = (worker, [samples]) => (worker.number === 0 ? worker.onerror({ message: "out of memory" }) : [samples]);
  const { made } = await replicating({ forward: breaks });
  assert.equal(await made.forward(0, true, INPUT), null);
  await made.replicate("finetune", "", 2 ** 29);
  assert.equal(made.replicas(), 2);
});

test("a worker that says nothing in a step is ended, and holds up no network that comes later", async (t) => {
  t.mock.method(console, "error", () => {});
  const { made, workers } = await replicating({ forward: (worker, [samples]) => (worker.number === 2 ? new Promise(() => {}) : [samples]) });
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const asked = made.forward(2, true, INPUT);
  made.load("", WEIGHTS, 1);
  await new Promise((resolve) => setImmediate(resolve));
  t.mock.timers.tick(600_000);
  assert.equal(await asked, null);
  assert.equal(workers[2].ended, true);
  assert.equal(await made.size(), 2);
});

test("after a training nobody holds a copy", async () => {
  const asked = [];
  const { made } = await replicating({ dismiss: (worker) => asked.push(worker.number) && [] });
  made.dismiss();
  assert.equal(made.replicas(), 0);
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(asked, [0, 1, 2]);
});
