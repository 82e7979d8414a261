//! The numeric types a NIfTI file can hold.

use super::VolumeError;

/// How one voxel is stored on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Datatype {
    /// 8-bit unsigned integer.
    U8,
    /// 8-bit signed integer.
    I8,
    /// 16-bit unsigned integer.
    U16,
    /// 16-bit signed integer, what most CT is stored as.
    I16,
    /// 32-bit unsigned integer.
    U32,
    /// 32-bit signed integer.
    I32,
    /// 64-bit unsigned integer.
    U64,
    /// 64-bit signed integer.
    I64,
    /// IEEE single precision.
    F32,
    /// IEEE double precision.
    F64,
    /// IEEE quadruple precision. It can be read, not written.
    F128,
}

impl Datatype {
    /// The type behind a header's `datatype` code.
    pub(super) fn from_code(name: &str, code: i16) -> Result<Self, VolumeError> {
        Ok(match code {
            2 => Self::U8,
            256 => Self::I8,
            512 => Self::U16,
            4 => Self::I16,
            768 => Self::U32,
            8 => Self::I32,
            1280 => Self::U64,
            1024 => Self::I64,
            16 => Self::F32,
            64 => Self::F64,
            1536 => Self::F128,
            128 => {
                return Err(VolumeError::Colour {
                    name: name.into(),
                    kind: "RGB",
                });
            }
            2304 => {
                return Err(VolumeError::Colour {
                    name: name.into(),
                    kind: "RGBA",
                });
            }
            32 | 1792 | 2048 => return Err(VolumeError::Complex { name: name.into() }),
            _ => {
                return Err(VolumeError::Datatype {
                    name: name.into(),
                    code,
                });
            }
        })
    }

    /// The `datatype` code of the standard.
    pub(super) fn code(self) -> i16 {
        match self {
            Self::U8 => 2,
            Self::I8 => 256,
            Self::U16 => 512,
            Self::I16 => 4,
            Self::U32 => 768,
            Self::I32 => 8,
            Self::U64 => 1280,
            Self::I64 => 1024,
            Self::F32 => 16,
            Self::F64 => 64,
            Self::F128 => 1536,
        }
    }

    /// Bytes of one voxel.
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
            Self::F128 => 16,
        }
    }
}
