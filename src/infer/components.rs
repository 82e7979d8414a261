//! Clean-up of a label map: of each class only the largest connected component stays.
//!
//! A component is a set of voxels of one label that touch. Rows are cut into runs of equal labels, and runs of
//! neighbouring rows that touch are united (a disjoint-set forest), so the work grows with the runs, not with the
//! neighbours of every voxel.

use serde::{Deserialize, Serialize};

/// Which voxels touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Connectivity {
    /// Those with a common face: 6 neighbours, the habit of `scipy.ndimage.label`.
    Faces,
    /// Those with a common face, edge or corner: 26 neighbours, as MONAI's `KeepLargestConnectedComponent` and
    /// nnU-Net 2 count them.
    #[default]
    Corners,
}

/// What a clean-up took from one label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// The label.
    pub label: u8,
    /// Components that were removed.
    pub components: usize,
    /// Voxels that were removed.
    pub voxels: usize,
    /// Voxels that were kept.
    pub kept: usize,
}

/// Sets to 0 every voxel of a label above 0 that is not in the label's largest component, for the labels for which
/// `clean` is true. Of components of equal size the one that comes first in C order stays. Answers for each cleaned
/// label that occurs, in ascending order, what was removed.
///
/// `labels` is `shape` in C order; what exceeds the shape is left alone.
pub fn keep_largest_components(
    labels: &mut [u8],
    shape: [usize; 3],
    connectivity: Connectivity,
    clean: impl Fn(u8) -> bool,
) -> Vec<Removed> {
    let chosen: Vec<bool> = (0..=u8::MAX).map(|l| l > 0 && clean(l)).collect();
    let runs = find_runs(labels, shape, &chosen);
    let mut forest = Forest::new(&runs.all);
    unite_touching(&runs, shape[1], connectivity, &mut forest);

    // Roots are the first run of their component, so the first of equal size comes first.
    let mut largest: Vec<Option<usize>> = vec![None; 256];
    let mut removed: Vec<Option<Removed>> = vec![None; 256];
    for (index, run) in runs.all.iter().enumerate() {
        let label = usize::from(run.label);
        if forest.parent[index] == index {
            let entry = removed[label].get_or_insert(Removed {
                label: run.label,
                components: 0,
                voxels: 0,
                kept: 0,
            });
            entry.components += 1;
            entry.voxels += forest.size[index];
            if largest[label].is_none_or(|old| forest.size[index] > forest.size[old]) {
                largest[label] = Some(index);
            }
        }
    }
    for entry in removed.iter_mut().flatten() {
        if let Some(root) = largest[usize::from(entry.label)] {
            entry.components -= 1;
            entry.voxels -= forest.size[root];
            entry.kept = forest.size[root];
        }
    }
    for (index, run) in runs.all.iter().enumerate() {
        if largest[usize::from(run.label)] != Some(forest.root(index))
            && let Some(voxels) = labels.get_mut(run.voxel..run.voxel + run.length)
        {
            voxels.fill(0);
        }
    }
    removed.into_iter().flatten().collect()
}

/// Voxels of one label side by side in a row.
#[derive(Debug, Clone, Copy)]
struct Run {
    label: u8,
    /// Index of the first voxel in the volume.
    voxel: usize,
    /// Its place in the row.
    start: usize,
    length: usize,
}

struct Runs {
    all: Vec<Run>,
    /// Where the runs of each row start, and after the last row their number.
    rows: Vec<usize>,
}

impl Runs {
    fn of_row(&self, row: usize) -> std::ops::Range<usize> {
        self.rows[row]..self.rows[row + 1]
    }
}

fn find_runs(labels: &[u8], shape: [usize; 3], chosen: &[bool]) -> Runs {
    let rows = shape[0].saturating_mul(shape[1]);
    let mut runs = Runs {
        all: Vec::new(),
        rows: vec![0],
    };
    let width = shape[2].max(1);
    for (row, voxels) in labels.chunks_exact(width).take(rows).enumerate() {
        let mut start = 0;
        for same in voxels.chunk_by(|a, b| a == b) {
            if chosen[usize::from(same[0])] {
                runs.all.push(Run {
                    label: same[0],
                    voxel: row * width + start,
                    start,
                    length: same.len(),
                });
            }
            start += same.len();
        }
        runs.rows.push(runs.all.len());
    }
    runs
}

/// Unites the runs of every row with those of the rows before it that it touches.
fn unite_touching(runs: &Runs, n1: usize, connectivity: Connectivity, forest: &mut Forest) {
    let reach = match connectivity {
        Connectivity::Faces => 0,
        Connectivity::Corners => 1,
    };
    for row in 0..runs.rows.len() - 1 {
        let (i, j) = (row / n1.max(1), row % n1.max(1));
        if j > 0 {
            unite_rows(runs, row, row - 1, reach, forest);
        }
        if i > 0 {
            let before = row - n1;
            let first = j.saturating_sub(reach);
            let last = (j + reach).min(n1 - 1);
            for other in first..=last {
                unite_rows(runs, row, before + other - j, reach, forest);
            }
        }
    }
}

/// Unites runs of two rows with equal labels that overlap, or come as close as `reach`.
fn unite_rows(runs: &Runs, a: usize, b: usize, reach: usize, forest: &mut Forest) {
    let (mut a, mut b) = (runs.of_row(a), runs.of_row(b));
    let end = |run: usize| runs.all[run].start + runs.all[run].length;
    let mut join = |a: usize, b: usize| {
        let (left, right) = (runs.all[a], runs.all[b]);
        let touch = left.start < end(b) + reach && right.start < end(a) + reach;
        if touch && left.label == right.label {
            forest.unite(a, b);
        }
    };
    while !a.is_empty() && !b.is_empty() {
        join(a.start, b.start);
        // The one that ends first touches nothing that comes later in the other row.
        if end(a.start) > end(b.start) {
            b.start += 1;
        } else {
            if end(a.start) == end(b.start) && b.len() > 1 {
                join(a.start, b.start + 1);
            }
            a.start += 1;
        }
    }
}

/// Disjoint sets of runs. A set's root is its first run.
struct Forest {
    parent: Vec<usize>,
    /// Voxels of the set, where the index is its root.
    size: Vec<usize>,
}

impl Forest {
    fn new(runs: &[Run]) -> Self {
        Self {
            parent: (0..runs.len()).collect(),
            size: runs.iter().map(|run| run.length).collect(),
        }
    }

    fn root(&mut self, mut index: usize) -> usize {
        while self.parent[index] != index {
            // Halves the path on the way.
            self.parent[index] = self.parent[self.parent[index]];
            index = self.parent[index];
        }
        index
    }

    fn unite(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        let (first, other) = (a.min(b), a.max(b));
        if first != other {
            self.parent[other] = first;
            self.size[first] += self.size[other];
        }
    }
}

#[cfg(test)]
mod tests;
