//! What a run's labelled batches hold, and what they depend on.

use super::*;
use crate::dataset::{ClassNotice, MemorySource, Prefetch, class_notices};
use crate::transform::FinetuneTransform;
use crate::volume::{Affine, Volume};
use std::ops::ControlFlow;
use std::sync::Mutex;

type Outcome = Result<(), Box<dyn std::error::Error>>;

const PATCH: [usize; 3] = [8; 3];
const CASES: u16 = 5;

/// Five cases of 10^3 voxels, shuffled labels 0 to 3; the image of case `c` is `c + 1 + label / 8`.
fn source() -> Result<Arc<MemorySource<Labelled>>, Box<dyn std::error::Error>> {
    let case = |c: u16| {
        let label: Vec<f32> = (0..1000u32)
            .map(|n| f32::from((n.wrapping_mul(2_654_435_761) >> 16) as u8 & 3))
            .collect();
        let image = label.iter().map(|l| f32::from(c) + 1.0 + l / 8.0).collect();
        let volume = |data| Volume::new([10; 3], data, Affine::identity());
        Ok((format!("case{c}"), volume(image)?, volume(label)?))
    };
    let cases: Vec<_> = (0..CASES)
        .map(case)
        .collect::<Result<_, Box<dyn std::error::Error>>>()?;
    let transform = FinetuneTransform {
        spacing: [1.0; 3],
        intensity: crate::transform::IntensityWindow { min: 0.0, max: 8.0 }.into(),
        patch: PATCH,
        classes: 6,
        ..FinetuneTransform::default()
    };
    Ok(Arc::new(MemorySource::prepare_labelled(cases, &transform)?))
}

fn settings() -> LabelledSettings {
    LabelledSettings {
        seed: 7,
        stage: Stage::Finetuning,
        batch_volumes: 2,
        samples_per_volume: 3,
        crop: CropSettings {
            patch: PATCH,
            ..CropSettings::default()
        },
        augment: AugmentSettings {
            shift_probability: 0.0,
            ..AugmentSettings::default()
        },
        draw: Draw::EachEpoch,
    }
}

#[test]
fn an_epoch_visits_every_case_once_with_its_samples_in_a_row() -> Outcome {
    let batches = LabelledBatches::new(source()?, settings())?;
    assert_eq!(batches.steps_per_epoch(), 3);
    let epoch: Vec<_> = (0..3)
        .map(|step| batches.make(1, step))
        .collect::<Result<_, _>>()?;
    assert_eq!(
        epoch.iter().map(|b| b.patches).collect::<Vec<_>>(),
        [6, 6, 3]
    );
    let mut names = Vec::new();
    for batch in &epoch {
        assert_eq!(batch.image.len(), batch.patches * 512);
        assert_eq!(batch.label.len(), batch.image.len());
        let pairs = batch.image.chunks(512).zip(batch.label.chunks(512));
        for (n, (image, label)) in pairs.enumerate() {
            let c: f32 = batch.names[n / 3][4..].parse()?;
            for (x, l) in image.iter().zip(label) {
                assert_eq!(*x, (c + 1.0 + f32::from(*l) / 8.0) / 8.0);
            }
        }
        names.extend(batch.names.clone());
    }
    names.sort();
    assert_eq!(names, ["case0", "case1", "case2", "case3", "case4"]);
    assert!(matches!(batches.make(0, 3), Err(DatasetError::NoBatch(_))));
    Ok(())
}

#[test]
fn batches_do_not_depend_on_workers_or_on_earlier_ones() -> Outcome {
    let batches = LabelledBatches::new(source()?, settings())?;
    let run = |workers| -> Result<Vec<LabelledBatch>, DatasetError> {
        let batches = batches.clone();
        Prefetch::new(workers, 3, 1..8, move |step| batches.at(step)).collect()
    };
    let one = run(1)?;
    assert!(one == run(4)?);
    assert!(one[4] == batches.make(1, 2)?);
    assert!(one[0].label != one[3].label, "epochs differ");
    Ok(())
}

#[test]
fn settings_that_make_no_batch_are_refused() -> Outcome {
    let source = source()?;
    let make = |settings| LabelledBatches::new(source.clone(), settings).err();
    let none = LabelledSettings {
        samples_per_volume: 0,
        ..settings()
    };
    assert!(matches!(make(none), Some(DatasetError::NoBatch(_))));
    let mut turned = settings();
    turned.crop.patch = [8, 4, 4];
    assert!(matches!(make(turned), Some(DatasetError::Settings(_))));
    let empty = LabelledBatches::new(Arc::new(MemorySource::default()), settings());
    assert!(matches!(empty, Err(DatasetError::NoBatch(_))));
    let mut large = settings();
    large.crop.patch = [16; 3];
    let error = LabelledBatches::new(source, large)?.make(0, 0).err();
    assert!(error.is_some_and(|error| error.to_string().starts_with("case")));
    Ok(())
}

#[test]
fn classes_that_never_occur_are_noticed() -> Outcome {
    let names = ["background", "a", "b", "c", "d", "e"].map(str::to_owned);
    let source = source()?;
    let notices = |names: &[String]| {
        let seen = Mutex::new(Vec::new());
        let progress = |done, total| {
            seen.lock().unwrap().push((done, total));
            ControlFlow::Continue(())
        };
        let found = class_notices(source.as_ref(), 2, (6, names), progress);
        let counted: Vec<_> = (1..=5).map(|done| (done, 5)).collect();
        assert_eq!(seen.into_inner().unwrap(), counted);
        found
    };
    let absent = |class, name: &str| ClassNotice::Absent {
        class,
        name: name.to_owned(),
    };
    assert_eq!(notices(&names)?, [absent(4, "d"), absent(5, "e")]);
    assert_eq!(
        notices(&names[..5])?,
        [absent(4, "d"), absent(5, "class 5")]
    );
    Ok(())
}

#[test]
fn looking_for_classes_stops_when_asked() -> Outcome {
    let stop = |_, _| ControlFlow::Break(());
    let stopped = class_notices(source()?.as_ref(), 1, (6, &[]), stop);
    let told = matches!(stopped, Err(DatasetError::Stopped { done: 1, total: 5 }));
    assert!(told, "{stopped:?}");
    Ok(())
}

#[test]
fn cases_without_any_label_are_noticed_in_their_order() -> Outcome {
    let full = source()?;
    let empty = |name: &str| -> Result<_, DatasetError> {
        let mut case = (*full.volume(0)?).clone();
        case.label.fill(0);
        Ok((name.to_owned(), Arc::new(case)))
    };
    let cases = vec![
        empty("first")?,
        ("second".to_owned(), full.volume(1)?),
        empty("third")?,
    ];
    let source = MemorySource::new(cases);
    let go_on = |_, _| ControlFlow::Continue(());
    let notices = class_notices(&source, 3, (4, &[]), go_on)?;
    let unlabelled = ["first", "third"].map(|name| ClassNotice::Unlabelled {
        name: name.to_owned(),
    });
    assert_eq!(notices, unlabelled);
    Ok(())
}
