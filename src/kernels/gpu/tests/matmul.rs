//! Matrix products with the GPU's kernel.

use super::{assert_near, device, filled, host};
use crate::kernels::gpu::matmul::{Cut, matmul_cut};
use burn::backend::ops::FloatTensorOps;
use burn::tensor::FloatDType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;

/// Matrices, rows, columns, inner numbers: single numbers, odd and prime sizes, tiles and their neighbours, long inner
/// axes, the transformer's and the transposed convolution's own.
const SIZES: [[usize; 4]; 9] = [
    [1, 1, 1, 1],
    [3, 5, 7, 3],
    [2, 64, 64, 16],
    [1, 65, 63, 17],
    [2, 130, 68, 40],
    [1, 4, 4, 5000],
    [6, 216, 216, 64],
    [1, 216, 768, 768],
    [1, 32, 128, 3456],
];

/// `rows` by `columns`, or the other way round.
fn shape(batch: usize, rows: usize, columns: usize, transposed: bool) -> [usize; 3] {
    if transposed {
        [batch, columns, rows]
    } else {
        [batch, rows, columns]
    }
}

fn exact(a: &[f32], b: &[f32], [batch, m, n, k]: [usize; 4], [ta, tb]: [bool; 2]) -> Vec<f64> {
    let mut out = Vec::with_capacity(batch * m * n);
    for matrix in 0..batch {
        let (a, b) = (&a[matrix * m * k..], &b[matrix * k * n..]);
        for row in 0..m {
            for column in 0..n {
                let product = |i: usize| {
                    let x = if ta { a[i * m + row] } else { a[row * k + i] };
                    let y = if tb {
                        b[column * k + i]
                    } else {
                        b[i * n + column]
                    };
                    f64::from(x) * f64::from(y)
                };
                out.push((0..k).map(product).sum());
            }
        }
    }
    out
}

fn inputs(size: [usize; 4], [ta, tb]: [bool; 2]) -> [(Vec<f32>, CubeTensor); 2] {
    let [batch, m, n, k] = size;
    let device = device();
    [
        filled(&shape(batch, m, k, ta), 0, &device),
        filled(&shape(batch, k, n, tb), 1, &device),
    ]
}

#[test]
fn products_are_right_whichever_operand_is_transposed_and_however_they_are_cut() {
    for size in SIZES {
        let [batch, m, n, k] = size;
        for transposed in [[false, false], [false, true], [true, false], [true, true]] {
            let [(a, a_tensor), (b, b_tensor)] = inputs(size, transposed);
            let exact = exact(&a, &b, size, transposed);
            let usual = Cut::of(batch, m, n, k);
            let others = [(4, 1), (8, 1), (4, 3)].map(|(rows, chunks)| Cut { rows, chunks });
            for cut in [usual].into_iter().chain(others) {
                let y = matmul_cut(a_tensor.clone(), b_tensor.clone(), transposed, cut);
                let what = format!("{size:?}, transposed {transposed:?}, {cut:?}");
                assert_near(&what, y, &exact, 1e-5);
            }
        }
    }
}

#[test]
fn a_product_that_would_leave_a_gpu_idle_is_cut_along_its_inner_axis() {
    assert_eq!(Cut::of(1, 4096, 4096, 4096), Cut { rows: 8, chunks: 1 });
    let long = Cut::of(1, 32, 128, 110_592);
    assert!(long.chunks > 100, "{long:?}");
    // Never so far that a chunk is shorter than it is worth, nor so little that sums lose digits.
    assert_eq!(Cut::of(1, 4, 4, 100).chunks, 1);
    assert_eq!(Cut::of(64, 4096, 4096, 1 << 15).chunks, 4);
}

#[test]
fn products_in_half_precision_are_summed_in_single() {
    let size = [2, 70, 36, 600];
    for transposed in [[false, false], [false, true], [true, false]] {
        let half =
            inputs(size, transposed).map(|(_, x)| CubeBackend::float_cast(x, FloatDType::F16));
        let [a, b] = half
            .clone()
            .map(|x| host(CubeBackend::float_cast(x, FloatDType::F32)));
        let exact = exact(&a, &b, size, transposed);
        for chunks in [1, 3] {
            let [a, b] = half.clone();
            let cut = Cut { rows: 4, chunks };
            let y = matmul_cut(a, b, transposed, cut);
            let y = CubeBackend::float_cast(y, FloatDType::F32);
            // The result is rounded to f16 once.
            assert_near(&format!("{transposed:?}, {chunks}"), y, &exact, 3e-4);
        }
    }
}
