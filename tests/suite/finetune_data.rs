//! Preparing labelled volumes and mapping predictions back, on real volumes.

use std::ops::ControlFlow;
use std::sync::Arc;

use hounsfield::augment::{AugmentSettings, CropSettings};
use hounsfield::dataset::phantom::{PhantomSpec, abdomen};
use hounsfield::dataset::{
    Cache, DataList, Draw, FileSource, LabelledBatches, LabelledSettings, MemorySource,
    VolumeSource, class_notices, warm_up,
};
use hounsfield::random::Stage;
use hounsfield::transform::{
    FinetuneTransform, Geometry, GeometryOrder, Intensity, IntensityWindow, Interpolation,
    LabelError, LabelRestorer, Labelled, Space, TransformError, check_labels, crop, foreground_box,
    orient_ras, pad_to, resample_spacing, scale_intensity,
};
use hounsfield::volume::{self, Region, Volume};

use crate::support;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// 2 |P and G| / (|P| + |G|) of one label.
fn dice(a: &[u8], b: &[u8], label: u8) -> f64 {
    let count = |x: &[u8]| x.iter().filter(|&&l| l == label).count();
    let both = a.iter().zip(b).filter(|&(&x, &y)| x == label && y == label);
    2.0 * both.count() as f64 / (count(a) + count(b)) as f64
}

/// One-hot scores of labels, classes fastest.
fn one_hot(labels: &[u8], classes: usize) -> Vec<f32> {
    let mut scores = vec![0.0; labels.len() * classes];
    for (scores, &label) in scores.chunks_exact_mut(classes).zip(labels) {
        scores[usize::from(label)] = 1.0;
    }
    scores
}

/// The labels that the highest interpolated score gives, pushed in blocks of `planes` planes.
fn restored(
    labels: &[u8],
    geometry: &Geometry,
    classes: usize,
    planes: usize,
) -> Result<Vec<u8>, TransformError> {
    let [_, n1, n2] = geometry.prepared.shape;
    let mut restorer = LabelRestorer::new(geometry, classes)?;
    for block in one_hot(labels, classes).chunks(planes * n1 * n2 * classes) {
        restorer.push(block)?;
    }
    restorer.finish()
}

fn labels_of(v: &Volume) -> Vec<u8> {
    v.data().iter().map(|&l| l as u8).collect()
}

fn pair(image: &str, label: &str) -> Result<(Volume, Volume), volume::VolumeError> {
    Ok((
        volume::read(&support::data(image))?,
        volume::read(&support::data(label))?,
    ))
}

/// The definition: every transform by itself.
fn chain(
    transform: &FinetuneTransform,
    image: &Volume,
    label: &Volume,
) -> Result<(Volume, Volume), TransformError> {
    let Intensity::Range(window) = transform.intensity else {
        return Err(TransformError::Blank);
    };
    let geometric = |v: &Volume, mode| match transform.order {
        GeometryOrder::OrientationFirst => {
            resample_spacing(&orient_ras(v.clone())?, transform.spacing, mode)
        }
        GeometryOrder::SpacingFirst => orient_ras(resample_spacing(v, transform.spacing, mode)?),
    };
    let mut image = geometric(image, Interpolation::Linear)?;
    let label = geometric(label, Interpolation::Nearest)?;
    scale_intensity(&mut image, window);
    let region = foreground_box(&image).ok_or(TransformError::Blank)?;
    let patch = transform.patch;
    Ok((
        pad_to(crop(&image, region)?, patch)?,
        pad_to(crop(&label, region)?, patch)?,
    ))
}

