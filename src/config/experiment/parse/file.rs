//! The keys of a plan's file.

use crate::config::experiment::{Arm, PlanData, PlanScoring};
use crate::metric::Bootstrap;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A plan as it stands in its file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) sizes: Vec<usize>,
    pub(super) arms: Vec<Arm>,
    pub(super) seeds: Vec<u64>,
    pub(super) data: PlanData,
    #[serde(default)]
    pub(super) pretrain: toml::Table,
    #[serde(default)]
    pub(super) finetune: toml::Table,
    #[serde(default)]
    pub(super) arm: BTreeMap<Arm, ArmTable>,
    #[serde(default)]
    pub(super) scoring: PlanScoring,
    #[serde(default)]
    pub(super) bootstrap: Bootstrap,
}

/// What an arm may have of its own. Anything more, and the arms would differ in what is compared.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ArmTable {
    pub(super) optimizer: toml::Table,
}
