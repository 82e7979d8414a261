// The legend: structures with colour, volume and Dice, each to be shown or hidden.

import { element, replace } from "./dom.js";

const number = (value, digits) => (value === null || value === undefined ? "–" : value.toFixed(digits));
const volume = (ml) => number(ml, ml !== null && ml < 10 ? 1 : 0);

// `hidden` has the names of structures that are not shown; `toggle(line, shown)` shows or hides one.
export function draw(place, classes, hidden, toggle) {
  const scored = classes.some((line) => line.dice !== null);
  const measured = classes.some((line) => line.ml !== null);
  const rows = classes.map((line) => {
    const swatch = element("span", { className: "swatch" });
    swatch.style.backgroundColor = `rgb(${line.colour.join(" ")})`;
    const box = element("input", { type: "checkbox", checked: !hidden.has(line.name), "aria-label": line.name });
    box.addEventListener("change", () => toggle(line, box.checked));
    return element(
      "tr",
      {},
      element("td", {}, element("label", { className: "check" }, box, swatch, line.name)),
      measured ? element("td", {}, volume(line.ml)) : null,
      scored ? element("td", {}, volume(line.reference_ml)) : null,
      scored ? element("td", {}, number(line.dice, 3)) : null,
    );
  });
  const heads = ["Structure", measured && "mL", scored && "reference mL", scored && "Dice"].filter(Boolean);
  const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
  // A check of a training draws it anew under whoever goes through its boxes.
  replace(place, element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
}
