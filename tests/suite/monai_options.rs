//! Networks of MONAI that were made with other options than the original's.

use crate::command::{run, words};
use crate::support::cpu;
use crate::support::sizes::SMALLEST;
use hounsfield::nn::VisionTransformer;
use hounsfield::weights::{ParameterInfo, describe, encode};

/// A safetensors file of zeros: a transformer's own tensors, and more.
fn file(more: &[(&str, &[usize])]) -> Vec<u8> {
    let own = describe(&VisionTransformer::zeros(&SMALLEST, &cpu()).unwrap());
    let more = more.iter().map(|(name, shape)| ParameterInfo {
        name: (*name).to_owned(),
        shape: shape.to_vec(),
    });
    let zeros = |info: ParameterInfo| {
        let values = vec![0.0; info.shape.iter().product()];
        (info, values)
    };
    let all: Vec<_> = own.into_iter().chain(more).map(zeros).collect();
    encode(&all, None).unwrap()
}

#[test]
fn who_wants_a_classifier_for_monai_is_told_that_its_head_was_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let head: [(&str, &[usize]); 3] = [
        ("cls_token", &[1, 1, 8]),
        ("classification_head.0.weight", &[2, 8]),
        ("classification_head.0.bias", &[2]),
    ];
    std::fs::write(folder.path().join("classifier.safetensors"), file(&head)).unwrap();
    // The class token of 0.7 and 0.8, which takes no part, is none of a classifier.
    let unused = file(&[("patch_embedding.cls_token", &[1, 1, 8])]);
    std::fs::write(folder.path().join("plain.safetensors"), unused).unwrap();
    for (input, more, told) in [
        ("classifier.safetensors", "--monai 1.5", true),
        ("classifier.safetensors", "--monai 1.3", true),
        ("classifier.safetensors", "", false),
        ("plain.safetensors", "--monai 1.5", false),
    ] {
        let call = format!("convert --input {input} --output out.pt {more}");
        let done = run(folder.path(), &words(&call, &[])).succeeded();
        assert_eq!(done.stderr.contains("classif"), told, "{}", done.told());
    }
}
