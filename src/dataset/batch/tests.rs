//! What a run's batches hold, and what they depend on.

use super::*;
use crate::dataset::{MemorySource, Prefetch};
use crate::volume::{Affine, Volume, VolumeError};

const PATCH: [usize; 3] = [16; 3];

/// Five cases of 20^3 voxels; the values of case `c` lie in `[c, c + 1)` and all differ.
fn batches(draw: Draw) -> Result<Batches, DatasetError> {
    let case = |c: u16| {
        let data = (0_u16..8000)
            .map(|i| f32::from(c) + f32::from(i) / 8192.0)
            .collect();
        let volume = Volume::new([20; 3], data, Affine::identity())?;
        Ok((format!("case{c}"), Arc::new(volume)))
    };
    let cases: Result<_, VolumeError> = (0..5).map(case).collect();
    let settings = BatchSettings {
        seed: 7,
        stage: Stage::Pretraining,
        batch_volumes: 2,
        samples_per_volume: 2,
        patch: PATCH,
        corruption: CorruptionSpec::scaled_to(PATCH),
        draw,
    };
    Batches::new(Arc::new(MemorySource::new(cases?)), settings)
}

fn epoch(batches: &Batches, epoch: u64) -> Result<Vec<TrainingBatch>, DatasetError> {
    let steps = 0..batches.steps_per_epoch();
    steps.map(|step| batches.make(epoch, step)).collect()
}

/// The names of the cases that the clean patches were cut from.
fn origins(batch: &TrainingBatch) -> Vec<String> {
    let patches = batch.target.chunks(PATCH.iter().product());
    patches
        .map(|patch| format!("case{}", patch[0].floor()))
        .collect()
}

#[test]
fn an_epoch_visits_every_case_once_and_the_last_batch_is_short() -> Result<(), DatasetError> {
    let epoch = epoch(&batches(Draw::EachEpoch)?, 3)?;
    assert_eq!(
        epoch.iter().map(|b| b.patches).collect::<Vec<_>>(),
        [4, 4, 2]
    );
    for batch in &epoch {
        let voxels = batch.patches * PATCH.iter().product::<usize>();
        for part in [&batch.target, &batch.view1, &batch.view2] {
            assert_eq!(part.len(), voxels);
        }
    }
    let mut names: Vec<_> = epoch.iter().flat_map(|b| b.names.clone()).collect();
    names.sort();
    assert_eq!(names, ["case0", "case1", "case2", "case3", "case4"]);
    Ok(())
}

#[test]
fn the_patches_of_a_volume_follow_each_other() -> Result<(), DatasetError> {
    for batch in epoch(&batches(Draw::EachEpoch)?, 0)? {
        let expected = batch
            .names
            .iter()
            .flat_map(|name| [name.clone(), name.clone()]);
        assert_eq!(origins(&batch), expected.collect::<Vec<_>>());
        let (first, second) = batch.target.split_at(batch.target.len() / batch.patches);
        assert!(first != &second[..first.len()], "two crops of one volume");
        assert!(batch.view1 != batch.view2);
        assert!(batch.view1 != batch.target);
    }
    Ok(())
}

#[test]
fn the_volumes_of_a_step_are_cut_at_places_of_their_own() -> Result<(), DatasetError> {
    let mut whole = 0;
    for batch in epoch(&batches(Draw::EachEpoch)?, 0)? {
        let patches = batch.target.chunks(PATCH.iter().product());
        // The whole part is the case, the rest the place of the first voxel.
        let places: Vec<f32> = patches.map(|patch| patch[0].fract()).collect();
        if let [a, b, c, d] = places[..] {
            assert!([a, b] != [c, d], "{places:?}");
            whole += 1;
        }
    }
    assert!(whole > 0, "a step of two volumes");
    Ok(())
}

#[test]
fn epochs_differ_in_training_and_agree_in_fixed_validation() -> Result<(), DatasetError> {
    let training = batches(Draw::EachEpoch)?;
    assert!(epoch(&training, 1)? == epoch(&training, 1)?);
    let order = |e| Ok::<_, DatasetError>(epoch(&training, e)?.into_iter().map(|b| b.names));
    let orders: Vec<Vec<_>> = vec![
        order(0)?.collect(),
        order(1)?.collect(),
        order(2)?.collect(),
    ];
    assert!(orders[0] != orders[1] || orders[1] != orders[2]);

    let validation = batches(Draw::Fixed)?;
    let mut later = epoch(&validation, 4)?;
    for batch in &mut later {
        assert_eq!(std::mem::take(&mut batch.epoch), 4);
    }
    let first = epoch(&validation, 0)?;
    assert!(first == later);
    assert_eq!(first[0].names, ["case0", "case1"]);
    Ok(())
}

#[test]
fn prefetched_batches_do_not_depend_on_the_workers() -> Result<(), DatasetError> {
    let run = |workers| {
        let batches = batches(Draw::EachEpoch)?;
        Prefetch::new(workers, 3, 1..8, move |step| batches.at(step)).collect()
    };
    let one: Result<Vec<TrainingBatch>, DatasetError> = run(1);
    let one = one?;
    let places: Vec<_> = one.iter().map(|batch| (batch.epoch, batch.step)).collect();
    assert_eq!(
        places,
        [(0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1)]
    );
    assert!(one == run(4)?);
    Ok(())
}

#[test]
fn what_makes_no_batch_is_refused() -> Result<(), DatasetError> {
    let good = batches(Draw::Fixed)?;
    assert!(matches!(good.make(0, 3), Err(DatasetError::NoBatch(_))));
    let none = Batches::new(Arc::new(MemorySource::default()), good.settings.clone());
    assert!(matches!(none, Err(DatasetError::NoBatch(_))));
    let settings = BatchSettings {
        corruption: CorruptionSpec::default(),
        ..good.settings.clone()
    };
    let holes_too_large = Batches::new(Arc::clone(&good.source), settings);
    assert!(matches!(holes_too_large, Err(DatasetError::Settings(_))));
    let mut huge = good.clone();
    huge.settings.samples_per_volume = usize::MAX;
    assert!(matches!(huge.make(0, 0), Err(DatasetError::NoBatch(_))));
    for (volumes, samples) in [(0, 2), (2, 0)] {
        let settings = BatchSettings {
            batch_volumes: volumes,
            samples_per_volume: samples,
            ..good.settings.clone()
        };
        let none = Batches::new(Arc::clone(&good.source), settings);
        assert!(matches!(none, Err(DatasetError::NoBatch(_))));
    }
    Ok(())
}

#[test]
fn an_error_names_its_case() -> Result<(), DatasetError> {
    let mut large = batches(Draw::Fixed)?;
    large.settings.patch = [24; 3];
    let error = large.make(0, 1).err().map(|error| error.to_string());
    assert!(error.is_some_and(|text| text.starts_with("case2: ")));
    Ok(())
}
