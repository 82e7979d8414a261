// Files that come by drop or dialogue, and files that go.

// The worker holds a file in memory that WebAssembly counts in 31 bits.
export const TOO_LARGE = 2 ** 31;

// All files of a drop, those of folders too, each with its path; in the place of one that cannot be read stands the reason.
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ({ path: file.name, file }));
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

async function walk(entry, found) {
  const path = entry.fullPath.replace(/^\//, "");
  try {
    if (entry.isFile) {
      found.push({ path, file: await new Promise((resolve, reject) => entry.file(resolve, reject)) });
      return;
    }
    const reader = entry.createReader();
    // A reader gives a hundred entries at a time.
    for (;;) {
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) return;
      for (const child of some) await walk(child, found);
    }
  } catch (error) {
    found.push({ path, why: `the browser cannot read it: ${error.message}` });
  }
}

export function chosen(input) {
  return [...input.files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

// The name is that of src/train/layout.rs.
const MANIFEST = "checkpoints/last/manifest.json";

// What a run goes on without, by its place in the run's folder: the checkpoint before the last, events for TensorBoard, and
// pictures. Names of src/train/layout.rs and src/report/tensorboard.rs.
const SPARE = /^checkpoints\/previous\/|(^|\/)events\.out\.tfevents\.[^/]*$|\.png$/i;
// What of a run is in memory twice while it is taken in: the checkpoint that is read, or an archive and what is in it.
const TWICE = /(^|\/)checkpoints\/last\/|\.zip$/i;

const AFTER = "not read, for a run came with it: open it by itself";
// What the page calls the archive of a run, as ARCHIVE in web/worker/run_files.rs; a browser may put a number behind it.
const NAMED = /(^|\/)hounsfield-run[^/]*\.zip$/i;
const BESIDE = "not read, for scans or lists came with it: open an archive of a run by itself";
const ALONE = "settings are of use with their weights only: open both together";

// What a set of files is: a run with the network it ended in, or weights with their settings; cases; and what is left
// over, with the reason. Hidden files are left out.
export function sorted(files) {
  const shown = files.filter(({ path }) => !path.split("/").some((part) => part.startsWith(".")));
  const unread = shown.filter(({ why }) => why);
  const { left, ...found } = taken(shown.filter(({ why }) => !why));
  return { ...found, left: [...unread, ...left] };
}

// The same of files that can be read.
function taken(visible) {
  const ends = (...endings) => visible.filter(({ path }) => endings.some((e) => path.toLowerCase().endsWith(e)));
  const scans = ends(".nii", ".nii.gz");
  const others = visible.filter((file) => !scans.includes(file));
  const besides = (run) => others.filter((file) => !run.includes(file)).map(({ path }) => ({ path, why: AFTER }));
  const [manifest] = ends(MANIFEST).sort((a, b) => a.path.length - b.path.length);
  if (manifest) {
    const root = manifest.path.slice(0, -MANIFEST.length);
    const folder = others.filter(({ path }) => path.startsWith(root));
    const run = folder.filter(({ path }) => !SPARE.test(path.slice(root.length)));
    const made = (...names) => run.filter(({ path }) => names.includes(path.slice(root.length)));
    // Names of src/train/layout.rs, and of EXPORT in src/train/finetuning.rs and pretraining.rs.
    const [settings] = made("config.toml");
    return { run, weights: made("model.safetensors", "encoder.safetensors"), settings, cases: scans, left: besides(folder) };
  }
  const archives = ends(".zip");
  const alone = !scans.length && !ends(".json").length;
  // Among scans and lists it is told by its name: an archive of other things may lie there.
  const archive = archives.find(({ path }) => NAMED.test(path)) ?? (alone ? archives[0] : null);
  if (archive) return { run: [archive], weights: [], cases: scans, left: besides([archive]) };
  const weights = ends(".safetensors", ".pt", ".pth", ".ckpt", ".bin");
  const [settings] = ends(".toml");
  const rest = visible.filter((file) => !weights.includes(file) && !archives.includes(file) && file !== settings);
  const left = archives.map(({ path }) => ({ path, why: BESIDE }));
  if (settings && !weights.length) left.push({ path: settings.path, why: ALONE });
  return { weights, settings, cases: rest, left };
}

// Bytes that a run needs while it is taken in.
export function needed(run) {
  return run.reduce((sum, { path, file }) => sum + file.size * (TWICE.test(path) ? 2 : 1), 0);
}

// Bytes that the worker holds of weights: the file, and the network that is made of it.
export function weighed({ file }) {
  return 2 * file.size;
}

export async function bytes(files) {
  return Promise.all(files.map(({ file }) => file.arrayBuffer()));
}

// Gives the user a file.
export function save(name, data, type = "application/octet-stream") {
  const url = URL.createObjectURL(data instanceof Blob ? data : new Blob([data], { type }));
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  // Some browsers ask first.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
