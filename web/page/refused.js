// Files that were not taken, or not without a doubt, one line for each reason.

import { $, element } from "./dom.js";

// Milliseconds without another file of the same reason before it is told how many there are: a folder of a thousand is
// not told of a thousand times.
const PAUSE = 300;

// By reason: the line, what it says of one file, the first file, and how many there are.
const lines = new Map();
let waiting;

export function refuse(path, why) {
  const reason = why.startsWith(`${path}: `) ? why.slice(path.length + 2) : why;
  const known = lines.get(reason);
  if (known) {
    known.count += 1;
    clearTimeout(waiting);
    waiting = setTimeout(recount, PAUSE);
    return;
  }
  const line = element("li", {}, why.includes(path) ? why : `${path}: ${why}`);
  lines.set(reason, { line, path, reason, count: 1 });
  $("refused").append(line);
}

function recount() {
  for (const { line, path, reason, count } of lines.values()) {
    const text = `${path} and ${count - 1} more: ${reason}`;
    if (count > 1 && line.textContent !== text) line.textContent = text;
  }
}

export function clear() {
  clearTimeout(waiting);
  lines.clear();
  $("refused").replaceChildren();
}
