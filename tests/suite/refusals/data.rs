//! Lists, folders and volumes that cannot be trained on.

use crate::command::{
    FAILED, SMALL_NETWORK, folder, refused, text, texture, words, write_list, write_volume,
};
use crate::support;

#[test]
fn a_split_file_that_does_not_exist_is_refused() {
    let call = words(
        SMALL_NETWORK,
        &["--datalist", "absent.json", "--out", "run"],
    );
    refused(
        folder().path(),
        &call,
        FAILED,
        &["absent.json", "does not exist"],
    );
}

#[test]
fn a_folder_without_volumes_is_refused_as_a_data_list() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let call = words(SMALL_NETWORK, &["--datalist", "data", "--out", "run"]);
    refused(folder.path(), &call, FAILED, &["data holds no .nii"]);
}

#[test]
fn a_folder_of_dicom_files_is_told_from_one_without_volumes() {
    let folder = folder();
    let series = folder.path().join("series");
    std::fs::create_dir(&series).unwrap();
    std::fs::write(series.join("a.txt"), "short").unwrap();
    let mut dicom = vec![0_u8; 128];
    dicom.extend(b"DICM");
    std::fs::write(series.join("b.dcm"), dicom).unwrap();
    let parts = ["series holds DICOM files", "dcm2niix"];
    let data = ["--datalist", "series", "--out", "run"];
    refused(folder.path(), &words(SMALL_NETWORK, &data), FAILED, &parts);
    let predict = "predict --weights absent --output maps --device cpu";
    for from in ["--input", "--datalist"] {
        let call = words(predict, &[from, "series"]);
        refused(folder.path(), &call, FAILED, &parts);
    }
}

#[test]
fn dicom_files_in_the_layout_of_the_decathlon_are_told_of() {
    let folder = folder();
    for place in ["set/imagesTr", "set/labelsTr"] {
        std::fs::create_dir_all(folder.path().join(place)).unwrap();
    }
    let mut dicom = vec![0_u8; 128];
    dicom.extend(b"DICM");
    std::fs::write(folder.path().join("set/imagesTr/a.dcm"), dicom).unwrap();
    write_volume(&folder.path().join("set/labelsTr/a.nii"), |_| 1);
    let parts = ["imagesTr holds DICOM files", "dcm2niix"];
    let call = words("finetune --device cpu --out run --datalist set", &[]);
    refused(folder.path(), &call, FAILED, &parts);
}

#[test]
fn an_empty_list_is_refused() {
    let folder = folder();
    let list = write_list(folder.path(), &[]);
    let call = words(SMALL_NETWORK, &["--datalist", list, "--out", "run"]);
    refused(
        folder.path(),
        &call,
        FAILED,
        &["list.json", "\"training\" list is empty"],
    );
}

#[test]
fn a_list_that_is_not_json_is_refused_with_the_place() {
    let folder = folder();
    std::fs::write(folder.path().join("list.json"), "{\n  training: []}").unwrap();
    let call = words(SMALL_NETWORK, &["--datalist", "list.json", "--out", "run"]);
    refused(folder.path(), &call, FAILED, &["list.json", "line 2"]);
}

#[test]
fn a_volume_that_is_not_there_is_named_before_anything_starts() {
    let folder = folder();
    write_volume(&folder.path().join("a.nii"), texture(0));
    let list = write_list(folder.path(), &["a.nii", "b.nii"]);
    let call = words(SMALL_NETWORK, &["--datalist", list, "--out", "run"]);
    refused(folder.path(), &call, FAILED, &["b.nii", "no such file"]);
}

#[test]
fn a_volume_that_is_cut_short_is_named() {
    let folder = folder();
    write_volume(&folder.path().join("a.nii"), texture(0));
    let whole = std::fs::read(folder.path().join("a.nii")).unwrap();
    std::fs::write(folder.path().join("b.nii"), &whole[..5000]).unwrap();
    let list = write_list(folder.path(), &["a.nii", "b.nii"]);
    let call = words(SMALL_NETWORK, &["--datalist", list, "--out", "run"]);
    refused(folder.path(), &call, FAILED, &["b.nii", "truncated"]);
}

#[test]
fn a_compressed_volume_that_is_cut_short_is_named_before_the_first_step() {
    let folder = folder();
    write_volume(&folder.path().join("a.nii"), texture(0));
    let broken = support::data("robustness/derived/truncated.nii.gz");
    let list = write_list(folder.path(), &["a.nii", text(&broken)]);
    let call = words(SMALL_NETWORK, &["--datalist", list, "--out", "run"]);
    refused(
        folder.path(),
        &call,
        FAILED,
        &["truncated.nii.gz", "truncated,"],
    );
}

#[test]
fn a_volume_without_foreground_is_refused() {
    let folder = folder();
    write_volume(&folder.path().join("air.nii"), |_| -1000);
    let list = write_list(folder.path(), &["air.nii"]);
    let call = words(SMALL_NETWORK, &["--datalist", list, "--out", "run"]);
    refused(folder.path(), &call, FAILED, &["air.nii", "no foreground"]);
    let call = words("preview --input air.nii --out picture.png", &[]);
    refused(folder.path(), &call, FAILED, &["air.nii", "no foreground"]);
}

#[test]
fn a_label_map_is_refused_as_an_image() {
    let folder = folder();
    let label = support::data("openkbp/labels/pt_002.nii.gz");
    let list = write_list(folder.path(), &[text(&label)]);
    let call = words(SMALL_NETWORK, &["--datalist", list, "--out", "run"]);
    refused(folder.path(), &call, FAILED, &["pt_002.nii.gz", "label"]);
    let call = ["preview", "--input", text(&label), "--out", "picture.png"];
    refused(folder.path(), &call, FAILED, &["pt_002.nii.gz", "label"]);
}

#[test]
fn input_that_is_no_volume_is_refused() {
    let folder = folder();
    std::fs::write(folder.path().join("notes.txt"), "not a volume").unwrap();
    std::fs::create_dir(folder.path().join("scans")).unwrap();
    for (input, reason) in [
        ("absent.nii", "no such file"),
        ("scans", "not a file"),
        ("notes.txt", "not a NIfTI file"),
    ] {
        let call = ["preview", "--input", input, "--out", "picture.png"];
        refused(folder.path(), &call, FAILED, &[input, reason]);
    }
}
