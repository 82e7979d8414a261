// The banner: what went wrong, or is to be known.

import { $ } from "./dom.js";

// Says it in the place of what was said before, with "" nothing; `about` is what a later message of the same puts right.
export function say(why, about = "") {
  $("banner").textContent = why;
  $("banner").hidden = !why;
  $("banner").dataset.about = about;
}

// Says more, after what was said.
export const sayMore = (...more) => $("banner").append(...more);

// Takes back what was said about this.
export function unsay(about) {
  if ($("banner").dataset.about === about) say("");
}
