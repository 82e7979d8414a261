//! The classes' probabilities as files.

use super::grid::OutputGrid;
use crate::dataset::case_name;
use crate::infer::Probabilities;
use crate::transform::Prepared;
use crate::volume::Datatype;
use std::path::{Path, PathBuf};

/// Where a class's probabilities go, named like the label map: `scan_class00.nii.gz` is the background's.
pub(super) fn of_class(folder: &Path, name: &Path, class: usize) -> PathBuf {
    let map = name.to_string_lossy();
    let file = format!("{}_class{class:02}.nii.gz", case_name(&map));
    folder.join(name).with_file_name(file)
}

/// Writes a volume per class, the background last: where that is there, all are. `name` is that of the label map below
/// its folder, `kept` are the probabilities on the grid of the prepared image.
pub(super) fn write_probabilities(
    folder: &Path,
    name: &Path,
    kept: &Probabilities,
    prepared: &Prepared,
    grid: &OutputGrid,
) -> anyhow::Result<()> {
    for class in (0..kept.classes()).rev() {
        let (values, geometry) = (kept.of(class), &prepared.geometry);
        // Nothing but background was left out of the network's sight.
        let outside = if class == 0 { 1.0 } else { 0.0 };
        let values = match grid.is_input() {
            true => geometry.restore_values(&values, outside)?,
            false => geometry.without_padding(&values)?,
        };
        grid.write(&of_class(folder, name, class), values, Datatype::F32)?;
    }
    Ok(())
}
