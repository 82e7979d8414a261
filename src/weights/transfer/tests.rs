//! Transfers between the networks of the specification, small.

mod architectures;
mod misfits;
mod norms;
mod patch_sizes;
mod starting;

use super::*;
use crate::weights::{WeightsFile, encode};

const HIDDEN: usize = 4;

type Tensors = Vec<(ParameterInfo, Vec<f32>)>;

/// Values that tell tensors and places apart.
fn tensor(name: &str, shape: &[usize]) -> (ParameterInfo, Vec<f32>) {
    let start = name.bytes().map(f32::from).sum::<f32>();
    let values = (0..shape.iter().product())
        .map(|i| start + i as f32 / 64.0)
        .collect();
    let info = ParameterInfo {
        name: name.to_owned(),
        shape: shape.to_vec(),
    };
    (info, values)
}

fn vit(prefix: &str, patches: usize) -> Tensors {
    let h = HIDDEN;
    encoder::encoder_names(1)
        .iter()
        .map(|name| {
            let shape = match name.rsplit_once('.').map_or("", |(start, _)| start) {
                "patch_embedding" => vec![1, patches, h],
                "patch_embedding.patch_embeddings" if name.ends_with("weight") => {
                    vec![h, 1, 2, 2, 2]
                }
                "blocks.0.attn.qkv" => vec![3 * h, h],
                start if name.ends_with("weight") && !start.contains("norm") => vec![h, h],
                _ => vec![h],
            };
            tensor(&format!("{prefix}{name}"), &shape)
        })
        .collect()
}

fn with(mut tensors: Tensors, more: &[(&str, &[usize])]) -> Tensors {
    tensors.extend(more.iter().map(|(name, shape)| tensor(name, shape)));
    tensors
}

const HEAD: [(&str, &[usize]); 2] = [
    ("conv3d_transpose.weight", &[4, 2, 2, 2, 2]),
    ("conv3d_transpose.bias", &[2]),
];
const DECODER: [(&str, &[usize]); 3] = [
    ("encoder2.blocks.0.1.conv1.conv.weight", &[2, 2, 3, 3, 3]),
    ("decoder2.transp_conv.conv.weight", &[2, 2, 2, 2, 2]),
    ("out.conv.conv.bias", &[3]),
];

fn unetr() -> Tensors {
    with(vit("vit.", 8), &DECODER)
}

fn describe(tensors: &Tensors) -> Vec<ParameterInfo> {
    tensors.iter().map(|(info, _)| info.clone()).collect()
}

const ENCODER: TransferOptions = TransferOptions {
    need: Need::Encoder,
    allow_partial: false,
    positions: None,
};
const ALL: TransferOptions = TransferOptions {
    need: Need::All,
    ..ENCODER
};

fn moved(
    from: &Tensors,
    to: &Tensors,
    options: &TransferOptions,
) -> Result<(Values, TransferReport), TransferError> {
    let bytes = encode(from, None).unwrap();
    transfer(&WeightsFile::open(&bytes).unwrap(), &describe(to), options)
}

#[test]
fn the_encoder_of_an_auto_encoder_moves_into_unetr() {
    for prefix in ["", "module.", "encoder.vit."] {
        let head: Vec<_> = HEAD
            .map(|(name, shape)| (format!("{prefix}{name}"), shape))
            .into();
        let head: Vec<_> = head
            .iter()
            .map(|(name, shape)| (name.as_str(), *shape))
            .collect();
        let source = with(vit(prefix, 8), &head);
        let (values, report) = moved(&source, &unetr(), &ENCODER).unwrap();
        assert_eq!(
            (report.encoder, report.encoder_taken, values.len()),
            (16, 16, 16)
        );
        assert_eq!(report.origin.network, NetworkKind::AutoEncoder);
        assert_eq!(report.origin.prefix, prefix);
        assert_eq!((report.random.len(), report.dropped.len()), (3, 2));
        let qkv = source
            .iter()
            .find(|(info, _)| info.name.ends_with("qkv.weight"))
            .unwrap();
        assert_eq!(values["vit.blocks.0.attn.qkv.weight"], qkv.1);
        let text = report.to_string();
        assert!(text.contains("16 of 16 encoder tensors"), "{text}");
        assert!(
            text.contains("left random: 3 tensors (not in the file)"),
            "{text}"
        );
        assert!(
            text.contains("dropped: 2 tensors (reconstruction head)"),
            "{text}"
        );
    }
}

