// Whether the npm packages that are installed are those of the lock file.

import { readFileSync } from "node:fs";

const packages = (file) => JSON.parse(readFileSync(new URL(file, import.meta.url), "utf8")).packages;

export function installed() {
  try {
    const wanted = packages("package-lock.json");
    // npm's own list of what it installed, without what only other systems need.
    const found = packages("node_modules/.package-lock.json");
    const same = Object.entries(found).every(([path, { version }]) => wanted[path]?.version === version);
    const whole = Object.entries(wanted).every(([path, { optional }]) => path === "" || optional || path in found);
    return same && whole;
  } catch {
    return false;
  }
}

if (process.argv[1] === import.meta.filename) process.exitCode = installed() ? 0 : 1;
