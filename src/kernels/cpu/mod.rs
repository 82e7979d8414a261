//! TEMPORARY naive kernels.
pub(super) mod conv;
pub(super) mod norm;
