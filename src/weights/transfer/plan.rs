//! The tensors of a file by what they are for.

use super::adapt::{convolution_from_perceptron, cube_edge, resize_positions};
use super::error::TransferError;
use super::grids::PatchGrids;
use super::names::{PATCHES, PERCEPTRON, POSITIONS, Recognised, recognise};
use super::parts::Part;
use super::report::{Origin, Reasoned, reasoned};
use crate::weights::source::{ElementType, StoredTensor, WeightsFile};
use std::collections::BTreeMap;

/// A recognised network's tensors.
pub(super) struct Sorted<'s, 'a> {
    pub(super) network: Recognised,
    pub(super) origin: Origin,
    /// Tensors that are used, by name without prefixes; a perceptron's under the names of the convolution.
    pub(super) used: BTreeMap<String, Used<'s, 'a>>,
    /// Tensors that are not, and why.
    pub(super) dropped: Vec<Reasoned>,
}

/// A tensor with its part.
pub(super) struct Used<'s, 'a> {
    pub(super) part: Part,
    pub(super) tensor: &'s StoredTensor<'a>,
    pub(super) perceptron: bool,
}

/// The network that tensors of these names make.
///
/// # Errors
/// [`TransferError::Unrecognised`] and [`TransferError::Ambiguous`].
pub(super) fn network_of(names: &[&str]) -> Result<Recognised, TransferError> {
    recognise(names)
        .map_err(|[first, second]| TransferError::Ambiguous { first, second })?
        .ok_or_else(|| TransferError::Unrecognised {
            tensors: names.len(),
            first: names.first().map_or_else(String::new, |n| (*n).to_owned()),
        })
}

/// Sorts the tensors of a file.
///
/// # Errors
/// Those of [`network_of`].
pub(super) fn sort<'s, 'a>(file: &'s WeightsFile<'a>) -> Result<Sorted<'s, 'a>, TransferError> {
    let names: Vec<&str> = file.tensors.iter().map(|t| t.name.as_str()).collect();
    let network = network_of(&names)?;
    let mut used = BTreeMap::new();
    let mut dropped = Vec::new();
    for tensor in &file.tensors {
        let (part, bare) = network.part(&tensor.name);
        match part {
            Part::Unused(why) => dropped.push(reasoned(&tensor.name, why)),
            Part::Other if !tensor.element.is_float() => {
                dropped.push(reasoned(&tensor.name, "no floating-point numbers"));
            }
            Part::Other => dropped.push(reasoned(&tensor.name, "not part of the network")),
            _ => {
                let linear = bare.strip_prefix(PERCEPTRON);
                let name = linear.map_or_else(|| bare.to_owned(), |end| format!("{PATCHES}{end}"));
                let perceptron = linear.is_some();
                let entry = Used {
                    part,
                    tensor,
                    perceptron,
                };
                used.insert(name, entry);
            }
        }
    }
    let origin = Origin {
        format: file.format,
        network: network.kind,
        wrapper: file.wrapper.clone(),
        prefix: network.root.clone(),
        ignored: file.ignored.clone(),
    };
    Ok(Sorted {
        network,
        origin,
        used,
        dropped,
    })
}

/// How a tensor got its shape.
pub(super) enum Fitted {
    Same(Vec<f32>),
    Converted(Vec<f32>, String),
    Resized(Vec<f32>, String),
}

impl Fitted {
    /// The numbers. What was done to the tensor of this name is noted in the list of its kind.
    pub(super) fn note(
        self,
        name: &str,
        converted: &mut Vec<Reasoned>,
        resized: &mut Vec<Reasoned>,
    ) -> Vec<f32> {
        match self {
            Fitted::Same(values) => values,
            Fitted::Converted(values, how) => {
                converted.push(reasoned(name, how));
                values
            }
            Fitted::Resized(values, how) => {
                resized.push(reasoned(name, how));
                values
            }
        }
    }
}

