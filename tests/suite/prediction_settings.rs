//! Settings of a network that is only asked, not trained.

use crate::command::{FAILED, folder, refused, texture, words, write_volume};

#[test]
fn windows_that_could_not_be_turned_in_training_are_none_of_predict_s_business() {
    let folder = folder();
    write_volume(&folder.path().join("scan.nii"), texture(0));
    let settings = "[crops]\nroi_size = [48, 32, 64]\n";
    std::fs::write(folder.path().join("windows.toml"), settings).unwrap();
    let call = "predict --preset small --config windows.toml --weights absent.safetensors --input scan.nii \
                --output labels.nii --device cpu";
    // The settings will do: what is missing is the network.
    let parts = ["cannot read", "absent.safetensors"];
    refused(folder.path(), &words(call, &[]), FAILED, &parts);
}
