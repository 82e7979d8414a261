// The line that tells how a training stands, in words.

import { $, duration } from "./dom.js";

// Tells how the training stands, screen readers too; they are spared the line of every step.
export function announce(state) {
  $("train-state").textContent = $("announced").textContent = state;
}

// How long it still takes, by the worker's estimate.
const left = (estimate) => `${duration(estimate.left)} left${estimate.with_validation ? "" : " without checks"}`;

export function stepped({ step, losses }, estimate, total) {
  // A loss that is no number comes as null: the step was skipped.
  const loss = losses[0][1]?.toFixed(3) ?? "not a number, step skipped";
  const each = estimate.step < 1 ? `${Math.round(estimate.step * 1000)} ms` : `${estimate.step.toFixed(1)} s`;
  return `Step ${step} of ${total}, loss ${loss}, ${each} a step, ${left(estimate)}`;
}

// A check may take longer than many steps.
export function checking({ step, volumes, share, estimate }, total) {
  const scans = volumes === 1 ? "1 scan" : `${volumes} scans`;
  return `Checking with ${scans} after step ${step} of ${total}: ${Math.round(100 * share)} %, ${left(estimate)}`;
}

export function checked({ step, best }, score, stage, total) {
  const found = stage === "pretrain" ? `error ${score.toFixed(4)}` : `Dice ${score.toFixed(3)}`;
  return `Checked after step ${step} of ${total}: ${found}${best ? ", the best so far" : ""}`;
}

// `paused`, the user ended it.
export function ended({ step, total_steps, best, complete }, stage, paused) {
  const score = best === null ? "" : stage === "pretrain" ? ` Lowest error ${best.toFixed(4)}.` : ` Best Dice ${best.toFixed(3)}.`;
  const state = complete ? "Done" : paused ? "Paused" : "Stopped";
  return `${state} after step ${step} of ${total_steps}.${score}`;
}
