//! Random numbers and the corrupted views of pre-training against the specification's vectors.

use hounsfield::augment::{CorruptionSpec, CorruptionStep, ExactBatch, ExactChain, Operation};
use hounsfield::random::{Mt19937, RandomSource};
use hounsfield::transform::pad_to;
use hounsfield::volume::{Affine, Region};
use serde_json::{Value, json};

use crate::support::{self, fill, numbers, shape};

const PATCH: [usize; 3] = [96; 3];

#[test]
fn the_mersenne_twister_draws_as_numpy_does() {
    let case = &support::vectors()["rng"];
    let seed = case["seed"].as_u64().expect("a number");
    let random = || Mt19937::new(u32::try_from(seed).expect("a 32-bit seed"));

    let mut r = random();
    assert_eq!(json!([(); 4].map(|()| r.next_u32())), case["uint32_first4"]);
    let mut r = random();
    for expected in numbers(&case["rand_first3"]) {
        assert!((r.uniform() - expected).abs() < 1e-15);
    }
    for (low, high) in [(0, 25), (5, 33)] {
        let mut r = random();
        let draws = [(); 8].map(|()| r.integer(low, high));
        assert_eq!(json!(draws), case[format!("randint({low},{high})_first8")]);
    }
    let mut r = random();
    let choices = [(); 12].map(|()| if r.uniform() > 0.5 { 0 } else { 1 });
    assert_eq!(json!(choices), case["oneof2_index_first12"]);
    let mut items: Vec<u8> = (0..16).collect();
    random().shuffle(&mut items);
    assert_eq!(json!(items), case["shuffle_arange16"]);
    let mut noise = [0.0; 3];
    random().fill_uniform(0.0, 0.75, &mut noise);
    let expected: Vec<f32> = numbers(&case["uniform(0,0.75)_first3"])
        .into_iter()
        .map(|x| x as f32)
        .collect();
    assert_eq!(noise.as_slice(), expected);
}

fn events(batch: &ExactBatch) -> Value {
    let bounds =
        |r: &Region| std::array::from_fn::<_, 3, _>(|a| [r.start[a], r.start[a] + r.size[a]]);
    let event = |event: &CorruptionStep| {
        let op = match event.operation {
            Operation::Inpaint => "inpaint",
            Operation::Outpaint => "outpaint",
            Operation::Shuffle => "shuffle",
        };
        json!({ "op": op, "boxes": event.boxes.iter().map(bounds).collect::<Vec<_>>() })
    };
    batch.events.iter().map(event).collect()
}

#[test]
fn the_exact_chain_replays_the_reference() {
    let vectors = support::vectors();
    for case in vectors["pretrain_random_chain"]
        .as_array()
        .expect("a list of cases")
    {
        let seed = case["compose_seed"].as_u64().expect("a number");
        let seed = u32::try_from(seed).expect("a 32-bit seed");
        let mut chain = ExactChain::new(seed, PATCH, CorruptionSpec::default()).expect("it fits");
        let seeds = &case["child_seeds[crop,oneof1,shuffle1,oneof2,shuffle2]"];
        assert_eq!(json!(chain.child_seeds()), *seeds);

        let v = fill::volume(shape(&case["in_shape"]), Affine::identity());
        let v = pad_to(v, PATCH).expect("small");
        let batch = chain
            .apply_traced(&v, 2)
            .expect("the volume holds the patch");
        let starts: Vec<_> = batch.crops.iter().map(|region| region.start).collect();
        assert_eq!(json!(starts), case["crop_starts"]);
        let key =
            "events_in_execution_order(transform-major, sample-minor; skipped shuffles absent)";
        assert_eq!(events(&batch), case[key]);

        for (views, sample) in batch
            .views
            .iter()
            .zip(case["samples"].as_array().expect("a list"))
        {
            let parts = [
                ("gt_image", &views.target),
                ("image", &views.view1),
                ("image_2", &views.view2),
            ];
            for (name, data) in parts {
                let expected = &sample[name];
                let changed = data
                    .iter()
                    .zip(&views.target)
                    .filter(|(a, b)| a != b)
                    .count();
                assert_eq!(json!(changed), expected["changed_voxels"], "{name}");
                let values = numbers(&expected["values"]);
                for (at, value) in numbers(&expected["flat_index"]).into_iter().zip(values) {
                    assert_eq!(data[at as usize], value as f32, "{name} at {at}");
                }
                let sum: f64 = data.iter().map(|&x| f64::from(x)).sum();
                let reference = expected["sum"].as_f64().expect("a number");
                assert!(
                    (sum - reference).abs() < 1e-6,
                    "{name}: sum {sum}, not {reference}"
                );
            }
        }
    }
}
