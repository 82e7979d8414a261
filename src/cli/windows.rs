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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_changes_its_setting_and_no_other() {
        let mut network = FinetuneConfig::default();
        network.augment.flip_probability = 0.5;
        let window = network.crops.roi_size;
        let plain = || WindowArgs {
            overlap: DEFAULT_OVERLAP,
            blending: Blending::default(),
            mirror: false,
            keep_air: false,
            parity: false,
        };
        let changed = |change: fn(&mut WindowArgs)| {
            let mut flags = plain();
            change(&mut flags);
            flags.settings(&network).unwrap()
        };
        let default = SlidingWindow::predicting(window);
        let expected = |change: fn(&mut SlidingWindow)| {
            let mut settings = default;
            change(&mut settings);
            assert_ne!(settings, default);
            settings
        };
        assert_eq!(changed(|_| ()), default);
        let found = changed(|flags| flags.overlap = 0.125);
        assert_eq!(found, expected(|settings| settings.overlap = 0.125));
        let found = changed(|flags| flags.blending = Blending::Constant);
        let constant = expected(|settings| settings.blending = Blending::Constant);
        assert_eq!(found, constant);
        let found = changed(|flags| flags.mirror = true);
        assert_eq!(found, expected(|settings| settings.mirror = true));
        let found = changed(|flags| flags.keep_air = true);
        assert_eq!(found, expected(|settings| settings.skip_air = false));
        let found = changed(|flags| flags.parity = true);
        assert_eq!(found, SlidingWindow::original(window));
        assert_ne!(found, default);
    }
}
