//! Files for the user.

use super::{Answer, Session, words};
use crate::protocol::Download;
use crate::run_files::{self, ARCHIVE};
use crate::run_folder::RUN;
use hounsfield::config::StageConfig;
use hounsfield::platform;
use hounsfield::report::metrics::METRICS_FILE;
use hounsfield::train::{Finetuning, Pretraining, Task, layout};
use serde_json::json;
use std::path::Path;

impl Session {
    pub(super) fn download(&self, file: Download) -> Answer {
        let run = |name: &str| {
            let bytes = platform::read(&Path::new(RUN).join(name));
            bytes.map_err(|_| words("there is no run yet"))
        };
        let segmentation = self.segmentation.borrow();
        let segmented = || {
            let found = segmentation.as_ref();
            found.ok_or_else(|| words("nothing has been segmented yet"))
        };
        let model = self.model.borrow();
        let network = || {
            model
                .as_ref()
                .ok_or_else(|| words("there is no network yet"))
        };
        let (name, bytes) = match file {
            Download::Labels => {
                let found = segmented()?;
                (format!("{}_labels.nii.gz", found.case), found.nifti(true)?)
            }
            Download::Volumes => {
                let found = segmented()?;
                (
                    format!("{}_volumes.csv", found.case),
                    found.volumes().into_bytes(),
                )
            }
            Download::ScoresCsv => {
                let found = segmented()?;
                (
                    format!("{}_scores.csv", found.case),
                    found.csv()?.into_bytes(),
                )
            }
            Download::ScoresJson => {
                let found = segmented()?;
                (
                    format!("{}_scores.json", found.case),
                    found.json()?.into_bytes(),
                )
            }
            Download::Weights => (Finetuning::EXPORT.to_owned(), network()?.bytes.to_vec()),
            Download::Encoder => {
                let encoder = self.encoder.borrow();
                let encoder = encoder.as_ref();
                let found = encoder.ok_or_else(|| words("there is no pre-trained encoder yet"))?;
                (Pretraining::EXPORT.to_owned(), found.bytes.to_vec())
            }
            Download::Settings => {
                let text = network()?.config.to_toml().map_err(words)?;
                (layout::CONFIG_FILE.to_owned(), text.into_bytes())
            }
            Download::Run => (format!("{ARCHIVE}.zip"), run_files::archive()?),
            Download::Metrics => (METRICS_FILE.to_owned(), run(METRICS_FILE)?),
        };
        Ok((json!({ "name": name }), vec![bytes]))
    }
}
