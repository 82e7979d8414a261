//! Sizes of a vision transformer, and which of them make a network.

/// Sizes of a vision transformer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VitConfig {
    /// Voxels of the input volume on each axis; multiples of the patch size.
    pub image_size: [usize; 3],
    /// Edge of a cubic patch in voxels.
    pub patch_size: usize,
    /// Features of a token.
    pub hidden_size: usize,
    /// Width of the perceptron in each block.
    pub mlp_dim: usize,
    /// Transformer blocks.
    pub layers: usize,
    /// Attention heads; divides `hidden_size`.
    pub heads: usize,
}

/// Sizes that cannot make a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A size is zero.
    #[error("{0} is 0: use at least 1")]
    Zero(&'static str),
    /// The volume is not a whole number of patches.
    #[error(
        "an axis of {size} voxels is not a multiple of the patch size {patch}: choose a multiple"
    )]
    PartialPatch {
        /// Voxels on the axis.
        size: usize,
        /// Patch edge.
        patch: usize,
    },
    /// The heads do not divide the features.
    #[error("{heads} attention heads do not divide a hidden size of {hidden}: choose a divisor")]
    Heads {
        /// Features of a token.
        hidden: usize,
        /// Attention heads.
        heads: usize,
    },
    /// The decoder has no two kernels whose product is the patch size.
    #[error(
        "patch size {0} is not the product of two factors above 1: use 4, 8, 16 or 32, which UNETR takes too"
    )]
    PrimePatch(usize),
    /// UNETR halves the patch until a voxel is left.
    #[error("UNETR needs a patch size of 4, 8, 16 or 32, not {0}: choose one of these")]
    UnetrPatch(usize),
    /// More classes than a label map's bytes can tell apart.
    #[error("{0} classes are more than the one byte of a label tells apart: use at most 256")]
    TooManyClasses(usize),
    /// A tensor of 8 GiB or more, in a browser 2 GiB.
    #[error(
        "a network of these sizes has 2^31 numbers or more in one tensor, or in a browser 2^29: reduce {0}"
    )]
    TooLarge(&'static str),
}

/// Whether a tensor of these factors has fewer than 2^31 numbers, which are 8 GiB, and no more bytes than memory can be asked
/// for at once, which in a browser are 2 GiB.
pub(super) fn fits(factors: &[usize]) -> bool {
    factors
        .iter()
        .try_fold(1usize, |product, factor| product.checked_mul(*factor))
        .is_some_and(|product| product < 1 << 31 && product <= isize::MAX.unsigned_abs() / 4)
}

impl VitConfig {
    /// The original's sizes for 96^3 volumes (specification 5.3), 88 million weights.
    pub const TUTORIAL: VitConfig = VitConfig {
        image_size: [96; 3],
        patch_size: 16,
        hidden_size: 768,
        mlp_dim: 3072,
        layers: 12,
        heads: 12,
    };

    /// Patches along each axis.
    pub fn grid(&self) -> [usize; 3] {
        self.image_size.map(|n| n / self.patch_size)
    }

    /// Tokens of one volume.
    pub fn tokens(&self) -> usize {
        self.grid().iter().product()
    }

    /// Kernels of the two transposed convolutions of the auto-encoder's head: the two factors of the patch
    /// size that are closest to each other, the larger first; 4 and 4 for the original's 16.
    ///
    /// # Errors
    /// [`ConfigError::PrimePatch`] for a patch size without two factors above 1.
    pub fn head_kernels(&self) -> Result<(usize, usize), ConfigError> {
        (2..=self.patch_size)
            .take_while(|k| k * k <= self.patch_size)
            .filter(|k| self.patch_size.is_multiple_of(*k))
            .last()
            .map(|small| (self.patch_size / small, small))
            .ok_or(ConfigError::PrimePatch(self.patch_size))
    }

    /// Checks that the sizes make a network.
    ///
    /// # Errors
    /// The first [`ConfigError`] found.
    pub fn validate(&self) -> Result<(), ConfigError> {
        for (name, value) in [
            ("the patch size", self.patch_size),
            ("the hidden size", self.hidden_size),
            ("the MLP width", self.mlp_dim),
            ("the number of layers", self.layers),
            ("the number of heads", self.heads),
        ] {
            if value == 0 {
                return Err(ConfigError::Zero(name));
            }
        }
        for size in self.image_size {
            if size == 0 {
                return Err(ConfigError::Zero("an axis of the crop"));
            }
            if !size.is_multiple_of(self.patch_size) {
                return Err(ConfigError::PartialPatch {
                    size,
                    patch: self.patch_size,
                });
            }
        }
        if !self.hidden_size.is_multiple_of(self.heads) {
            return Err(ConfigError::Heads {
                hidden: self.hidden_size,
                heads: self.heads,
            });
        }
        if !fits(&self.image_size) {
            return Err(ConfigError::TooLarge("the volume"));
        }
        if !fits(&[self.hidden_size, self.mlp_dim.max(3 * self.hidden_size)]) {
            return Err(ConfigError::TooLarge("the hidden size or the MLP width"));
        }
        let [patch, hidden] = [self.patch_size, self.hidden_size];
        if !fits(&[patch, patch, patch, hidden]) {
            return Err(ConfigError::TooLarge("the patch size or the hidden size"));
        }
        if !fits(&[self.tokens(), hidden]) {
            return Err(ConfigError::TooLarge("the volume or the hidden size"));
        }
        self.head_kernels().map(|_| ())
    }

    /// Trainable numbers of the transformer (137 tensors at 12 layers).
    pub fn parameters(&self) -> u64 {
        let wide = |value: usize| value as u64;
        let product = |a: u64, b: u64| a.saturating_mul(b);
        let (h, m) = (wide(self.hidden_size), wide(self.mlp_dim));
        let block = [
            product(4, product(h, h)),
            product(2, product(h, m)),
            m,
            product(6, h),
        ];
        let block = block.into_iter().fold(0, u64::saturating_add);
        let patch = wide(self.patch_size).saturating_pow(3);
        [
            product(patch, h),
            product(wide(self.tokens()), h),
            product(wide(self.layers), block),
            product(3, h),
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }
}
