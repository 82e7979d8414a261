// Files that the page does not take, or not without a word.

import { writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { join } from "node:path";
import { drop, says } from "./browser.mjs";
import { TINY } from "./tiny.mjs";

// The header of an image of floats.
function header(...shape) {
  const bytes = Buffer.alloc(352);
  bytes.writeInt32LE(348, 0);
  [3, ...shape].forEach((n, at) => bytes.writeInt16LE(n, 40 + 2 * at));
  bytes.writeInt16LE(16, 70);
  bytes.writeInt16LE(32, 72);
  [1, 1, 1, 1].forEach((n, at) => bytes.writeFloatLE(n, 76 + 4 * at));
  bytes.writeFloatLE(352, 108);
  bytes.write("n+1\0", 344, "latin1");
  return bytes;
}

export async function refusesFiles({ page, folder, data, results }) {
  writeFileSync(join(folder, "ten_gigabytes.nii"), header(2000, 2000, 670));
  // Says that it holds a small image, and inflates to a thousand times that.
  writeFileSync(join(folder, "bomb.nii.gz"), gzipSync(Buffer.concat([header(32, 32, 32), Buffer.alloc(256 << 20)])));
  const files = {
    "ten_gigabytes.nii": join(folder, "ten_gigabytes.nii"),
    "bomb.nii.gz": join(folder, "bomb.nii.gz"),
    "truncated.nii.gz": join(data, "robustness/derived/truncated.nii.gz"),
    "example4d.nii.gz": join(data, "robustness/nibabel/example4d.nii.gz"),
    "weights.pth": join(folder, "weights.pth"),
  };
  writeFileSync(files["weights.pth"], Buffer.from("PK\x03\x04rest", "latin1"));
  results.refused = {};
  for (const [name, path] of Object.entries(files)) {
    await drop(page, [{ name, path }]);
    results.refused[name] = await says(page, "refused", new RegExp(name.replaceAll(".", "\\.")));
  }
  writeFileSync(join(folder, "alone.toml"), TINY);
  await drop(page, [{ name: "alone.toml", path: join(folder, "alone.toml") }]);
  await says(page, "refused", /alone.toml: .*open both together/);
  // Many files of one reason have one line.
  await drop(page, ["a.dcm", "b.dcm", "c.dcm"].map((name) => ({ name, path: files["weights.pth"] })));
  await says(page, "refused", /^a.dcm and 2 more: .*NIfTI/);
  await takesDoubtful(page, folder);
}

// A scan without orientation and with voxels that are no numbers is taken, and both are told.
async function takesDoubtful(page, folder) {
  const voxels = Buffer.alloc(4 * 512);
  for (let at = 0; at < 512; at++) voxels.writeFloatLE(at < 3 ? NaN : at % 89, 4 * at);
  const path = join(folder, "doubtful.nii");
  writeFileSync(path, Buffer.concat([header(8, 8, 8), voxels]));
  await drop(page, [{ name: "doubtful.nii", path }]);
  await says(page, "refused", /doubtful.nii: taken, but 3 of its 512 voxels/);
  await says(page, "refused", /doubtful.nii: taken, but its header has neither an sform nor a qform/);
  await says(page, "case", /doubtful.nii/);
}
