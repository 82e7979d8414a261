//! Matrix products.

use super::super::*;
use super::random;
use burn::Tensor;
use burn::tensor::{Device, TensorData};

fn assert_exact(batch: usize, edges: [usize; 3], transposed: [bool; 2]) {
    let [m, n, k] = edges;
    let (a, b) = (random(batch * m * k, 21), random(batch * k * n, 22));
    let shape = ProductShape {
        batch,
        edges,
        transposed,
    };
    let found = product(&a, &b, shape);
    assert_eq!(found.len(), batch * m * n);
    // An operand's numbers by product, row and column.
    let at = |x: &[f32], rows: usize, columns: usize, transposed: bool, [p, r, c]: [usize; 3]| {
        let place = if transposed {
            c * rows + r
        } else {
            r * columns + c
        };
        f64::from(x[p * rows * columns + place])
    };
    for (index, found) in found.iter().enumerate() {
        let (p, r, c) = (index / (m * n), index / n % m, index % n);
        let exact: f64 = (0..k)
            .map(|i| {
                at(&a, m, k, transposed[0], [p, r, i]) * at(&b, k, n, transposed[1], [p, i, c])
            })
            .sum();
        let bound = 1e-6 * k as f64;
        assert!(
            (f64::from(*found) - exact).abs() <= bound,
            "{shape:?} at {index}: {found} for {exact}"
        );
    }
}

#[test]
fn products_match_plain_loops_stored_either_way() {
    let edges = [
        [1, 1, 1],
        [3, 5, 7],
        [33, 17, 65],
        [64, 128, 1],
        [7, 9, 2],
        [1, 40, 90],
        [40, 1, 90],
        [8, 8, 1500],
        [70, 70, 1500],
    ];
    for transposed in [[false, false], [true, false], [false, true], [true, true]] {
        for edges in edges {
            for batch in [1, 3, 5] {
                assert_exact(batch, edges, transposed);
            }
        }
        // Large enough for all threads: within one product, and product by product.
        assert_exact(1, [200, 190, 210], transposed);
        assert_exact(2, [200, 190, 210], transposed);
        assert_exact(2, [110, 120, 100], transposed);
        assert_exact(6, [110, 120, 100], transposed);
    }
}

#[test]
fn a_product_over_nothing_is_zero_and_one_of_nothing_empty() {
    for edges in [[0, 3, 4], [3, 0, 4], [3, 4, 0]] {
        assert_exact(2, edges, [false, false]);
    }
    assert_exact(0, [3, 4, 5], [false, false]);
}

#[test]
fn products_have_the_bits_of_those_of_burn() {
    let device = Device::flex();
    for [m, n, k] in [[216, 300, 768], [5, 7, 3], [64, 1, 90]] {
        let (a, b) = (random(m * k, 23), random(k * n, 24));
        let tensor = |x: &[f32], shape: [usize; 2]| {
            Tensor::<2>::from_data(TensorData::new(x.to_vec(), shape), &device)
        };
        let burn = tensor(&a, [m, k]).matmul(tensor(&b, [k, n]));
        let burn: Vec<f32> = burn.into_data().try_into_vec().unwrap();
        let shape = ProductShape {
            batch: 1,
            edges: [m, n, k],
            transposed: [false, false],
        };
        assert!(product(&a, &b, shape) == burn, "{shape:?}");
    }
}

#[test]
#[should_panic(expected = "batch: 1")]
fn a_result_of_more_numbers_than_can_be_counted_is_refused() {
    let shape = ProductShape {
        batch: 1,
        edges: [usize::MAX / 2, 4, 0],
        transposed: [false, false],
    };
    product(&[], &[], shape);
}

#[test]
#[should_panic(expected = "batch: 1")]
fn an_operand_of_another_length_is_refused() {
    let shape = ProductShape {
        batch: 1,
        edges: [2, 2, 2],
        transposed: [false, false],
    };
    product(&[0.0; 4], &[0.0; 3], shape);
}
