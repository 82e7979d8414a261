// The kernel suite in headless Chromium: `node web/test/suite.mjs ADDRESS FOLDER` leaves its results in FOLDER.

import { join } from "node:path";
import { open, tell } from "./browser.mjs";

const [address, folder] = process.argv.slice(2);
const { context, page } = await open(address, join(folder, "profile"));
try {
  tell(folder, await page.evaluate(() => self.found));
} finally {
  await context.close();
}