#[test]
fn unetr_gives_its_decoder_where_it_fits() {
    let mut other = unetr();
    let last = other.len() - 1;
    other[last] = tensor("out.conv.conv.bias", &[5]);
    let (values, report) = moved(&other, &unetr(), &ENCODER).unwrap();
    assert_eq!(values.len(), 18);
    assert_eq!(report.random[0].name, "out.conv.conv.bias");
    let error = moved(&other, &unetr(), &ALL).unwrap_err();
    assert!(matches!(error, TransferError::Shape { .. }), "{error}");
    let (values, _) = moved(&unetr(), &unetr(), &ALL).unwrap();
    assert_eq!(values.len(), 19);
}

#[test]
fn an_encoder_cannot_predict() {
    let error = moved(&with(vit("", 8), &HEAD), &unetr(), &ALL).unwrap_err();
    assert!(
        matches!(error, TransferError::WrongStage { missing: 3, .. }),
        "{error}"
    );
    // With a decoder that was pre-trained too, the last layer alone is missing.
    let unfinished = with(vit("vit.", 8), &DECODER[..2]);
    let error = moved(&unfinished, &unetr(), &ALL).unwrap_err();
    assert!(
        matches!(error, TransferError::WrongStage { missing: 1, .. }),
        "{error}"
    );
    let cut = with(vit("vit.", 8), &DECODER[1..]);
    let error = moved(&cut, &unetr(), &ALL).unwrap_err();
    assert!(
        matches!(error, TransferError::Parts { missing: 1, .. }),
        "{error}"
    );
}

#[test]
fn an_encoder_that_is_not_complete_needs_permission() {
    let mut source = vit("", 8);
    source.retain(|(info, _)| info.name != "blocks.0.mlp.linear2.bias");
    let error = moved(&source, &unetr(), &ENCODER).unwrap_err();
    assert_eq!(
        error,
        TransferError::Incomplete {
            found: 15,
            total: 16,
            first: "vit.blocks.0.mlp.linear2.bias".to_owned()
        }
    );
    let partial = TransferOptions {
        allow_partial: true,
        ..ENCODER
    };
    let (values, report) = moved(&source, &unetr(), &partial).unwrap();
    assert_eq!((values.len(), report.random.len()), (15, 4));
    // Permission is no licence to take nothing.
    let nothing: Tensors = vit("", 8)
        .into_iter()
        .map(|(info, _)| tensor(&info.name, &[7]))
        .collect();
    let error = moved(&nothing, &unetr(), &partial).unwrap_err();
    assert!(
        matches!(error, TransferError::Incomplete { found: 0, .. }),
        "{error}"
    );
}

#[test]
fn tensors_that_versions_of_monai_never_use_are_dropped() {
    let source = with(
        vit("", 8),
        &[
            ("patch_embedding.cls_token", &[1, 1, 4]),
            ("linear_1.weight", &[2, 2]),
            ("blocks.0.cross_attn.to_q.weight", &[4, 4]),
            ("blocks.0.norm_cross_attn.bias", &[4]),
        ],
    );
    let (_, report) = moved(&source, &vit("", 8), &ALL).unwrap();
    assert_eq!(report.dropped.len(), 4);
    assert!(
        report
            .dropped
            .iter()
            .all(|d| d.reason.contains("use") || d.reason.contains("token"))
    );
    let old = with(
        unetr(),
        &[("encoder2.blocks.0.1.conv3.conv.weight", &[2, 2, 1, 1, 1])],
    );
    let (_, report) = moved(&old, &unetr(), &ALL).unwrap();
    assert_eq!(
        report.dropped[0].name,
        "encoder2.blocks.0.1.conv3.conv.weight"
    );
}

#[test]
fn a_transformer_with_more_in_it_is_another_network() {
    for extra in ["blocks.1.norm1.weight", "blocks.0.attn.qkv.bias"] {
        let error = moved(&with(vit("", 8), &[(extra, &[4])]), &unetr(), &ENCODER).unwrap_err();
        let expected = TransferError::LeftOver {
            first: extra.to_owned(),
            count: 1,
        };
        assert_eq!(error, expected);
    }
}

#[test]
fn a_perceptron_becomes_a_convolution() {
    let mut source = vit("", 8);
    for (info, _) in &mut source {
        if let Some(end) = info.name.strip_prefix(names::PATCHES) {
            if end == "weight" {
                info.shape = vec![HIDDEN, 8];
            }
            info.name = format!("{}{end}", names::PERCEPTRON);
        }
    }
    let (values, report) = moved(&source, &unetr(), &ENCODER).unwrap();
    assert_eq!(report.converted[0].reason, "linear layer to convolution");
    assert_eq!(
        values["vit.patch_embedding.patch_embeddings.weight"].len(),
        32
    );
    assert_eq!(report.encoder_taken, 16);
    assert!(report.dropped.is_empty());
}

