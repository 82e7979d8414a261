//! The data side of fine-tuning against the specification's vectors: crops, flips, rotations, intensity shifts,
//! windows.

use hounsfield::augment::{
    AugmentError, AugmentSettings, Candidates, CropSettings, ExactLabelledChain, copy_patch,
    patch_around, rotate90,
};
use hounsfield::infer::WindowPlan;
use hounsfield::random::{Mt19937, RandomSource};
use hounsfield::volume::{Affine, Region, Volume};
use serde_json::{Value, json};

use crate::support::{self, fill, numbers, shape};

const SHAPE: [usize; 3] = [130, 120, 110];

fn seed(value: &Value) -> u32 {
    u32::try_from(value.as_u64().expect("a number")).expect("a 32-bit seed")
}

/// The image and the labels of the vectors.
fn case() -> (Volume, Vec<u8>) {
    let value = |place: [usize; 3]| {
        let value = fill::voxel(place);
        if value < 0.3 { 0.0 } else { value }
    };
    let label = |[i, j, k]: [usize; 3]| {
        let inside = |a: [usize; 3], b: [usize; 3]| {
            [i, j, k]
                .into_iter()
                .zip(a.into_iter().zip(b))
                .all(|(x, (a, b))| (a..b).contains(&x))
        };
        if inside([40, 50, 30], [60, 70, 50]) {
            3
        } else if inside([5, 3, 100], [8, 6, 105]) {
            7
        } else {
            0
        }
    };
    let image = fill::places(SHAPE).map(value).collect();
    let labels = fill::places(SHAPE).map(label).collect();
    let image = Volume::new(SHAPE, image, Affine::identity()).expect("length fits the shape");
    (image, labels)
}

/// The voxel a patch is centred on, after it was moved inside.
fn centre(region: Region) -> [usize; 3] {
    region.start.map(|start| start + 48)
}

fn sum(image: &[f32]) -> f64 {
    image.iter().map(|&x| f64::from(x)).sum()
}

fn assert_near(what: &str, found: f64, expected: &Value) {
    let expected = expected.as_f64().expect("a number");
    assert!(
        (found - expected).abs() < 1e-6 * expected.abs().max(1.0),
        "{what} is {found}, not {expected}"
    );
}

#[test]
fn patches_are_centred_as_in_the_reference() {
    let expected = &support::vectors()["pos_neg_crop"];
    let (image, labels) = case();
    let candidates = Candidates::new(&image, &labels, 0.0).expect("labelled voxels");
    let counts = [&expected["fg_count"], &expected["bg_count"]];
    assert_eq!(json!(candidates.counts()), json!(counts));

    let crop = CropSettings::default();
    let mut random = Mt19937::new(seed(&expected["seed"]));
    let labels = labels.iter().map(|&l| f32::from(l)).collect();
    let labels = Volume::new(SHAPE, labels, Affine::identity()).expect("length fits the shape");
    for n in 0..4 {
        let voxel = candidates.draw(&mut random, &crop);
        let region = patch_around(voxel, SHAPE, crop.patch).expect("room for the patch");
        assert_eq!(json!(centre(region)), expected["centers"][n]);
        let mut patch = vec![0.0; 96 * 96 * 96];
        copy_patch(&image, region, &mut patch).expect("inside");
        assert_near("a sum", sum(&patch), &expected["image_sums"][n]);
        copy_patch(&labels, region, &mut patch).expect("inside");
        let labelled = patch.iter().filter(|&&l| l != 0.0).count();
        assert_eq!(json!(labelled), expected["label_nonzero"][n]);
    }
}