#[test]
fn preparing_equals_the_transforms_one_after_the_other() -> Outcome {
    let list = DataList::load(&support::data("openkbp/finetune_6.json"), None)?;
    let case = &list.training[1];
    let label_path = case.label.clone().ok_or("a label")?;
    let (image, label) = (volume::read(&case.image)?, volume::read(&label_path)?);
    // The same scan stored as (head, left, front): the axes are permuted and one is flipped.
    let turn = |v: &Volume| {
        let [n0, n1, n2] = v.shape();
        let affine = v.affine();
        let mut turned = *affine;
        turned.set_column(0, &affine.column(2));
        turned.set_column(1, &-affine.column(0));
        turned.set_column(2, &affine.column(1));
        let origin = affine.column(3) + affine.column(0) * (n0 - 1) as f64;
        turned.set_column(3, &origin);
        let mut data = Vec::new();
        for k in 0..n2 {
            for i in (0..n0).rev() {
                data.extend((0..n1).map(|j| v.data()[(i * n1 + j) * n2 + k]));
            }
        }
        Volume::new([n2, n0, n1], data, turned)
    };
    let turned = (turn(&image)?, turn(&label)?);
    let mut shapes = Vec::new();
    for (image, label) in [(&image, &label), (&turned.0, &turned.1)] {
        for order in [GeometryOrder::OrientationFirst, GeometryOrder::SpacingFirst] {
            let transform = FinetuneTransform {
                order,
                patch: [400, 96, 96],
                classes: 6,
                ..FinetuneTransform::default()
            };
            let (expected, expected_label) = chain(&transform, image, label)?;
            let made = transform.labelled(image.clone(), label)?;
            assert_eq!(made.image.shape(), expected.shape(), "{order:?}");
            assert_eq!(made.image.data(), expected.data(), "{order:?}");
            assert!((made.image.affine() - expected.affine()).amax() < 1e-9);
            assert_eq!(made.label, labels_of(&expected_label), "{order:?}");
            let Geometry {
                input,
                resampled,
                crop,
                inside,
                prepared,
            } = made.geometry;
            assert_eq!(input, Space::of(image));
            assert_eq!(prepared, Space::of(&made.image));
            assert!(crop.fits(resampled.shape) && inside.fits(prepared.shape));
            assert_eq!(crop.size, inside.size);
            assert_eq!(transform.image(image.clone())?.image, made.image);
            shapes.push(crop.size);
        }
    }
    // The order matters where axes are permuted, and only there.
    assert_eq!(shapes[0], shapes[1]);
    assert_eq!(shapes[0], shapes[2]);
    assert_ne!(shapes[2], shapes[3]);
    Ok(())
}

#[test]
fn all_storage_orders_map_back_exactly() -> Outcome {
    let folder = support::data("robustness/niivue/tests/images/nifti_space");
    let mut files: Vec<_> = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    assert_eq!(files.len(), 48);
    let mut first: Option<Labelled> = None;
    for file in files {
        let image = volume::read(&file)?;
        let data = image.data().iter().map(|x| (x / 64.0).ceil()).collect();
        let label = Volume::new(image.shape(), data, *image.affine())?;
        for order in [GeometryOrder::OrientationFirst, GeometryOrder::SpacingFirst] {
            // The files' own voxel size, which the two orders name differently.
            let spacing = match order {
                GeometryOrder::OrientationFirst => orient_ras(image.clone())?.spacing(),
                GeometryOrder::SpacingFirst => image.spacing(),
            };
            let transform = FinetuneTransform {
                order,
                spacing,
                intensity: IntensityWindow {
                    min: 0.0,
                    max: 255.0,
                }
                .into(),
                patch: [70, 90, 70],
                classes: 5,
            };
            let made = transform.labelled(image.clone(), &label)?;
            let what = file.display();
            let first = first.get_or_insert_with(|| made.clone());
            assert!(
                made.label == first.label,
                "{what}: labels on the prepared grid"
            );
            let expected = labels_of(&label);
            assert!(
                restored(&made.label, &made.geometry, 5, 9)? == expected,
                "{what}: labels on the file's own grid"
            );
            let back = made.geometry.restore_values(made.image.data(), -1.0)?;
            for (back, x) in back.iter().zip(image.data()) {
                assert!(*back == x / 255.0 || (*back == -1.0 && *x == 0.0), "{what}");
            }
        }
    }
    Ok(())
}

