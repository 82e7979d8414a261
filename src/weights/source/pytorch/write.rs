//! Writing a state dictionary as `torch.save` does.

use super::zip_write::ArchiveWriter;
use crate::weights::ParameterInfo;
use std::collections::BTreeSet;

/// Name of the folder within the archive, as PyTorch has it for files without a name.
const FOLDER: &str = "archive";

/// The bytes of a checkpoint with these tensors, an `OrderedDict` of float32 tensors in this order, for
/// `torch.load(file, weights_only=True)`. `None` where a shape does not match its values, a name comes twice, or
/// the file would be beyond 4 GiB.
pub(crate) fn encode_pytorch(parameters: &[(ParameterInfo, Vec<f32>)]) -> Option<Vec<u8>> {
    let mut names = BTreeSet::new();
    for (info, values) in parameters {
        let count = info
            .shape
            .iter()
            .try_fold(1usize, |n, axis| n.checked_mul(*axis));
        if count != Some(values.len()) || !names.insert(&info.name) {
            return None;
        }
    }
    let bytes: usize = parameters
        .iter()
        .map(|(_, values)| 4 * values.len() + 256)
        .sum();
    let mut archive = ArchiveWriter::with_room(bytes)?;
    archive.add(&format!("{FOLDER}/data.pkl"), &pickle(parameters)?)?;
    archive.add(&format!("{FOLDER}/byteorder"), b"little")?;
    for (key, (_, values)) in parameters.iter().enumerate() {
        // Little-endian machines only, as WebGPU itself.
        let values: &[u8] = bytemuck::cast_slice(values);
        archive.add(&format!("{FOLDER}/data/{key}"), values)?;
    }
    archive.add(&format!("{FOLDER}/version"), b"3\n")?;
    archive.finish()
}

/// The pickle of the dictionary, in protocol 2 and without a memo: nothing in it comes twice but names.
fn pickle(parameters: &[(ParameterInfo, Vec<f32>)]) -> Option<Vec<u8>> {
    let mut out = b"\x80\x02ccollections\nOrderedDict\n)R(".to_vec();
    for (key, (info, values)) in parameters.iter().enumerate() {
        text(&mut out, &info.name)?;
        out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut out, "storage")?;
        out.extend(b"ctorch\nFloatStorage\n");
        text(&mut out, &key.to_string())?;
        text(&mut out, "cpu")?;
        integer(&mut out, values.len())?;
        out.extend(b"tQK\x00"); // the storage, first number 0
        let mut strides = Vec::with_capacity(info.shape.len());
        let mut stride = 1;
        for axis in info.shape.iter().rev() {
            strides.insert(0, stride);
            stride *= axis;
        }
        for sizes in [&info.shape, &strides] {
            out.push(b'(');
            for size in sizes {
                integer(&mut out, *size)?;
            }
            out.push(b't');
        }
        out.extend(b"\x89ccollections\nOrderedDict\n)RtR"); // needs no gradient, has no hooks
    }
    out.extend(b"u.");
    Some(out)
}

fn text(out: &mut Vec<u8>, text: &str) -> Option<()> {
    out.push(b'X');
    out.extend(u32::try_from(text.len()).ok()?.to_le_bytes());
    out.extend(text.as_bytes());
    Some(())
}

fn integer(out: &mut Vec<u8>, value: usize) -> Option<()> {
    out.push(b'J');
    out.extend(i32::try_from(value).ok()?.to_le_bytes());
    Some(())
}
