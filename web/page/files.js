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

const MANIFEST = "checkpoints/last/manifest.json";

// What a set of files is: a run, weights with their settings, cases. Hidden files are left out.
export function sorted(files) {
  const visible = files.filter(({ path }) => !path.split("/").some((part) => part.startsWith(".")));
  const ends = (...endings) => visible.filter(({ path }) => endings.some((e) => path.toLowerCase().endsWith(e)));
  const scans = ends(".nii", ".nii.gz");
  const [manifest] = ends(MANIFEST).sort((a, b) => a.path.length - b.path.length);
  if (manifest) {
    const root = manifest.path.slice(0, -MANIFEST.length);
    return { run: visible.filter((file) => file.path.startsWith(root) && !scans.includes(file)), cases: scans };
  }
  const archive = ends(".zip");
  if (archive.length) return { run: archive.slice(0, 1), cases: scans };
  const weights = ends(".safetensors", ".pt", ".pth", ".ckpt", ".bin");
  const settings = ends(".toml")[0];
  const rest = visible.filter((file) => !weights.includes(file) && file !== settings);
  return { weights, settings, cases: rest };
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
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
