//! What a training would come to: its settings, what they cost, and what is to be said of them.

use super::{Answer, Session, plain, words};
use crate::cases::Cases;
use crate::protocol::{Stage, Start, TrainRequest};
use crate::settings;
use crate::training::{Failure, class_names};
use hounsfield::config::{FinetuneConfig, SettingsError, StageConfig};
use hounsfield::device::check_precision;
use serde_json::json;

/// Settings for a request, from what there is to train on, the network in use, and what a list says made the images.
type MakeSettings<C> =
    fn(&TrainRequest, &Cases, Option<&FinetuneConfig>, Option<&str>) -> Result<C, SettingsError>;

/// A run's files, in units of a step's weights, gradients, moments and average: two checkpoints, which have no gradients, and
/// in their place the best one and the network to use; and the archive of it all with its own copy.
const RUN_FILES: u64 = 4;

impl Session {
    /// Settings of the network that a request starts from or resembles.
    fn known(&self, request: &TrainRequest) -> Option<FinetuneConfig> {
        let model = self.origin().map(|origin| origin.config);
        let encoder = self.encoder.borrow();
        let encoder = encoder.as_ref().and_then(|encoder| encoder.config.clone());
        match request.start {
            Start::Encoder => encoder.or(model),
            Start::Model | Start::Scratch => model,
        }
    }

    /// Checked settings of a stage: `make` is the stage's function of [`settings`].
    pub(super) fn config<C: StageConfig>(
        &self,
        request: &TrainRequest,
        make: MakeSettings<C>,
    ) -> Result<C, Failure> {
        let (model, cases) = (self.known(request), self.cases.borrow());
        let modality = self.modality_of(request, &cases);
        let config = make(request, &cases, model.as_ref(), modality.as_deref()).map_err(words)?;
        config.validate().map_err(words)?;
        check_precision(&self.selected()?, config.run().precision).map_err(words)?;
        Ok(config)
    }

    pub(super) fn plan(&self, request: &TrainRequest) -> Answer {
        let mut notices = Vec::new();
        let (settings, text, memory, names, spacing) = match request.stage {
            Stage::Finetune => {
                let config = self.config(request, settings::finetuning)?;
                let memory = config.memory();
                let (known, cases) = (self.known(request), self.cases.borrow());
                let modality = self.modality_of(request, &cases);
                let names = class_names(request, &cases, config.unetr().classes);
                let (known, modality) = (known.as_ref(), modality.as_deref());
                let told = settings::notices(request, &cases, known, modality, &config, &names);
                notices.extend(told);
                let spacing = config.crops.spacing;
                (json!(config), config.to_toml(), memory, names, spacing)
            }
            Stage::Pretrain => {
                let config = self.config(request, settings::pretraining)?;
                let memory = config.memory();
                let batch = config.sampling.batch_volumes;
                notices.extend(settings::warmup_notice(request, &config, batch));
                let spacing = config.sampling.spacing;
                (json!(config), config.to_toml(), memory, Vec::new(), spacing)
            }
        };
        let cases = self.cases.borrow().held(&request.images(), spacing);
        plain(json!({
            "settings": settings,
            "text": text.map_err(words)?,
            "memory": memory.total(),
            "largest_tensor": memory.largest_tensor,
            "held": cases.saturating_add(memory.state.saturating_mul(RUN_FILES)),
            "classes": names,
            "notice": notices.join(" "),
        }))
    }
}
