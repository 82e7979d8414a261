use super::*;
use crate::random::{Mt19937, RandomSource};

/// Flood filling, voxel by voxel.
fn by_definition(labels: &[u8], shape: [usize; 3], connectivity: Connectivity) -> Vec<u8> {
    let index = |[i, j, k]: [usize; 3]| (i * shape[1] + j) * shape[2] + k;
    let place = |n: usize| {
        [
            n / shape[1] / shape[2],
            n / shape[2] % shape[1],
            n % shape[2],
        ]
    };
    let neighbours = |n: usize| {
        let at = place(n);
        let steps = (0..27usize).map(|s| [s / 9, s / 3 % 3, s % 3]);
        let near = steps.filter(move |s| {
            let moved = s.iter().filter(|step| **step != 1).count();
            moved > 0 && (moved == 1 || connectivity == Connectivity::Corners)
        });
        near.filter_map(move |s| {
            let to: [usize; 3] = std::array::from_fn(|x| (at[x] + s[x]).wrapping_sub(1));
            (0..3).all(|x| to[x] < shape[x]).then(|| index(to))
        })
    };
    let mut component = vec![0; labels.len()];
    let mut sizes = vec![0];
    for seed in 0..labels.len() {
        if labels[seed] == 0 || component[seed] > 0 {
            continue;
        }
        let mut stack = vec![seed];
        component[seed] = sizes.len();
        sizes.push(1);
        while let Some(n) = stack.pop() {
            for m in neighbours(n) {
                if labels[m] == labels[seed] && component[m] == 0 {
                    component[m] = component[seed];
                    sizes[component[seed]] += 1;
                    stack.push(m);
                }
            }
        }
    }
    let largest = |label: u8| {
        let own = (0..labels.len()).filter(|n| labels[*n] == label);
        own.map(|n| component[n])
            .max_by_key(|c| (sizes[*c], std::cmp::Reverse(*c)))
    };
    let all = (0..labels.len()).map(|n| (component[n], labels[n]));
    all.map(|(c, l)| if largest(l) == Some(c) { l } else { 0 })
        .collect()
}

#[test]
fn the_largest_components_are_those_of_flood_filling() {
    let mut random = Mt19937::new(5);
    for shape in [[6, 7, 8], [1, 9, 11], [12, 1, 5], [3, 3, 1], [5, 5, 5]] {
        for connectivity in [Connectivity::Faces, Connectivity::Corners] {
            for classes in [2, 3, 5] {
                let count = shape.iter().product();
                let noise: Vec<u8> = (0..count)
                    .map(|_| random.integer(0, classes) as u8)
                    .collect();
                let mut labels = noise.clone();
                let removed = keep_largest_components(&mut labels, shape, connectivity, |_| true);
                let expected = by_definition(&noise, shape, connectivity);
                assert_eq!(labels, expected, "{shape:?} {connectivity:?} {classes}");
                let gone = labels.iter().zip(&noise).filter(|(a, b)| a != b).count();
                assert_eq!(removed.iter().map(|r| r.voxels).sum::<usize>(), gone);
            }
        }
    }
}

#[test]
fn a_corner_connects_26_neighbours_and_not_6() {
    let mut labels = [0; 27];
    (labels[0], labels[13], labels[26]) = (1, 1, 1);
    let diagonal = labels;
    let shape = [3; 3];
    let removed = keep_largest_components(&mut labels, shape, Connectivity::Corners, |_| true);
    assert_eq!(labels, diagonal);
    let whole = Removed {
        label: 1,
        components: 0,
        voxels: 0,
        kept: 3,
    };
    assert_eq!(removed, [whole]);
    let removed = keep_largest_components(&mut labels, shape, Connectivity::Faces, |_| true);
    assert_eq!(
        labels.iter().position(|l| *l == 1),
        Some(0),
        "the first of equals"
    );
    let one = Removed {
        components: 2,
        voxels: 2,
        kept: 1,
        ..whole
    };
    assert_eq!(removed, [one]);
}

#[test]
fn only_chosen_labels_are_cleaned() {
    let mut labels = [1, 0, 1, 1, 0, 2, 0, 2, 2];
    let removed = keep_largest_components(&mut labels, [1, 1, 9], Connectivity::Faces, |l| l == 2);
    assert_eq!(labels, [1, 0, 1, 1, 0, 0, 0, 2, 2]);
    assert_eq!(removed.len(), 1);
    assert!(keep_largest_components(&mut [], [0, 4, 0], Connectivity::Faces, |_| true).is_empty());
    assert!(keep_largest_components(&mut [0; 8], [2; 3], Connectivity::Faces, |_| true).is_empty());
}
