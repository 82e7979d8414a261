//! Files that can be read and hold what is seldom meant: a warning names them.

use crate::command::{
    FAILED, SMALL_NETWORK, folder, refused, run, texture, words, write_list, write_volume,
};
use hounsfield::volume::{Affine, Datatype, Volume, write};
use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Writes 20 x 20 x 20 voxels of 4 mm as floating-point numbers.
fn write_floats(path: &Path, value: impl Fn(usize) -> f32) {
    let mut affine = Affine::identity();
    (0..3).for_each(|axis| affine[(axis, axis)] = 4.0);
    let volume = Volume::new([20; 3], (0..8000).map(value).collect(), affine).unwrap();
    write(path, &volume, Datatype::F32).unwrap();
}

#[test]
fn voxels_that_are_not_finite_are_counted_before_training() {
    let folder = folder();
    let grey = |index| f32::from(texture(0)(index));
    write_floats(&folder.path().join("whole.nii"), grey);
    write_floats(&folder.path().join("holes.nii"), |index| match index {
        0..5 => f32::NAN,
        5..7 => f32::INFINITY,
        _ => grey(index),
    });
    let list = write_list(folder.path(), &["whole.nii", "holes.nii"]);
    let call = "--max-steps 1 --intensity range --out run --datalist";
    let call = words(SMALL_NETWORK, &words(call, &[list]));
    let done = run(folder.path(), &call).succeeded();
    let counted = done
        .stderr
        .matches("holes.nii: 7 of its 8000 voxels")
        .count();
    assert_eq!(counted, 1, "{}", done.told());
    assert!(!done.stderr.contains("whole.nii:"), "{}", done.told());
}

/// Dates a file an hour back: of one that has just changed no prepared copy is kept.
fn age(path: &Path) {
    let file = File::options().write(true).open(path).unwrap();
    let then = SystemTime::now() - Duration::from_secs(3600);
    file.set_modified(then).unwrap();
}

#[test]
fn every_run_says_once_what_is_doubtful_about_a_scan_also_of_its_prepared_copy() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    write_floats(&at("holes.nii"), |index| match index {
        0..5 => f32::NAN,
        _ => f32::from(texture(0)(index)),
    });
    write_volume(&at("lost.nii"), texture(1));
    let mut bytes = std::fs::read(at("lost.nii")).unwrap();
    // Without the code of its sform it has no form at all.
    bytes[254] = 0;
    std::fs::write(at("lost.nii"), bytes).unwrap();
    for name in ["holes.nii", "lost.nii"] {
        age(&at(name));
    }
    let list = write_list(folder.path(), &["holes.nii", "lost.nii"]);
    let call = "--max-steps 2 --intensity range --cache-memory 0 --datalist";
    let call = words(SMALL_NETWORK, &words(call, &[list]));
    for out in ["first", "second"] {
        let call = [&call[..], &["--out", out]].concat();
        let done = run(folder.path(), &call).succeeded();
        for told in [
            "holes.nii: 5 of its 8000 voxels",
            "lost.nii: its header has neither",
        ] {
            assert_eq!(done.stderr.matches(told).count(), 1, "{}", done.told());
        }
        // The second run prepares nothing.
        let copies = std::fs::read_dir(at("cache")).unwrap().flatten();
        let copies = copies.filter(|copy| copy.path().extension() == Some("huvol".as_ref()));
        assert_eq!(copies.count(), 2, "{out}");
    }
    // Without copies a scan is prepared anew in each epoch.
    std::fs::write(at("full"), "no folder").unwrap();
    let call = [&call[..], &["--out", "third", "--cache-dir", "full"]].concat();
    let done = run(folder.path(), &call).succeeded();
    let told = done.stderr.matches("holes.nii: 5 of its 8000 voxels");
    assert_eq!(told.count(), 1, "{}", done.told());
}

#[test]
fn a_list_under_a_wrong_key_and_validation_on_training_cases_are_warned_of() {
    let folder = folder();
    write_volume(&folder.path().join("a.nii"), texture(0));
    let list = r#"{"training": ["a.nii"], "val": [{"image": "b.nii"}]}"#;
    std::fs::write(folder.path().join("list.json"), list).unwrap();
    let call = "--max-steps 1 --out run --datalist list.json";
    let call = words(SMALL_NETWORK, &words(call, &[]));
    let done = run(folder.path(), &call).succeeded();
    for part in [
        "nothing reads the cases under \"val\"",
        "scores on training cases flatter",
    ] {
        let line = done.stderr.lines().find(|line| line.contains(part));
        let warned = line.is_some_and(|line| line.contains("WARN"));
        assert!(warned, "{part}{}", done.told());
    }
}

