// What the worker begins with: the page hears of a lost graphics device at once, whatever the program waits for. Some
// waits of a program never end after its device is gone. And a graphics processor without timestamps can be used.

import { WorkerPool } from "./worker_pool.js";

const fatal = (why) => postMessage({ text: JSON.stringify({ event: { kind: "fatal", why } }), buffers: [] });

// bundle.mjs puts in the version of the program.
postMessage({ text: JSON.stringify({ event: { kind: "version", version: VERSION } }), buffers: [] });

// CubeCL 0.11 breaks down at the first kernel where an adapter has no timestamps, although it needs them only to measure
// kernels, which this program never does: it is told that each has them, and a device is asked for without them where that is not so.
const TIMESTAMPS = "timestamp-query";

const adapters = self.GPUAdapter?.prototype;
if (adapters) {
  const { get: features } = Object.getOwnPropertyDescriptor(adapters, "features");
  Object.defineProperty(adapters, "features", {
    configurable: true,
    enumerable: true,
    get() {
      return new Set([...features.call(this), TIMESTAMPS]);
    },
  });
  const request = adapters.requestDevice;
  adapters.requestDevice = async function ({ requiredFeatures = [], ...wanted } = {}) {
    const offered = features.call(this);
    const required = requiredFeatures.filter((name) => name !== TIMESTAMPS || offered.has(TIMESTAMPS));
    const device = await request.call(this, { ...wanted, requiredFeatures: required });
    device.lost.then(({ message, reason }) => fatal(`the graphics device was lost: ${message || reason}`));
    return device;
  };
}

// A program that cannot be loaded, and one that broke down, end in a promise that nobody waits for.
self.addEventListener("unhandledrejection", ({ reason }) => {
  const why = String(reason?.message ?? reason);
  const out = /unreachable|memory|allocation/i.test(why) ? " (memory may have run out)" : "";
  fatal(why + out);
});

// A worker of this one begins as it did, under its policy.
self.workerPool = new WorkerPool(VERSION, self.location.href);

import("./worker_loader.js");
