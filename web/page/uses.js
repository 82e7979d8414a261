// What scans are proposed for in a training: to learn from, to check with, or nothing.

// Phantoms for checks have numbers from 2^32 on.
export const CHECKS = 2 ** 32;
// The folder of the test cases in the layouts of the Medical Segmentation Decathlon and of nnU-Net.
const TEST = "imagesTs";

// The number of a phantom.
export const seed = ({ name }) => Number(name.split(" ")[1]);

export const forChecks = (image) => image.phantom && seed(image) >= CHECKS;

// `says` is what a list has the scan for. Where it says nothing, the folder tells.
const forTest = ({ name }, says) => says === "" || (typeof says !== "string" && name.split("/").slice(0, -1).includes(TEST));

// By index what scans are for, `learn` or `check`; those that are left out are not in it. `listed` is what a list has each
// of `images` for, and `usable` has the indices of those that the stage can use. A list that says what to learn from is
// obeyed. Else own scans come before phantoms, without those for a test, and one in five checks the training, or the
// phantoms that were made for that.
export function proposed(images, listed, usable) {
  const told = usable.filter((index) => listed[index]);
  if (told.some((index) => listed[index] === "learn")) return new Map(told.map((index) => [index, listed[index]]));
  const own = usable.filter((index) => !images[index].phantom && !forTest(images[index], listed[index]));
  const list = own.length ? own : usable.filter((index) => images[index].phantom);
  const made = list.filter((index) => forChecks(images[index]));
  const share = list.length > 1 ? list.slice(-Math.max(1, Math.round(list.length / 5))) : [];
  const checking = new Set(made.length ? made : share);
  return new Map(list.map((index) => [index, checking.has(index) ? "check" : "learn"]));
}
