// Files that come by drop or dialogue, and files that go.

// All files of a drop, those of folders too, each with its path.
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ({ path: file.name, file }));
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

async function walk(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    found.push({ path: entry.fullPath.replace(/^\//, ""), file });
    return;
  }
  const reader = entry.createReader();
  // A reader gives a hundred entries at a time.
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    for (const child of some) await walk(child, found);
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
const ALONE = "settings are of use with their weights only: open both together";

// What a set of files is: a run with the network it ended in, or weights with their settings; cases; and what is left
// over, with the reason. Hidden files are left out.
export function sorted(files) {
  const visible = files.filter(({ path }) => !path.split("/").some((part) => part.startsWith(".")));
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
  const archive = ends(".zip");
  if (archive.length) {
    const run = archive.slice(0, 1);
    return { run, weights: [], cases: scans, left: besides(run) };
  }
  const weights = ends(".safetensors", ".pt", ".pth", ".ckpt", ".bin");
  const [settings] = ends(".toml");
  const rest = visible.filter((file) => !weights.includes(file) && file !== settings);
  const left = settings && !weights.length ? [{ path: settings.path, why: ALONE }] : [];
  return { weights, settings, cases: rest, left };
}

// Bytes that a run needs while it is taken in.
export function needed(run) {
  return run.reduce((sum, { path, file }) => sum + file.size * (TWICE.test(path) ? 2 : 1), 0);
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
