//! Runs of the library's own loop.

use hounsfield::train::{Control, Event, Observer, Run, Task, TrainError, train};

/// Collects the total losses and stops the run after a step.
struct Losses {
    found: Vec<f32>,
    last: u64,
    control: Control,
}

impl Observer for Losses {
    fn event(&mut self, event: &Event<'_>) -> Result<(), TrainError> {
        if let Event::Steps { losses, .. } = event {
            self.found
                .extend(losses.iter().map(|step| step.losses[0].1));
            if losses.last().is_some_and(|step| step.step >= self.last) {
                self.control.stop();
            }
        }
        Ok(())
    }
}

/// Trains until the run's end, or until so many steps are done, and gives the total loss of every step.
pub(crate) fn losses<T: Task>(run: Run<T>, last: u64) -> Vec<f32> {
    let control = Control::default();
    let mut losses = Losses {
        found: Vec::new(),
        last,
        control: control.clone(),
    };
    pollster::block_on(train(run, &mut losses, &control)).expect("the run ends");
    losses.found
}
