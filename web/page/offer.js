// The training that the browser keeps: told in words, offered, and asked of before another one takes its place.

import { $, element, when } from "./dom.js";

const kind = ({ stage }) => (stage === "pretrain" ? "pre-training" : "fine-tuning");

const GO_ON = "There is a training to go on with.";
const NOT_SAVED = "You have not saved what the last training came to.";
const STAYS = "You have not saved what the last training came to: it stays in use, but only until you leave this page.";

// How many steps there are is not known of every run that came from the native program, before it goes on.
const finished = ({ step, total_steps }) => total_steps !== null && step >= total_steps;
const place = ({ step, total_steps }) => `step ${step} of ${total_steps ?? "?"}`;

// What an earlier visit left, in a sentence.
export const told = (run) => (finished(run) ? "A finished training is kept in this browser." : GO_ON);

export const described = (run) => `${kind(run)} of ${when(run.when)}, at ${place(run)}`;

// Whether another run may take the place of one that is not done, or of which the user has not saved what it came to, and of
// one that is offered in these words. `stays`, what it came to is in use beside the other one too.
export function mayReplace({ unfinished, unsaved, stays, offered }) {
  const last = unfinished ? GO_ON : unsaved && (stays ? STAYS : NOT_SAVED);
  const lost = [last, offered].filter(Boolean);
  const what = lost.length > 1 ? "both runs" : last === STAYS ? "its run" : "it";
  return !lost.length || confirm(`${lost.join(" ")} Start another one and remove ${what}?`);
}

// Offers to go on with it, or to look at it where it is finished, and to remove it.
export function draw(run, restore, forget) {
  const yes = element("button", { type: "button", className: "main", id: "restore" }, finished(run) ? "Open it" : "Continue where you left off");
  const no = element("button", { type: "button" }, "Remove it");
  yes.addEventListener("click", restore);
  no.addEventListener("click", forget);
  $("resume").replaceChildren(
    `${finished(run) ? "A finished" : "An earlier"} ${kind(run)} was kept in this browser: ${place(run)}, ${when(run.when)}.`,
    element("div", { className: "row" }, yes, no),
  );
  $("resume").hidden = false;
}

// Shows that it cannot be pressed for now; it keeps the focus, for what comes in its place to take.
export function hold(on) {
  for (const button of $("resume").querySelectorAll("button")) button.setAttribute("aria-disabled", String(on));
}
