// The line that tells where the crosshair is, and what lies there.

import { $ } from "./dom.js";

// When the crosshair's place is told to screen readers.
let telling;

// At least four digits of a value: images need not hold whole numbers.
const digits = (value) => (Math.abs(value) < 1000 ? Number(value.toPrecision(4)) : Math.round(value));

export function showPlace({ mm, value, name }) {
  const place = mm.map((n) => n.toFixed(0)).join(", ");
  $("place").textContent = `${place} mm · ${value === undefined ? "" : digits(value)}${name ? ` · ${name}` : ""}`;
}

// Once, when the key is let go.
export function tellPlace() {
  clearTimeout(telling);
  telling = setTimeout(() => ($("moved").textContent = $("place").textContent), 300);
}
