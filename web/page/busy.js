// What the worker computes: one thing at a time, so that the buttons which begin another one wait.

import { $ } from "./dom.js";

const BEGINNINGS = ["segment", "segment-all", "train", "continue"];

// What goes on, in words, by its kind.
const tasks = new Map();
// By button: its own title, and why it cannot be pressed.
const hindered = new Map();

// A button cannot be pressed for this reason, which is its title meanwhile; "", not for such a reason.
export function hinder(id, kind, why) {
  const button = $(id);
  if (!hindered.has(id)) hindered.set(id, { title: button.title, reasons: new Map() });
  const { title, reasons } = hindered.get(id);
  if (why) reasons.set(kind, why);
  else reasons.delete(kind);
  const [first] = reasons.values();
  button.disabled = first !== undefined;
  button.title = first ?? title;
}

// Something of this kind goes on, or with "" no longer.
export function occupy(kind, why) {
  if (why) tasks.set(kind, why);
  else tasks.delete(kind);
  for (const id of BEGINNINGS) hinder(id, kind, why);
}

// What goes on, or "".
export const occupied = () => [...tasks.values()][0] ?? "";
