//! Flags of how a network sees a volume: its windows, and the voxels of the labels.

use crate::config::FinetuneConfig;
use crate::config::check::share;
use crate::infer::{Blending, DEFAULT_OVERLAP, SlidingWindow};
use clap::Args;

/// How windows are laid and put together.
#[derive(Debug, Args)]
pub(super) struct WindowArgs {
    /// Share of a window that the next one covers again
    #[arg(long, value_name = "SHARE", default_value_t = DEFAULT_OVERLAP)]
    pub overlap: f64,
    /// How windows are weighted where they overlap
    #[arg(long, value_enum, default_value_t)]
    pub blending: Blending,
    /// See every window mirrored too, along each axis and each combination of axes: eight times the work; for networks trained with flips
    #[arg(long)]
    pub mirror: bool,
    /// Ask every window: without this flag one whose middle holds nothing but air, or what is as dark in the network's range of intensities (lung too, or gas in the bowel, in the usual ranges of CT), counts as background
    #[arg(long)]
    pub keep_air: bool,
    /// The original's windows: overlap 0.25, constant weights, no mirroring, those around air too
    #[arg(long, conflicts_with_all = ["overlap", "blending", "mirror", "keep_air"])]
    pub parity: bool,
}

impl WindowArgs {
    /// The windows for a network that was trained with these settings.
    pub(super) fn settings(&self, network: &FinetuneConfig) -> anyhow::Result<SlidingWindow> {
        let window = network.crops.roi_size;
        if self.parity {
            return Ok(SlidingWindow::original(window));
        }
        network.check_mirror(self.mirror)?;
        share("--overlap", self.overlap)?;
        Ok(SlidingWindow {
            overlap: self.overlap,
            blending: self.blending,
            mirror: self.mirror,
            skip_air: !self.keep_air,
            ..SlidingWindow::predicting(window)
        })
    }
}

/// Which voxels a label map has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Grid {
    /// Those of the image
    Input,
    /// Those of the network: turned, resampled, cropped to the foreground, for comparison with the original
    Model,
}
