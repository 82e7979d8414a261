// A network that takes moments a step, from nothing.

import { says, set } from "./browser.mjs";

export const TINY_ENCODER = "[network]\npatch_size = 8\nhidden_size = 16\nmlp_dim = 32\nlayers = 3\nheads = 2\n";
// [run] is a table of the form too.
export const TINY = `${TINY_ENCODER}[decoder]\nfeature_size = 4\n[run]\nmax_skipped = 7\n`;

// Fills the form for so many steps of it; `toml` are its settings and more.
export async function setTiny(page, steps, toml = TINY) {
  await page.evaluate(() => (document.getElementById("advanced").open = true));
  await page.selectOption("#start", "scratch");
  for (const [id, value] of [["toml", toml], ["crop", 16], ["crops", 1], ["steps", steps], ["interval", 1000]]) await set(page, id, value);
  await says(page, "all-settings", /hidden_size = 16\n/);
  await says(page, "all-settings", new RegExp(`max_steps = ${steps}\n`));
  await says(page, "all-settings", /max_skipped = 7\n/);
}
