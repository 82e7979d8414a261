//! What versions of MONAI register and never use, against the specification's tables of parameters.

use crate::support::cpu;
use crate::support::table::{Row, rows};
use hounsfield::nn::{Unetr, UnetrConfig, ViTAutoEncoder, VitConfig};
use hounsfield::weights::{
    ConvertOptions, Named, OutputFormat, WeightsFile, convert, describe, encode,
};
use std::collections::BTreeMap;

/// Features of the tables' tokens, and how many the networks here have in their place: their files are small.
const FEATURES: usize = 768;
const FEWER: usize = 24;
const VIT: VitConfig = VitConfig {
    hidden_size: FEWER,
    mlp_dim: FEWER,
    ..VitConfig::TUTORIAL
};
/// A version of each kind, what the tables call it, and how many tensors it registers in vain (specification 12) in
/// the auto-encoder and in UNETR.
const VERSIONS: [(&str, &str, [usize; 2]); 4] = [
    ("0.8.1", "<=0.8.1", [1, 4]),
    ("1.3", "0.9-1.3", [0, 0]),
    ("1.5", "1.4-1.5", [84, 84]),
    ("1.6", "1.6", [24, 24]),
];

type Shapes = BTreeMap<String, Vec<usize>>;

/// What is written beside the network's own tensors for a version.
fn added<N: Named>(network: &N, version: &str) -> Shapes {
    let own: Vec<_> = describe(network)
        .into_iter()
        .map(|info| {
            let zeros = vec![0.0; info.shape.iter().product()];
            (info, zeros)
        })
        .collect();
    let options = ConvertOptions {
        monai: Some(version.parse().unwrap()),
        ..ConvertOptions::default()
    };
    let file = encode(&own, None).unwrap();
    let (file, _) = convert(&file, OutputFormat::Safetensors, &options).unwrap();
    let written = WeightsFile::open(&file).unwrap().tensors;
    let mut found: Shapes = written.into_iter().map(|t| (t.name, t.shape)).collect();
    for (info, _) in own {
        assert_eq!(found.remove(&info.name), Some(info.shape));
    }
    found
}

/// The rows of a table that are marked unused and of a version.
fn unused(table: &str, version: &str) -> Shapes {
    let of_version = |row: &Row| row.unused && row.versions.iter().any(|known| known == version);
    let fewer = |size: usize| match size {
        FEATURES => FEWER,
        other => other,
    };
    let rows = rows(table).into_iter().filter(of_version);
    rows.map(|row| {
        let shape = row.info.shape.into_iter().map(fewer).collect();
        (row.info.name, shape)
    })
    .collect()
}

fn holds<N: Named>(network: &N, table: &str, which: usize) {
    for (version, name, counts) in VERSIONS {
        let expected = unused(table, name);
        assert_eq!(expected.len(), counts[which], "{version}");
        assert_eq!(added(network, version), expected, "{version}");
    }
}

#[test]
fn the_auto_encoder_is_written_with_what_each_version_registers() {
    let network = ViTAutoEncoder::zeros(&VIT, &cpu()).unwrap();
    holds(&network, "parameters_vitautoenc.tsv", 0);
}

#[test]
fn unetr_is_written_with_what_each_version_registers() {
    let sizes = UnetrConfig {
        vit: VIT,
        ..UnetrConfig::TUTORIAL
    };
    let network = Unetr::zeros(&sizes, &cpu()).unwrap();
    holds(&network, "parameters_unetr.tsv", 1);
}
