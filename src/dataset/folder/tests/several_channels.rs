//! Images for pre-training whose channels are files of their own.

use super::*;

/// So many patients' images of so many channels, in a data set that names its channels.
fn nnunet(patients: usize, channels: usize, named: &[&str]) -> std::io::Result<tempfile::TempDir> {
    let file = |patient: usize, channel: usize| format!("imagesTr/p{patient}_{channel:04}.nii.gz");
    let files: Vec<String> = (0..patients)
        .flat_map(|patient| (0..channels).map(move |channel| file(patient, channel)))
        .collect();
    let dir = folder(&files)?;
    let named = named.iter().enumerate();
    let named: serde_json::Map<String, Value> = named
        .map(|(channel, name)| (channel.to_string(), Value::from(*name)))
        .collect();
    let about = serde_json::json!({ "channel_names": named });
    fs::write(dir.path().join("dataset.json"), about.to_string())?;
    Ok(dir)
}

/// The list of the images of such a folder.
fn images(dir: &tempfile::TempDir) -> Result<DataList, DatasetError> {
    DataList::from_folder(&dir.path().join("imagesTr"))
}

fn patients(cases: &[Case]) -> Vec<String> {
    let patient = |case: &Case| {
        let name = name(&case.image);
        name.split('_').next().unwrap_or_default().to_owned()
    };
    let mut patients: Vec<String> = cases.iter().map(patient).collect();
    patients.dedup();
    patients
}

#[test]
fn the_channels_of_a_patient_are_on_one_side_of_the_split() -> Outcome {
    for (count, held_out) in [(1, 0), (2, 1), (20, 2)] {
        let list = images(&nnunet(count, 2, &["CT", "PET"])?)?;
        assert_eq!(list.validation.len(), 2 * held_out);
        assert_eq!(list.training.len(), 2 * (count - held_out));
        let (training, validation) = (patients(&list.training), patients(&list.validation));
        assert_eq!(
            (training.len(), validation.len()),
            (count - held_out, held_out)
        );
        assert!(!validation.iter().any(|patient| training.contains(patient)));
    }
    Ok(())
}

#[test]
fn a_modality_is_that_of_all_channels() -> Outcome {
    for (named, channels, modality) in [
        (&["CT", "PET"][..], 2, None),
        (&["CT", "CT"], 2, Some("CT")),
        (&["T1", "T2"], 2, Some("T1, T2")),
        (&["FLAIR", "T1", "T1"], 3, Some("FLAIR, T1")),
        // The second is not there.
        (&["CT", "PET"], 1, Some("CT")),
    ] {
        let list = images(&nnunet(3, channels, named)?)?;
        assert_eq!(list.modality.as_deref(), modality, "{named:?}");
    }
    Ok(())
}

#[test]
fn images_that_are_merely_numbered_are_split_one_by_one() -> Outcome {
    let split = |list: &DataList| [names(&list.training), names(&list.validation)];
    // One channel, which is that of all; more numbers than channels; nobody who says anything.
    let one = split(&images(&nnunet(2, 12, &["CT"])?)?);
    let more = split(&images(&nnunet(2, 12, &["CT", "PET"])?)?);
    let untold = nnunet(2, 12, &[])?;
    fs::remove_file(untold.path().join("dataset.json"))?;
    let untold = split(&images(&untold)?);
    assert_eq!(one, untold);
    assert_eq!(more, untold);
    assert_eq!(untold.map(|names| names.len()), [22, 2]);
    Ok(())
}