#[test]
fn position_embeddings_change_their_grid_only_when_asked() {
    let source = vit("", 27);
    let error = moved(&source, &unetr(), &ENCODER).unwrap_err();
    let expected = TransferError::Positions {
        found: 27,
        expected: 8,
    };
    assert_eq!(error, expected);
    let asked = |from, to| TransferOptions {
        positions: Some(PatchGrids { from, to }),
        ..ENCODER
    };
    let (values, report) = moved(&source, &unetr(), &asked(None, [2; 3])).unwrap();
    assert_eq!(
        values["vit.patch_embedding.position_embeddings"].len(),
        8 * HIDDEN
    );
    assert_eq!(report.resized[0].reason, "3x3x3 to 2x2x2 patches");
    for grids in [
        (Some([3, 3, 2]), [2; 3]),
        (None, [3, 2, 2]),
        (Some([0; 3]), [2; 3]),
    ] {
        let error = moved(&source, &unetr(), &asked(grids.0, grids.1)).unwrap_err();
        assert!(matches!(error, TransferError::Grid { .. }), "{error}");
    }
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    let mut source = vit("", 8);
    source[5].1[1] = f32::NAN;
    let error = moved(&source, &unetr(), &ENCODER).unwrap_err();
    assert_eq!(error, TransferError::NotFinite(source[5].0.name.clone()));
}

#[test]
fn other_networks_are_named_as_such() {
    let source = vec![tensor("layer1.conv1.weight", &[2, 2])];
    let error = moved(&source, &unetr(), &ENCODER).unwrap_err();
    assert!(error.to_string().contains("layer1.conv1.weight"), "{error}");
    let two = with(
        vit("student.", 8),
        &[("teacher.patch_embedding.position_embeddings", &[1, 8, 4])],
    );
    let error = moved(&two, &unetr(), &ENCODER).unwrap_err();
    assert!(matches!(error, TransferError::Ambiguous { .. }), "{error}");
}

#[test]
fn converted_files_have_plain_names_and_come_back_the_same() {
    let mut source = unetr();
    for (info, _) in &mut source {
        info.name = format!("module.{}", info.name);
    }
    let bytes = encode(&source, None).unwrap();
    let plain = ConvertOptions::default();
    let (torch, report) = convert(&bytes, OutputFormat::PyTorch, &plain).unwrap();
    assert_eq!(report.origin.prefix, "module.");
    assert_eq!(report.tensors, 19);
    let (again, _) = convert(&torch, OutputFormat::Safetensors, &plain).unwrap();
    let file = WeightsFile::open(&again).unwrap();
    assert_eq!(file.tensors.len(), 19);
    for (expected, values) in unetr() {
        let found = file
            .tensors
            .iter()
            .find(|t| t.name == expected.name)
            .unwrap();
        assert_eq!((&found.shape, found.values()), (&expected.shape, values));
    }
}

#[test]
fn converting_refuses_what_is_not_complete() {
    let mut source = vit("", 8);
    source.retain(|(info, _)| info.name != "norm.bias");
    let bytes = encode(&source, None).unwrap();
    let options = ConvertOptions::default();
    let error = convert(&bytes, OutputFormat::PyTorch, &options)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("15 of the encoder's 16 tensors, norm.bias is missing"),
        "{error}"
    );
    let partial = ConvertOptions {
        allow_partial: true,
        ..options
    };
    assert!(convert(&bytes, OutputFormat::PyTorch, &partial).is_ok());
    // Moments of the optimiser have the names of weights, and are flat.
    let mut flat = vit("", 8);
    for (info, values) in &mut flat {
        info.shape = vec![values.len()];
    }
    let bytes = encode(&flat, None).unwrap();
    let error = convert(&bytes, OutputFormat::PyTorch, &partial)
        .unwrap_err()
        .to_string();
    assert!(error.contains("moments"), "{error}");
    // A block of a great number does not make a long list.
    let far = with(vit("", 8), &[("blocks.4000000000.norm1.bias", &[4])]);
    let bytes = encode(&far, None).unwrap();
    assert!(convert(&bytes, OutputFormat::PyTorch, &options).is_err());
}
