//! Random numbers: two generators of them, and the draws that everything random is made of.
//!
//! Runs use [`KeyedRandom`]: whatever is decided has a generator of its own, a pure function of a [`SampleKey`] and a
//! [`Purpose`], so nothing has to be stored to resume, and samples may be made in any order. [`Mt19937`] is the reference
//! implementation's.

mod keyed;
mod mt19937;
mod source;

pub use keyed::{KeyedRandom, Purpose, SampleKey, Stage, epoch_order};
pub use mt19937::Mt19937;
pub use source::RandomSource;