#[test]
fn organs_of_real_ct_survive_the_way_there_and_back() -> Outcome {
    let list = DataList::load(&support::data("openkbp/finetune_6.json"), None)?;
    let case = &list.training[0];
    let label_path = case.label.clone().ok_or("a label")?;
    let kbp = (volume::read(&case.image)?, volume::read(&label_path)?);
    let trunk = pair(
        "totalsegmentator/example_ct.nii.gz",
        "totalsegmentator/example_seg_fast_force_split.nii.gz",
    )?;
    for ((image, label), classes) in [(kbp, 6), (trunk, 128)] {
        let transform = FinetuneTransform {
            // Everything, so that no label lies outside the crop.
            intensity: IntensityWindow {
                min: -5000.0,
                max: 3000.0,
            }
            .into(),
            classes,
            ..FinetuneTransform::default()
        };
        let expected = check_labels(&image, &label, classes)?;
        let made = transform.labelled(image, &label)?;
        let back = restored(&made.label, &made.geometry, classes, 31)?;
        let mut sizes = vec![0_usize; classes];
        expected.iter().for_each(|&l| sizes[usize::from(l)] += 1);
        let mut seen = 0;
        for (label, &size) in sizes.iter().enumerate().skip(1) {
            if size < 200 {
                continue;
            }
            seen += 1;
            let label = u8::try_from(label)?;
            let dice = dice(&back, &expected, label);
            assert!(dice > 0.97, "label {label} of {classes}: {dice}");
        }
        assert!(seen >= 4, "{seen} labels");
        let same = back.iter().zip(&expected).filter(|(a, b)| a == b).count();
        assert!(same as f64 > 0.999 * expected.len() as f64);
    }
    Ok(())
}

/// However the planes are cut into blocks, the labels are the same.
#[test]
fn labels_do_not_depend_on_the_blocks_they_come_in() -> Outcome {
    let image = volume::read(&support::data("crlm/CRLM-CT-1004.nii.gz"))?;
    let part = Region {
        start: [100, 150, 3],
        size: [200, 180, 30],
    };
    let image = crop(&image, part)?;
    let transform = FinetuneTransform {
        spacing: [3.0, 3.0, 4.0],
        patch: [16; 3],
        ..FinetuneTransform::default()
    };
    let made = transform.image(image)?;
    let labels: Vec<u8> = (made.image.data().iter())
        .map(|x| (x * 3.0) as u8)
        .collect();
    let [n0, ..] = made.geometry.prepared.shape;
    let whole = restored(&labels, &made.geometry, 4, n0)?;
    for planes in [1, 2, 7] {
        assert!(
            restored(&labels, &made.geometry, 4, planes)? == whole,
            "{planes} planes"
        );
    }
    let mut restorer = LabelRestorer::new(&made.geometry, 4)?;
    assert!(restorer.push(&[0.0; 5]).is_err());
    assert!(restorer.clone().finish().is_err());
    let [_, n1, n2] = made.geometry.prepared.shape;
    assert!(restorer.push(&vec![0.0; (n0 + 1) * n1 * n2 * 4]).is_err());
    Ok(())
}

#[test]
fn labels_that_do_not_fit_are_refused_by_name() -> Outcome {
    let (image, label) = pair(
        "totalsegmentator/example_ct.nii.gz",
        "totalsegmentator/example_seg.nii.gz",
    )?;
    let transform = FinetuneTransform::default();
    let other = transform.labelled(image.clone(), &label);
    assert!(matches!(
        other,
        Err(TransformError::Label(LabelError::Shape { .. }))
    ));
    let own = transform.labelled(image.clone(), &image);
    assert!(matches!(
        own,
        Err(TransformError::Label(LabelError::OutOfRange { .. }))
    ));
    let told = own.err().map(|error| error.to_string()).unwrap_or_default();
    for part in ["\"labels\" of the list", "--classes"] {
        assert!(told.contains(part), "{told}");
    }
    Ok(())
}

