//! Sizes of small networks that several tests make.

use hounsfield::nn::VitConfig;

/// The transformer of the small networks of specification 16.
pub(crate) const SMALL: VitConfig = VitConfig {
    image_size: [32, 32, 48],
    patch_size: 16,
    hidden_size: 48,
    mlp_dim: 96,
    layers: 12,
    heads: 4,
};

/// That of the weights files in `tests/data`.
pub(crate) const SMALLEST: VitConfig = VitConfig {
    image_size: [8; 3],
    patch_size: 4,
    hidden_size: 8,
    mlp_dim: 8,
    layers: 1,
    heads: 2,
};
