//! Where the run at hand lies in the worker's files.

/// The run at hand, among the page's files.
pub(crate) const RUN: &str = "run";
