// What computes: a graphics processor or the processor, and how much a training on it may need.

import { say } from "./banner.js";
import { $ } from "./dom.js";

// The device that the page's address asks for.
export const wanted = new URLSearchParams(location.search).get("device") ?? "auto";

// Has the worker open that device, and tells which one it is. Gives the limits of a training on it, in bytes,
// and whether others help it.
export async function openDevice(client) {
  const { device, cpu, half, checks, notice } = await client.call("open", { device: wanted, pool: true });
  // As the worker asks for it, so that name and limits are those of the one that computes.
  const adapter = cpu ? null : await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  const name = adapter?.info?.description || adapter?.info?.vendor || "graphics processor";
  $("device").textContent = cpu ? "Processor (slow)" : `${device}: ${name}`;
  for (const option of $("precision").options) option.disabled = option.value === "f16" && !half;
  $("device").classList.toggle("gpu", !cpu);
  $("device").title = checks.map(({ name }) => `${name}: right`).join("\n");
  if (notice) {
    say(`The graphics processor does not compute rightly here, so the processor does, which is slower. ${notice}`);
  } else if (cpu && wanted === "auto") {
    const remedy = isSecureContext ? "use a current Chrome, Edge, Safari or Firefox with WebGPU" : "open this page over https";
    say(`This browser offers no WebGPU on a graphics processor here, so the processor computes: fine for small scans, slow for training. For speed ${remedy}, or the native program.`);
  }
  return {
    // WebAssembly addresses 4 GB; a graphics processor's memory is not told, half the machine's is a guess.
    memory: cpu ? 2.5 * 2 ** 30 : (navigator.deviceMemory ?? 8) * 2 ** 29,
    held: (cpu ? 1 : 3) * 2 ** 30,
    // Other processors help a processor, each with a copy of the network.
    helped: cpu && navigator.hardwareConcurrency > 1,
    tensor: adapter?.limits.maxStorageBufferBindingSize ?? Infinity,
  };
}
