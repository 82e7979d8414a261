//! How a run that did not get to its end goes on.

use crate::cli::output::quoted;
use crate::cli::training::Place;
use crate::config::StageConfig;
use crate::train::{TrainError, layout};
use std::path::Path;

/// What is said of a run that was stopped while its volumes were prepared.
pub(super) fn unbegun<C: StageConfig>(place: &Place<'_, C>) -> String {
    match place {
        Place::New(_) => "stopped before the first step".to_owned(),
        Place::Old(folder, _, checkpoint) => format!(
            "stopped before the next step, so the run stands after step {}; go on with: {}",
            checkpoint.manifest.progress.step,
            resume::<C>(folder)
        ),
    }
}

/// What is said after an error that may be over when the run goes on, where there is a checkpoint. Numbers that are not
/// finite come again.
pub(super) fn after<C: StageConfig>(error: &TrainError, folder: &Path) -> Option<String> {
    let passing = matches!(
        error,
        TrainError::Device(_) | TrainError::Data(_) | TrainError::Observer(_) | TrainError::File(_)
    );
    (passing && layout::newest(folder).is_some()).then(|| {
        format!(
            "what was trained until the last checkpoint is kept; go on with: {}",
            resume::<C>(folder)
        )
    })
}

fn resume<C: StageConfig>(folder: &Path) -> String {
    let folder = folder.display().to_string();
    format!("hounsfield {} --resume {}", C::STAGE, quoted(&folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PretrainConfig;
    use crate::train::layout::MANIFEST;

    #[test]
    fn a_run_is_gone_on_with_where_it_has_a_checkpoint_and_the_error_may_be_over() {
        let folder = tempfile::tempdir().unwrap();
        let told = |error: &TrainError| after::<PretrainConfig>(error, folder.path());
        let full = TrainError::Observer("no room".to_owned());
        assert_eq!(told(&full), None);
        let last = layout::last(folder.path());
        std::fs::create_dir_all(&last).unwrap();
        std::fs::write(last.join(MANIFEST), "").unwrap();
        assert!(told(&full).is_some_and(|text| text.contains("pretrain --resume")));
        assert_eq!(told(&TrainError::NotFinite { count: 3, step: 9 }), None);
    }
}
