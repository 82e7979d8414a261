//! Self-supervised pre-training and few-label segmentation of 3D medical volumes, on any GPU that speaks Vulkan,
//! Metal, DX12 or WebGPU and on CPUs, from one crate.
//!
//! A 3D vision transformer learns from unlabelled CT by undoing in-painting, out-painting and local shuffling, with
//! a contrastive term between two views. The way of the data:
//!
//! [`volume`] → [`transform`] → [`dataset`] (cache) → [`augment`] → [`nn`] → [`loss`] → [`optim`] → [`train`] →
//! [`report`].
//!
//! Which room may know which is the order of the table in `ARCHITECTURE.md`.
//!
//! `volume`, `transform`, `augment`, `dataset` and [`metric`] work on plain slices and are exact to the original
//! recipe; everything from [`nn`] on works on [`burn`] tensors on a device chosen at run time ([`mod@device`]).
//!
//! | feature | adds |
//! | --- | --- |
//! | `cli` (default) | the command-line program and its plots |
//! | `web` | the page's programs |
//! | `fusion` (default) | kernel fusion on GPU devices |
//! | `autotune` | measured choice of matrix-product kernels |
//! | `spirv` | SPIR-V instead of WGSL on Vulkan |

pub mod augment;
#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
pub mod dataset;
pub mod device;
pub mod infer;
pub mod kernels;
pub mod loss;
pub mod metric;
pub mod nn;
pub mod optim;
pub mod platform;
pub mod random;
pub mod report;
pub mod train;
pub mod transform;
pub mod volume;
pub mod weights;
