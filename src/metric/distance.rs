//! The exact Euclidean distance to the nearest of some voxels, in time linear in the number of voxels.
//!
//! One axis after the other (P. Felzenszwalb and D. Huttenlocher, "Distance transforms of sampled functions", 2012):
//! along a line, the squared distance is the lower envelope of one parabola per voxel, its apex as high as the squared
//! distance found so far.

/// For every voxel of `shape` (C order) the squared distance in mm² to the nearest voxel of `sites`; infinite without
/// any. `sites` has one value a voxel; voxels lie `spacing` mm apart, finite and above 0. `wanted` says of the index of
/// a voxel whether its distance is needed: lines along axis 0 without such a voxel are not finished, and hold no
/// distances.
pub(super) fn squared_distances(
    sites: &[bool],
    shape: [usize; 3],
    spacing: [f64; 3],
    wanted: impl Fn(usize) -> bool,
) -> Vec<f64> {
    let mut squares = vec![f64::INFINITY; sites.len()];
    let [n0, n1, n2] = shape;
    let plane = n1 * n2;
    if plane == 0 {
        return squares;
    }
    let mut envelope = Envelope::default();
    let mut line = vec![0.0; n0.max(n1)];

    for (squares, sites) in squares.chunks_exact_mut(plane).zip(sites.chunks(plane)) {
        if !sites.iter().any(|site| *site) {
            continue;
        }
        for (squares, sites) in squares.chunks_exact_mut(n2).zip(sites.chunks(n2)) {
            along_row(squares, sites, spacing[2]);
        }
        for k in 0..n2 {
            along_column(squares, k, n2, &mut line[..n1], spacing[1], &mut envelope);
        }
    }
    for column in 0..plane {
        if (0..n0).any(|i| wanted(i * plane + column)) {
            let line = &mut line[..n0];
            along_column(&mut squares, column, plane, line, spacing[0], &mut envelope);
        }
    }
    squares
}

/// Squared distances within one row. Rows without a site stay infinite.
fn along_row(squares: &mut [f64], sites: &[bool], spacing: f64) {
    let square = |steps: usize| (steps as f64 * spacing).powi(2);
    let mut last = None;
    for (k, (value, site)) in squares.iter_mut().zip(sites).enumerate() {
        if *site {
            last = Some(k);
        }
        if let Some(last) = last {
            *value = square(k - last);
        }
    }
    let mut next = None;
    for (k, (value, site)) in squares.iter_mut().zip(sites).enumerate().rev() {
        if *site {
            next = Some(k);
        }
        if let Some(next) = next {
            *value = value.min(square(next - k));
        }
    }
}

/// Carries squared distances on along the line of values `first`, `first + stride`, ...; `line` is as long as it.
fn along_column(
    squares: &mut [f64],
    first: usize,
    stride: usize,
    line: &mut [f64],
    spacing: f64,
    envelope: &mut Envelope,
) {
    let places = squares.iter().skip(first).step_by(stride);
    for (value, square) in line.iter_mut().zip(places) {
        *value = *square;
    }
    envelope.build(line, spacing);
    if envelope.evaluate(line, spacing) {
        let places = squares.iter_mut().skip(first).step_by(stride);
        for (square, value) in places.zip(line.iter()) {
            *square = *value;
        }
    }
}

/// A parabola that is the lowest from some place on.
#[derive(Debug, Clone, Copy)]
struct Parabola {
    apex: f64,
    height: f64,
    /// Where it becomes the lowest, in voxels.
    from: f64,
}

/// The lower envelope of parabolas of equal width.
#[derive(Debug, Default)]
struct Envelope {
    parabolas: Vec<Parabola>,
}

impl Envelope {
    /// One parabola per finite value of `line`.
    fn build(&mut self, line: &[f64], spacing: f64) {
        self.parabolas.clear();
        let narrow = 0.5 / (spacing * spacing);
        for (index, &height) in line.iter().enumerate() {
            if height == f64::INFINITY {
                continue;
            }
            let apex = index as f64;
            let mut from = f64::NEG_INFINITY;
            while let Some(last) = self.parabolas.last() {
                let middle = 0.5 * (apex + last.apex);
                from = middle + (height - last.height) * narrow / (apex - last.apex);
                if from > last.from {
                    break;
                }
                // The last one is lowest nowhere.
                self.parabolas.pop();
                from = f64::NEG_INFINITY;
            }
            self.parabolas.push(Parabola { apex, height, from });
        }
    }