#[test]
fn the_exact_chain_of_fine_tuning_replays_the_reference() {
    let expected = &support::vectors()["finetune_random_chain"];
    let (image, labels) = case();
    let candidates = Candidates::new(&image, &labels, 0.0).expect("labelled voxels");
    let mut chain = ExactLabelledChain::new(
        seed(&expected["compose_seed"]),
        CropSettings::default(),
        AugmentSettings::default(),
    )
    .expect("usable settings");
    let seeds = &expected["child_seeds[crop,flip0,flip1,flip2,rot90,shift]"];
    assert_eq!(json!(chain.child_seeds()), *seeds);

    let samples = chain.apply(&candidates, 4).expect("room for the patch");
    for (sample, expected) in samples
        .iter()
        .zip(expected["samples"].as_array().expect("a list"))
    {
        assert_eq!(json!(centre(sample.region)), expected["center"]);
        assert_eq!(json!(sample.flips), expected["flips"]);
        assert_eq!(json!(sample.turn), expected["rot90"]);
        assert_eq!(json!(sample.shift), expected["shift"]);
        assert_near("the sum", sum(&sample.image), &expected["image_sum"]);
        let (first, last) = (sample.image[0], sample.image[sample.image.len() - 1]);
        assert_eq!(f64::from(first), expected["image_first"].as_f64().unwrap());
        assert_eq!(f64::from(last), expected["image_last"].as_f64().unwrap());
        let count = sample.label.len() as f64;
        let weighted: f64 = (sample.label.iter().enumerate())
            .map(|(n, &label)| f64::from(label) * n as f64 / count)
            .sum();
        assert_near("the labels", weighted, &expected["label_weighted_sum"]);
    }
}

#[test]
fn the_exact_chain_refuses_what_the_original_lacks() {
    let settings = AugmentSettings {
        affine_probability: 0.5,
        ..AugmentSettings::default()
    };
    let refused = ExactLabelledChain::new(0, CropSettings::default(), settings);
    assert_eq!(refused.err(), Some(AugmentError::AffineInExactChain));
}

#[test]
fn a_quarter_turn_matches_the_vector() {
    let expected = &support::vectors()["rotate90_k1_axes(0,1)_of_arange(2,3,2)"];
    let mut data: Vec<f64> = (0..12).map(f64::from).collect();
    let shape = rotate90(&mut data, [2, 3, 2], 1);
    assert_eq!(json!(shape), expected["out_shape"]);
    assert_eq!(json!(data), expected["flat"]);
}

#[test]
fn turns_and_shifts_are_drawn_as_in_the_reference() {
    let vectors = support::vectors();
    let settings = AugmentSettings::default();
    let mut random = Mt19937::new(5);
    let turns = [(); 6].map(|()| settings.draw_turn(&mut random));
    assert_eq!(json!(turns), vectors["rotate90_draws_seed5[k,apply]"]);

    let (mut outer, mut inner) = (Mt19937::new(5), Mt19937::new(5));
    for expected in numbers(&vectors["shift_draws_seed5"]) {
        let mut found = 0.0;
        if outer.uniform() < settings.shift_probability {
            inner.uniform();
            found = settings.draw_offset(&mut inner);
        }
        // The vector is what a voxel of 0 became.
        assert_eq!(f64::from(found as f32), expected);
    }
}

#[test]
fn windows_match_the_vectors() {
    let vectors = support::vectors();
    for case in vectors["sliding_window_96_overlap0.25"]
        .as_array()
        .expect("a list of cases")
    {
        let image = shape(&case["image"]);
        let plan = WindowPlan::new(image, [96; 3], 0.25).expect("a usable volume");
        assert_eq!(json!(plan.padded), case["padded"]);
        assert_eq!(json!(plan.interval), case["interval"]);
        assert_eq!(json!(plan.starts), case["starts"]);
        assert_eq!(json!(plan.count()), case["windows"]);
        let starts: Vec<_> = plan.windows().map(|window| window.start).collect();
        assert_eq!(json!(starts[..3]), case["first_three"]);
        assert_eq!(json!(starts.len()), case["windows"]);
        let before: [usize; 3] = std::array::from_fn(|a| (plan.padded[a] - image[a]) / 2);
        assert_eq!(plan.before, before);
    }
}
