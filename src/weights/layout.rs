//! Between a network's tensors and host values under the original's names.

use crate::kernels::{lasting, read_back_all};
use crate::weights::{Named, WeightsError};
use burn::Tensor;
use burn::module::{ModuleMapper, ModuleVisitor, Param};
use burn::tensor::TensorData;
use std::collections::BTreeMap;

/// Name and shape of a parameter as files have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterInfo {
    /// The original's name, such as `blocks.0.attn.qkv.weight`.
    pub name: String,
    /// PyTorch's shape.
    pub shape: Vec<usize>,
}

/// How the memory layout of a parameter differs from that on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskLayout {
    /// The same.
    Same,
    /// The last axis in memory is the first on disk.
    LastFirst,
}

/// Host values by name, in the layout of files.
pub type Values = BTreeMap<String, Vec<f32>>;

impl DiskLayout {
    /// The layout of a parameter, given the struct that holds it.
    pub(crate) fn of(container: &str, field: &str) -> Self {
        match (container, field) {
            ("Struct:Linear" | "Struct:PatchProjection", "weight") => DiskLayout::LastFirst,
            _ => DiskLayout::Same,
        }
    }

    /// Shape on disk of a parameter with this shape in memory.
    pub fn disk_shape(self, memory: &[usize]) -> Vec<usize> {
        let mut shape = memory.to_vec();
        if self == DiskLayout::LastFirst {
            shape.rotate_right(1);
        }
        shape
    }

    /// Values in memory order to disk order; `memory` is the shape in memory.
    pub fn to_disk(self, values: Vec<f32>, memory: &[usize]) -> Vec<f32> {
        match (self, memory.last()) {
            (DiskLayout::LastFirst, Some(columns)) => transpose(&values, *columns),
            _ => values,
        }
    }

    /// Values in disk order to memory order; `memory` is the shape in memory.
    pub fn from_disk(self, values: &[f32], memory: &[usize]) -> Vec<f32> {
        match (self, memory.last()) {
            (DiskLayout::LastFirst, Some(columns)) if *columns > 0 => {
                transpose(values, values.len() / columns)
            }
            _ => values.to_vec(),
        }
    }
}

/// Transposes a row-major matrix with this many columns, in tiles that stay in cache.
fn transpose(values: &[f32], columns: usize) -> Vec<f32> {
    const TILE: usize = 32;
    let rows = values.len().checked_div(columns).unwrap_or(0);
    let mut out = vec![0.0; rows * columns];
    for row0 in (0..rows).step_by(TILE) {
        for column0 in (0..columns).step_by(TILE) {
            for row in row0..(row0 + TILE).min(rows) {
                for column in column0..(column0 + TILE).min(columns) {
                    out[column * rows + row] = values[row * columns + column];
                }
            }
        }
    }
    out
}

/// Follows a traversal and knows the path and the containing struct.
#[derive(Debug, Default)]
pub(crate) struct PathStack(Vec<(String, String)>);

impl PathStack {
    pub(crate) fn enter(&mut self, name: &str, container: &str) {
        self.0.push((name.to_owned(), container.to_owned()));
    }

    pub(crate) fn exit(&mut self) {
        self.0.pop();
    }

    pub(crate) fn name<M: Named>(&self) -> String {
        let path: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        M::parameter_name(&path.join("."))
    }

    pub(crate) fn layout(&self) -> DiskLayout {
        self.0.last().map_or(DiskLayout::Same, |(name, container)| {
            DiskLayout::of(container, name)
        })
    }
}

/// Visits every parameter of a network as a flat tensor, with its name, shape in memory and layout.
pub fn collect<M: Named>(
    network: &M,
    visit: impl FnMut(ParameterInfo, DiskLayout, Vec<usize>, Tensor<1>),
) {
    struct Visitor<M, F>(PathStack, F, std::marker::PhantomData<M>);
    impl<M, F> ModuleVisitor for Visitor<M, F>
    where
        M: Named,
        F: FnMut(ParameterInfo, DiskLayout, Vec<usize>, Tensor<1>),
    {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.0.enter(name, container);
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let tensor = param.val();
            let memory = tensor.dims().to_vec();
            let layout = self.0.layout();
            let info = ParameterInfo {
                name: self.0.name::<M>(),
                shape: layout.disk_shape(&memory),
            };
            let count = memory.iter().product::<usize>();
            (self.1)(info, layout, memory, tensor.reshape([count]));
        }
    }
    network.visit(&mut Visitor::<M, _>(
        PathStack::default(),
        visit,
        std::marker::PhantomData,
    ));
}

/// Name and shape of every parameter, in the network's order.
pub fn describe<M: Named>(network: &M) -> Vec<ParameterInfo> {
    let mut parameters = Vec::new();
    collect(network, |info, _, _, _| parameters.push(info));
    parameters
}

/// Reads every parameter back to the host in one transfer, in the layout of files.
///
/// # Errors
/// [`WeightsError::Device`] if the device was lost.
pub async fn export<M: Named>(network: &M) -> Result<Vec<(ParameterInfo, Vec<f32>)>, WeightsError> {
    let (mut parameters, mut tensors) = (Vec::new(), Vec::new());
    collect(network, |info, layout, memory, tensor| {
        parameters.push((info, layout, memory));
        tensors.push(tensor.inner());
    });
    let values = read_back_all(tensors).await?;
    Ok(parameters
        .into_iter()
        .zip(values)
        .map(|((info, layout, memory), values)| (info, layout.to_disk(values, &memory)))
        .collect())
}

/// Replaces every parameter by the values of its name. Values of other names are ignored.
///
/// # Errors
/// [`WeightsError::Missing`] or [`WeightsError::Size`], with the network unchanged.
pub fn fill<M: Named>(network: M, values: &Values) -> Result<M, WeightsError> {
    let parameters = describe(&network);
    let missing: Vec<_> = parameters
        .iter()
        .filter(|p| !values.contains_key(&p.name))
        .collect();
    if let Some(first) = missing.first() {
        return Err(WeightsError::Missing {
            first: first.name.clone(),
            missing: missing.len(),
            total: parameters.len(),
        });
    }
    for parameter in &parameters {
        let expected = parameter.shape.iter().product();
        let found = values.get(&parameter.name).map_or(0, Vec::len);
        if found != expected {
            return Err(WeightsError::Size {
                name: parameter.name.clone(),
                found,
                expected,
            });
        }
    }

    struct Mapper<'a, M>(PathStack, &'a Values, std::marker::PhantomData<M>);
    impl<M: Named> ModuleMapper for Mapper<'_, M> {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.0.enter(name, container);
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.exit();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let Some(values) = self.1.get(&self.0.name::<M>()) else {
                return param;
            };
            let layout = self.0.layout();
            param.map(|old| {
                let shape = old.dims();
                let values = layout.from_disk(values, &shape);
                let (device, tracked) = (old.device(), old.is_require_grad());
                // Its memory is the new one's.
                drop(old);
                let new = lasting(TensorData::new(values, shape), &device);
                if tracked { new.require_grad() } else { new }
            })
        }
    }
    Ok(network.map(&mut Mapper::<M>(
        PathStack::default(),
        values,
        std::marker::PhantomData,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_axis_in_memory_comes_first_on_disk_and_back() {
        let memory = [2, 3];
        let layout = DiskLayout::LastFirst;
        let disk = layout.to_disk(vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0], &memory);
        assert_eq!(disk, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(layout.disk_shape(&memory), [3, 2]);
        assert_eq!(
            layout.from_disk(&disk, &memory),
            [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
        );
    }
}