#[test]
fn a_list_that_calls_scans_ct_is_doubted_where_they_do_not_look_like_it() {
    let folder = folder();
    let list = serde_json::json!({ "training": ["a.nii"], "modality": { "0": "CT" } });
    std::fs::write(folder.path().join("list.json"), list.to_string()).unwrap();
    for (lift, warned) in [(0, false), (500, true)] {
        write_volume(&folder.path().join("a.nii"), |index| {
            texture(0)(index) + lift
        });
        let out = format!("run {lift}");
        let call = words("--max-steps 1 --datalist list.json --out", &[&out]);
        let call = words(SMALL_NETWORK, &call);
        let done = run(folder.path(), &call).succeeded();
        for part in [
            "its images are CT, but ",
            "a.nii has no value below -100",
            "--intensity percentile",
        ] {
            assert_eq!(done.stderr.contains(part), warned, "{}", done.told());
        }
    }
}

#[test]
fn channels_in_files_of_their_own_are_told_of_where_a_data_set_names_several() {
    let folder = folder();
    let images = folder.path().join("set/imagesTr");
    std::fs::create_dir_all(&images).unwrap();
    for (number, name) in ["p_0000", "p_0001", "q_0000", "q_0001"].iter().enumerate() {
        write_volume(&images.join(format!("{name}.nii")), texture(number));
    }
    for (names, told) in [(["CT", "PET"], true), (["CT", "CT"], false)] {
        let about = serde_json::json!({ "channel_names": { "0": names[0], "1": names[1] } });
        std::fs::write(folder.path().join("set/dataset.json"), about.to_string()).unwrap();
        let out = names.join(" ");
        let call = words("--max-steps 1 --datalist set/imagesTr --out", &[&out]);
        let done = run(folder.path(), &words(SMALL_NETWORK, &call)).succeeded();
        for (part, told) in [
            ("a volume of its own: 2, such as p;", true),
            ("their channels are CT and PET, so no modality", told),
        ] {
            assert_eq!(done.stderr.contains(part), told, "{part}{}", done.told());
        }
    }
}

#[test]
fn an_absurd_voxel_is_told_of_and_training_goes_on_without_it() {
    let folder = folder();
    write_floats(&folder.path().join("absurd.nii"), |index| match index {
        4000 => 3e38,
        _ => f32::from(texture(0)(index)),
    });
    let list = write_list(folder.path(), &["absurd.nii"]);
    let call = "--max-steps 1 --intensity zscore --out run --datalist";
    let call = words(SMALL_NETWORK, &words(call, &[list]));
    let done = run(folder.path(), &call).succeeded();
    let told = "absurd.nii: 1 of its 8000 voxels have values as far out as 3e38";
    assert_eq!(done.stderr.matches(told).count(), 1, "{}", done.told());
    assert!(!done.stderr.contains("not finite"), "{}", done.told());
}

#[test]
fn a_file_without_orientation_is_named_with_what_is_assumed() {
    let folder = folder();
    let path = folder.path().join("lost.nii");
    write_volume(&path, texture(0));
    let mut bytes = std::fs::read(&path).unwrap();
    // Without the code of its sform it has no form at all.
    bytes[254] = 0;
    std::fs::write(&path, bytes).unwrap();
    let list = write_list(folder.path(), &["lost.nii"]);
    let call = words(
        SMALL_NETWORK,
        &["--max-steps", "1", "--out", "run", "--datalist", list],
    );
    let done = run(folder.path(), &call).succeeded();
    let named = "lost.nii: its header has neither";
    assert_eq!(done.stderr.matches(named).count(), 1, "{}", done.told());
    assert!(done.stderr.contains("4 x 4 x 4 mm"), "{}", done.told());
}

#[test]
fn a_volume_of_values_too_large_is_refused_for_what_it_is() {
    let folder = folder();
    write_floats(&folder.path().join("large.nii"), |_| f32::INFINITY);
    let list = write_list(folder.path(), &["large.nii"]);
    let call = "--intensity percentile --out run --datalist";
    let call = words(SMALL_NETWORK, &words(call, &[list]));
    refused(
        folder.path(),
        &call,
        FAILED,
        &["large.nii", "8000 are infinite"],
    );
}
