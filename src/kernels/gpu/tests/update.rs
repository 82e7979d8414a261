//! The optimiser's passes.

use super::{assert_near, device, filled, host, upload};
use crate::kernels::gpu::{AdamStep, adam, parts, square_sum};

#[test]
fn sums_of_squares_fill_their_place_and_leave_the_others() {
    let device = device();
    for count in [1, 7, 64, 1000, 70_001, 1 << 20] {
        let (values, x) = filled(&[count], 3, &device);
        let parts = parts(count);
        let before = upload(&vec![5.0; parts + 5], &[parts + 5], &device);
        let after = host(square_sum(before, x, 2));
        let found: f64 = after[2..2 + parts].iter().map(|x| f64::from(*x)).sum();
        let exact: f64 = values.iter().map(|x| f64::from(*x).powi(2)).sum();
        assert!(
            (found - exact).abs() <= 1e-6 * exact,
            "{count}: {found} for {exact}"
        );
        let others = after[..2].iter().chain(&after[2 + parts..]);
        assert!(others.into_iter().all(|x| *x == 5.0), "{count}");
    }
}

const STEP: AdamStep = AdamStep {
    newer1: 0.1,
    newer2: 0.01,
    epsilon: 1e-6,
    step_size: 0.02,
    root_scale: 1.7,
    shrink: 0.003,
    l2: 0.1,
};

#[test]
fn adam_updates_weight_and_moments_and_leaves_what_others_hold() {
    let device = device();
    for count in [1, 30, 4096] {
        let (weight, w) = filled(&[count], 1, &device);
        let (gradient, g) = filled(&[count], 2, &device);
        let (first, m) = filled(&[count], 3, &device);
        let second: Vec<f32> = first.iter().map(|x| x * x + 0.1).collect();
        let v = upload(&second, &[count], &device);
        let factor = upload(&[0.5], &[1], &device);
        // A second holder of the weight: it must not see the update.
        let (new_w, new_m, new_v) = adam(w.clone(), g, m, v, factor, STEP);
        let [newer1, newer2, epsilon] = [STEP.newer1, STEP.newer2, STEP.epsilon].map(f64::from);
        let [step, root] = [STEP.step_size, STEP.root_scale].map(f64::from);
        let [shrink, l2] = [STEP.shrink, STEP.l2].map(f64::from);
        let (mut exact_w, mut exact_m, mut exact_v) = (Vec::new(), Vec::new(), Vec::new());
        for i in 0..count {
            let [w, g, m, v] = [weight[i], gradient[i], first[i], second[i]].map(f64::from);
            let g = 0.5 * g + l2 * w;
            let m = (1.0 - newer1) * m + newer1 * g;
            let v = (1.0 - newer2) * v + newer2 * g * g;
            exact_w.push(w - step * m / (v.sqrt() * root + epsilon) - shrink * w);
            exact_m.push(m);
            exact_v.push(v);
        }
        assert_near("weight", new_w, &exact_w, 1e-6);
        assert_near("first moment", new_m, &exact_m, 1e-6);
        assert_near("second moment", new_v, &exact_v, 1e-6);
        assert_eq!(host(w), weight, "the old weight");
    }
}

#[test]
fn a_factor_of_zero_leaves_everything_even_with_gradients_that_are_no_numbers() {
    let device = device();
    // Numbers one by one, and in vectors.
    for (count, factor) in [(9, 0.0), (64, 0.0), (64, f32::NAN)] {
        let (weight, w) = filled(&[count], 1, &device);
        let g = upload(&vec![f32::NAN; count], &[count], &device);
        let (moment, m) = filled(&[count], 3, &device);
        let v = upload(&moment, &[count], &device);
        let factor = upload(&[factor], &[1], &device);
        let (w, m, v) = adam(w, g, m, v, factor, STEP);
        assert_eq!(
            [host(w), host(m), host(v)],
            [weight, moment.clone(), moment]
        );
    }
}
