// Scans of the shared data.

import { join } from "node:path";

// The file of a scan, or of its label map: `kind` is images or labels.
export const hippocampusFile = (data, kind, number) => join(data, `hippocampus/${kind}/hippocampus_${number}.nii.gz`);

// Scans with their label maps, as they are dropped.
export const hippocampus = (data, ...numbers) =>
  numbers.flatMap((number) => ["images", "labels"].map((kind) => ({ name: `${kind}/hippocampus_${number}.nii.gz`, path: hippocampusFile(data, kind, number) })));
