// The training that the browser keeps: told in words, and offered.

import { $, element, when } from "./dom.js";

const kind = ({ stage }) => (stage === "pretrain" ? "pre-training" : "fine-tuning");

export const finished = ({ step, total_steps }) => step >= total_steps;

export const described = (run) => `${kind(run)} of ${when(run.when)}, at step ${run.step} of ${run.total_steps}`;

// Offers to go on with it, or to look at it where it is finished, and to remove it.
export function draw(run, restore, forget) {
  const yes = element("button", { type: "button", className: "main", id: "restore" }, finished(run) ? "Open it" : "Continue where you left off");
  const no = element("button", { type: "button" }, "Remove it");
  yes.addEventListener("click", restore);
  no.addEventListener("click", forget);
  $("resume").replaceChildren(
    `${finished(run) ? "A finished" : "An earlier"} ${kind(run)} was kept in this browser: step ${run.step} of ${run.total_steps}, ${when(run.when)}.`,
    element("div", { className: "row" }, yes, no),
  );
  $("resume").hidden = false;
}
