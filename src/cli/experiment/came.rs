//! How work on a run ended, of which one that fails costs the others nothing.

use crate::cli::output::one_line;
use crate::kernels::DeviceLost;
use crate::train::Control;

/// How work on a run ended.
#[derive(Debug, PartialEq)]
pub(in crate::cli) enum Came<T> {
    /// At its end.
    Ended(T),
    /// By an error, in one line.
    Failed(String),
    /// On request.
    Stopped,
}

impl<T> Came<T> {
    /// Of work that gives nothing when it was stopped.
    ///
    /// # Errors
    /// Those of the work that end all other work too: after a stop, and of a lost device.
    pub(super) fn of(done: anyhow::Result<Option<T>>, control: &Control) -> anyhow::Result<Self> {
        match done {
            Ok(Some(done)) => Ok(Came::Ended(done)),
            Ok(None) => Ok(Came::Stopped),
            Err(error) if control.stopped() || is_device_lost(&error) => Err(error),
            Err(error) => Ok(Came::Failed(one_line(&error))),
        }
    }

    /// Goes on with what the work gave.
    pub(super) fn and_then<U>(
        self,
        next: impl FnOnce(T) -> anyhow::Result<Came<U>>,
    ) -> anyhow::Result<Came<U>> {
        match self {
            Came::Ended(done) => next(done),
            Came::Failed(reason) => Ok(Came::Failed(reason)),
            Came::Stopped => Ok(Came::Stopped),
        }
    }
}

/// Whether a lost device is among the causes: no other run gets any further on it.
fn is_device_lost(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<DeviceLost>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::InferError;
    use crate::train::TrainError;
    use crate::weights::WeightsError;
    use anyhow::anyhow;

    #[test]
    fn an_error_costs_one_run_and_a_stop_or_a_lost_device_all() {
        let control = Control::default();
        let of = |error: anyhow::Error| Came::<()>::of(Err(error.context("a case")), &control);
        let failed = of(TrainError::Score { step: 3 }.into()).unwrap();
        assert!(
            matches!(&failed, Came::Failed(why) if why.starts_with("a case: the validation at step 3")),
            "{failed:?}"
        );
        let lost = || DeviceLost("gone".to_owned());
        assert!(of(TrainError::from(lost()).into()).is_err());
        assert!(of(InferError::from(lost()).into()).is_err());
        assert!(of(WeightsError::from(lost()).into()).is_err());
        control.stop();
        assert!(of(anyhow!("a window was left out")).is_err());
        assert_eq!(Came::<()>::of(Ok(None), &control).unwrap(), Came::Stopped);
    }
}
