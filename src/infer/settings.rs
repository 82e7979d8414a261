//! The settings of a sliding window, and the weights that they give.

/// How much a window counts at each of its voxels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Blending {
    /// The same everywhere, as the original has it.
    Constant,
    /// Less towards the borders, where a window knows least (Isensee et al., 2021).
    #[default]
    Gaussian,
}

/// How windows are laid and put together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlidingWindow {
    /// Voxels per axis of a window: the network's input.
    pub window: [usize; 3],
    /// Share of a window that the next one covers again.
    pub overlap: f64,
    /// How windows are weighted.
    pub blending: Blending,
    /// Whether every window is also seen mirrored, along each axis and each combination of axes: eight passes.
    pub mirror: bool,
    /// Whether a window whose [own part](crate::infer::WindowPlan::own_part) is air throughout counts as background
    /// unseen: training takes its crops around tissue, and networks find organs in what is nearly all air. Air is 0, or
    /// the volume's lowest value where that is below 0: of an intensity window all that lies at its lower end or below, so
    /// that in CT lung and gas in the bowel are air too. Where probabilities are kept, ask every window: those of what was
    /// not seen mean nothing.
    pub skip_air: bool,
}

/// Share of a window that the next one covers again in predictions, where nothing else is asked for.
pub const DEFAULT_OVERLAP: f64 = 0.5;
/// That of the original's windows.
pub const ORIGINAL_OVERLAP: f64 = 0.25;

/// Deviation of the Gaussian weights, in window edges.
const SIGMA: f64 = 0.125;

impl SlidingWindow {
    /// The original's windows of so many voxels per axis: constant weights, and all of them are asked.
    pub fn original(window: [usize; 3]) -> Self {
        SlidingWindow {
            window,
            overlap: ORIGINAL_OVERLAP,
            blending: Blending::Constant,
            mirror: false,
            skip_air: false,
        }
    }

    /// Windows of so many voxels per axis for predictions: Gaussian weights, and those around air are passed over.
    pub fn predicting(window: [usize; 3]) -> Self {
        SlidingWindow {
            window,
            overlap: DEFAULT_OVERLAP,
            blending: Blending::Gaussian,
            mirror: false,
            skip_air: true,
        }
    }

    /// Weights along one axis.
    pub(super) fn weights(&self, axis: usize) -> Vec<f32> {
        let size = self.window[axis];
        match self.blending {
            Blending::Constant => vec![1.0; size],
            Blending::Gaussian => {
                let (middle, sigma) = ((size as f64 - 1.0) / 2.0, SIGMA * size as f64);
                (0..size)
                    .map(|i| (-0.5 * ((i as f64 - middle) / sigma).powi(2)).exp() as f32)
                    .collect()
            }
        }
    }
}
