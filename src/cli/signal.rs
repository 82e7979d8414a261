//! Ctrl-C, and what else asks a program to end: the first time the run saves and ends, the second time at once.

use crate::cli::output::say;
use crate::platform;
use crate::train::Control;
use anyhow::Context;

/// Exit code of a program that was interrupted, as shells have it.
pub(super) const INTERRUPTED: u8 = 130;

/// Stops `control` on the first interruption; `what` tells what happens then.
pub(super) fn stop_on_interrupt(control: &Control, what: &'static str) -> anyhow::Result<()> {
    let control = control.clone();
    let handler = move || {
        if control.stopped() {
            std::process::exit(i32::from(INTERRUPTED));
        }
        control.stop();
        say(&format!("\n{what}; press Ctrl-C again to stop at once"));
    };
    platform::keeping_nohup(|| ctrlc::set_handler(handler)).context("cannot listen for Ctrl-C")
}
