//! Settings of a run: one struct a stage that is the command-line flags, the TOML file, the page's form and what is saved
//! beside every checkpoint. Defaults are stated here; presets change some of them.

pub(crate) mod check;
mod contrary;
mod corruption;
mod crops;
mod error;
mod experiment;
mod finetune;
mod finetune_sections;
mod intensity;
mod model_card;
pub(crate) mod parse;
mod preset;
mod pretrain;
mod pretrain_sections;
mod sections;
mod stage;
mod start;
pub(crate) mod suits;

pub use corruption::{CorruptionConfig, DropoutConfig, ShuffleConfig};
pub(crate) use crops::crops_of_part;
pub use error::SettingsError;
pub use experiment::{Arm, ExperimentPlan, PlanData, PlanScoring, PretrainPlan};
pub use finetune::FinetuneConfig;
pub use finetune_sections::{CropConfig, DecoderConfig, InferenceConfig, StartConfig};
pub use intensity::{IntensityMode, is_hu, may_be_hu};
pub use model_card::ModelCard;
pub use preset::Preset;
pub use pretrain::PretrainConfig;
pub use pretrain_sections::{LossConfig, RestorationConfig, SamplingConfig};
pub use sections::{DataConfig, NetworkConfig, OptimizerConfig, RunConfig, ValidationMode};
pub use stage::StageConfig;
pub use start::StartSizes;
pub use suits::{Difference, Learned};
