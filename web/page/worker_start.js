// What the worker begins with: the page hears of a lost graphics device at once, whatever the program waits for. Some
// waits of a program never end after its device is gone.

import { WorkerPool } from "./worker_pool.js";

const fatal = (why) => postMessage({ text: JSON.stringify({ event: { kind: "fatal", why } }), buffers: [] });

// bundle.mjs puts in the version of the program.
postMessage({ text: JSON.stringify({ event: { kind: "version", version: VERSION } }), buffers: [] });

const request = self.GPUAdapter?.prototype.requestDevice;
if (request) {
  GPUAdapter.prototype.requestDevice = async function (...given) {
    const device = await request.apply(this, given);
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