#[test]
fn labelled_cases_come_from_the_cache_as_they_were_prepared() -> Outcome {
    let mut list = DataList::load(&support::data("hippocampus/finetune_6.json"), None)?;
    assert_eq!(list.classes, ["background", "anterior", "posterior"]);
    list.training.truncate(3);
    let folder = tempfile::tempdir()?;
    for intensity in [Intensity::Zscore, Intensity::Percentile] {
        let transform = FinetuneTransform {
            spacing: [1.0; 3],
            intensity,
            patch: [32; 3],
            classes: list.classes.len(),
            ..FinetuneTransform::default()
        };
        for (built, disk) in [(3, 0), (0, 3)] {
            let cache = Arc::new(Cache::new(0, Some(folder.path())));
            let source = FileSource::new(&list.training, transform, Arc::clone(&cache));
            warm_up(&source, 2, |_, _| ControlFlow::Continue(()))?;
            assert_eq!((cache.counts().built, cache.counts().disk), (built, disk));
            for (index, case) in list.training.iter().enumerate() {
                let label = volume::read(case.label.as_deref().ok_or("a label")?)?;
                let fresh = transform.labelled(volume::read(&case.image)?, &label)?;
                assert_eq!(*source.volume(index)?, fresh);
            }
            let go_on = |_, _| ControlFlow::Continue(());
            let notices = class_notices(&source, 2, (3, &list.classes), go_on)?;
            assert_eq!(notices, []);
        }
    }
    // An image in the place of the labels, and no label at all, are errors that name the file.
    let transform = FinetuneTransform {
        classes: 3,
        ..FinetuneTransform::default()
    };
    let mut bad = list.training.clone();
    bad[0].label = Some(bad[0].image.clone());
    bad[1].label = None;
    let source = FileSource::new(&bad, transform, Arc::new(Cache::new(0, None)));
    let Err(error) = warm_up(&source, 1, |_, _| ControlFlow::Continue(())) else {
        return Err("both must be refused".into());
    };
    let text = error.to_string();
    assert!(
        text.contains("holds label") || text.contains("no whole number"),
        "{text}"
    );
    assert!(text.contains("has no label in the split file"), "{text}");
    Ok(())
}

#[test]
fn phantoms_can_be_fine_tuned_on() -> Outcome {
    let spec = PhantomSpec::quickstart();
    let raw = (0..2).map(|seed| {
        let case = abdomen(seed, &spec)?;
        Ok((format!("phantom {seed}"), case.image, case.label))
    });
    let raw: Vec<_> = raw.collect::<Result<_, Box<dyn std::error::Error>>>()?;
    let patch = [32; 3];
    let transform = FinetuneTransform {
        spacing: [4.0; 3],
        patch,
        ..FinetuneTransform::default()
    };
    let source = Arc::new(MemorySource::prepare_labelled(raw, &transform)?);
    let go_on = |_, _| ControlFlow::Continue(());
    assert_eq!(class_notices(source.as_ref(), 1, (14, &[]), go_on)?, []);
    let settings = LabelledSettings {
        seed: 1,
        stage: Stage::Finetuning,
        batch_volumes: 1,
        samples_per_volume: 4,
        crop: CropSettings {
            patch,
            ..CropSettings::default()
        },
        augment: AugmentSettings::default(),
        draw: Draw::EachEpoch,
    };
    let batches = LabelledBatches::new(source, settings)?;
    assert_eq!(batches.steps_per_epoch(), 2);
    let batch = batches.at(3)?;
    assert_eq!((batch.epoch, batch.step, batch.patches), (1, 1, 4));
    assert!(batch.label.iter().any(|&label| label > 0));
    assert!(batch.label.iter().all(|&label| label < 14));
    Ok(())
}