    /// Fills `line` with the heights of the envelope; false, and nothing done, when there is no parabola.
    fn evaluate(&self, line: &mut [f64], spacing: f64) -> bool {
        let mut rest = self.parabolas.iter().peekable();
        let Some(mut lowest) = rest.next() else {
            return false;
        };
        for (index, value) in line.iter_mut().enumerate() {
            let at = index as f64;
            while let Some(next) = rest.next_if(|next| next.from <= at) {
                lowest = next;
            }
            let distance = (at - lowest.apex) * spacing;
            *value = distance * distance + lowest.height;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Mt19937, RandomSource};

    /// All distances in mm.
    fn distances(sites: &[bool], shape: [usize; 3], spacing: [f64; 3]) -> Vec<f64> {
        let squares = squared_distances(sites, shape, spacing, |_| true);
        squares.into_iter().map(f64::sqrt).collect()
    }

    /// Every distance to every site.
    fn by_definition(sites: &[bool], shape: [usize; 3], spacing: [f64; 3]) -> Vec<f64> {
        let place = |n: usize| {
            let (i, j, k) = (
                n / shape[1] / shape[2],
                n / shape[2] % shape[1],
                n % shape[2],
            );
            [i, j, k].map(|x| x as f64)
        };
        let distance = |a: [f64; 3], b: [f64; 3]| {
            let squares = (0..3).map(|x| ((a[x] - b[x]) * spacing[x]).powi(2));
            squares.sum::<f64>().sqrt()
        };
        let all: Vec<_> = (0..sites.len()).filter(|n| sites[*n]).map(place).collect();
        let nearest = |n| {
            all.iter()
                .map(|s| distance(place(n), *s))
                .fold(f64::INFINITY, f64::min)
        };
        (0..sites.len()).map(nearest).collect()
    }

    #[test]
    fn distances_are_those_of_the_definition() {
        let mut random = Mt19937::new(7);
        let shapes = [[1, 1, 1], [1, 9, 1], [7, 6, 5], [12, 3, 8], [2, 17, 4]];
        let spacings = [[1.0; 3], [0.7, 1.3, 5.0], [10.0, 0.01, 1.0]];
        for shape in shapes {
            for spacing in spacings {
                for one_in in [1, 2, 10, 1000] {
                    let count = shape.iter().product();
                    let sites: Vec<_> =
                        (0..count).map(|_| random.integer(0, one_in) == 0).collect();
                    let found = distances(&sites, shape, spacing);
                    let expected = by_definition(&sites, shape, spacing);
                    for (n, (found, expected)) in found.iter().zip(&expected).enumerate() {
                        let equal =
                            found == expected || (found - expected).abs() < 1e-12 * expected;
                        assert!(equal, "{shape:?} {spacing:?} {n}: {found} not {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn without_sites_everything_is_infinitely_far() {
        let far = distances(&[false; 24], [2, 3, 4], [1.0; 3]);
        assert!(far.iter().all(|d| *d == f64::INFINITY));
        assert!(distances(&[], [0, 3, 4], [1.0; 3]).is_empty());
        assert!(distances(&[], [3, 0, 4], [1.0; 3]).is_empty());
    }

    #[test]
    fn only_wanted_lines_need_to_be_finished() {
        let mut random = Mt19937::new(3);
        let (shape, spacing) = ([9, 8, 7], [2.0, 1.0, 0.5]);
        let sites: Vec<_> = (0..504).map(|_| random.integer(0, 20) == 0).collect();
        let wanted: Vec<_> = (0..504).map(|_| random.integer(0, 30) == 0).collect();
        let all = squared_distances(&sites, shape, spacing, |_| true);
        let some = squared_distances(&sites, shape, spacing, |n| wanted[n]);
        assert!((0..504).filter(|n| wanted[*n]).all(|n| some[n] == all[n]));
        assert_ne!(some, all);
    }
}
