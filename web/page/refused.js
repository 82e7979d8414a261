// Files that were not taken, each with the reason.

import { $, element } from "./dom.js";

export function refuse(path, why) {
  $("refused").append(element("li", {}, why.includes(path) ? why : `${path}: ${why}`));
}

export function clear() {
  $("refused").replaceChildren();
}