impl Used<'_, '_> {
    /// The numbers of the tensor in another shape, where that means the same.
    ///
    /// # Errors
    /// [`TransferError::Shape`], [`TransferError::Positions`], [`TransferError::Grid`],
    /// [`TransferError::NotFinite`], [`TransferError::NoFloats`], [`TransferError::RunningStatistic`].
    pub(super) fn fit(
        &self,
        name: &str,
        shape: &[usize],
        grids: Option<&PatchGrids>,
    ) -> Result<Fitted, TransferError> {
        let found = self.tensor.shape.as_slice();
        let misfit = || TransferError::Shape {
            name: self.tensor.name.clone(),
            found: found.to_vec(),
            expected: shape.to_vec(),
        };
        if name == POSITIONS
            && let ([1, old, hidden], [1, new, expected]) = (found, shape)
            && hidden == expected
        {
            return self.fit_positions(*old, *new, *hidden, grids);
        }
        if self.perceptron && name.ends_with(".weight") {
            let ([out, row], [expected, channels, voxels @ ..]) = (found, shape) else {
                return Err(misfit());
            };
            let voxels: usize = voxels.iter().product();
            if out != expected || *row != channels * voxels {
                return Err(misfit());
            }
            let values = convolution_from_perceptron(&self.values()?, *channels, voxels);
            return Ok(Fitted::Converted(
                values,
                "linear layer to convolution".to_owned(),
            ));
        }
        if found != shape {
            return Err(misfit());
        }
        self.typed(self.values()?)
    }

    /// Says how numbers of another type were taken.
    pub(super) fn typed(&self, values: Vec<f32>) -> Result<Fitted, TransferError> {
        Ok(match self.tensor.element {
            ElementType::F64 => Fitted::Converted(values, "float64 to float32".to_owned()),
            ElementType::F16 => Fitted::Converted(values, "float16 to float32".to_owned()),
            ElementType::Bf16 => Fitted::Converted(values, "bfloat16 to float32".to_owned()),
            _ => Fitted::Same(values),
        })
    }

    fn fit_positions(
        &self,
        old: usize,
        new: usize,
        hidden: usize,
        grids: Option<&PatchGrids>,
    ) -> Result<Fitted, TransferError> {
        let Some(grids) = grids else {
            if old != new {
                return Err(TransferError::Positions {
                    found: old,
                    expected: new,
                });
            }
            return self.typed(self.values()?);
        };
        let from = match (grids.from, cube_edge(old)) {
            (Some(grid), _) if product(grid) == Some(old) => grid,
            // They fit as they are, and nothing tells another arrangement.
            (None, _) if old == new => grids.to,
            (None, Some(edge)) => [edge; 3],
            (given, _) => {
                let grid = given.map_or_else(|| "equal edges".to_owned(), shown);
                return Err(TransferError::Grid { found: old, grid });
            }
        };
        if product(grids.to) != Some(new) {
            let grid = shown(grids.to);
            return Err(TransferError::Grid { found: new, grid });
        }
        let values = self.values()?;
        if from == grids.to {
            return self.typed(values);
        }
        let resized = resize_positions(&values, from, grids.to, hidden);
        let how = format!("{} to {} patches", shown(from), shown(grids.to));
        Ok(Fitted::Resized(resized, how))
    }

    /// The numbers, all finite.
    pub(super) fn values(&self) -> Result<Vec<f32>, TransferError> {
        let name = || self.tensor.name.clone();
        if is_running_statistic(&self.tensor.name) {
            return Err(TransferError::RunningStatistic(name()));
        }
        if !self.tensor.element.is_float() {
            return Err(TransferError::NoFloats(name()));
        }
        let values = self.tensor.values();
        match values.iter().all(|value| value.is_finite()) {
            true => Ok(values),
            false => Err(TransferError::NotFinite(name())),
        }
    }
}

/// Whether PyTorch's norms that keep running statistics, such as batch norm, call one so.
fn is_running_statistic(name: &str) -> bool {
    let own = name.rsplit('.').next();
    matches!(
        own,
        Some("num_batches_tracked" | "running_mean" | "running_var")
    )
}

/// A grid as people write it.
pub(super) fn shown(grid: [usize; 3]) -> String {
    let [a, b, c] = grid;
    format!("{a}x{b}x{c}")
}

fn product(grid: [usize; 3]) -> Option<usize> {
    grid.iter()
        .try_fold(1usize, |product, n| product.checked_mul(*n))
        .filter(|product| *product > 0)
}
