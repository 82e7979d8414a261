//! The only names a pickle may use. Everything else is refused, called or not.

use crate::weights::source::{ElementType, ReadError};

/// Longest part of a refused name that is repeated in a message.
const SHOWN: usize = 80;

/// What a known name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    /// `collections.OrderedDict`, what state dictionaries are.
    OrderedDict,
    /// A storage class, which gives the type of its numbers. `None`: untyped, counted in bytes.
    Storage(Option<ElementType>),
    /// A `torch.dtype`.
    Dtype(ElementType),
    /// `_rebuild_tensor` and `_rebuild_tensor_v2`: (storage, offset, size, stride, ...).
    Tensor,
    /// `_rebuild_tensor_v3`: the same with the type in place 6.
    TypedTensor,
    /// `_rebuild_parameter`: (tensor, ...).
    Parameter,
    /// Something that holds no tensors and whose value nobody asks for.
    Inert,
}

/// Finds what a name stands for.
///
/// # Errors
/// [`ReadError::Foreign`] for names that are not in the list.
pub(super) fn lookup(module: &str, name: &str) -> Result<Global, ReadError> {
    let known = match (module, name) {
        ("collections", "OrderedDict") => Some(Global::OrderedDict),
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Some(Global::Tensor),
        ("torch._utils", "_rebuild_tensor_v3") => Some(Global::TypedTensor),
        ("torch._utils", "_rebuild_parameter") => Some(Global::Parameter),
        ("torch" | "torch.storage", "UntypedStorage" | "_UntypedStorage") => {
            Some(Global::Storage(None))
        }
        ("torch" | "torch.cuda", class) if class.ends_with("Storage") => {
            storage(class).map(|element| Global::Storage(Some(element)))
        }
        ("torch", "Size" | "device")
        | ("collections", "Counter")
        | ("builtins" | "__builtin__", "set" | "frozenset" | "complex")
        | ("_codecs", "encode")
        | ("numpy", "dtype")
        | ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => Some(Global::Inert),
        ("torch", name) => dtype(name).map(Global::Dtype),
        _ => None,
    };
    known.ok_or_else(|| ReadError::Foreign {
        module: shown(module),
        name: shown(name),
    })
}

/// A name from a hostile file as it can be printed.
fn shown(name: &str) -> String {
    name.escape_debug().take(SHOWN).collect()
}

fn storage(class: &str) -> Option<ElementType> {
    Some(match class {
        "DoubleStorage" => ElementType::F64,
        "FloatStorage" => ElementType::F32,
        "HalfStorage" => ElementType::F16,
        "BFloat16Storage" => ElementType::Bf16,
        "LongStorage" => ElementType::Integer(8),
        "IntStorage" => ElementType::Integer(4),
        "ShortStorage" => ElementType::Integer(2),
        "CharStorage" | "ByteStorage" | "BoolStorage" => ElementType::Integer(1),
        "ComplexFloatStorage" => ElementType::Other(8),
        "ComplexDoubleStorage" => ElementType::Other(16),
        "QInt8Storage" | "QUInt8Storage" | "QUInt4x2Storage" | "QUInt2x4Storage" => {
            ElementType::Other(1)
        }
        "QInt32Storage" => ElementType::Other(4),
        _ => return None,
    })
}

fn dtype(name: &str) -> Option<ElementType> {
    Some(match name {
        "float64" => ElementType::F64,
        "float32" => ElementType::F32,
        "float16" => ElementType::F16,
        "bfloat16" => ElementType::Bf16,
        "int64" | "uint64" => ElementType::Integer(8),
        "int32" | "uint32" => ElementType::Integer(4),
        "int16" | "uint16" => ElementType::Integer(2),
        "int8" | "uint8" | "bool" => ElementType::Integer(1),
        "complex64" => ElementType::Other(8),
        "complex128" => ElementType::Other(16),
        "float8_e4m3fn" | "float8_e4m3fnuz" | "float8_e5m2" | "float8_e5m2fnuz" => {
            ElementType::Other(1)
        }
        _ => return None,
    })
}
