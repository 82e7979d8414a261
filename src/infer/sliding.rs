//! Sliding-window inference (specification 9.1), plane by plane: memory depends neither on classes times volume nor on
//! the number of windows.

use crate::infer::air::Air;
use crate::infer::slab::Slab;
use crate::infer::{InferError, SlidingWindow, WindowError, WindowNetwork, WindowPlan};
use crate::platform;
use crate::volume::Region;
use std::collections::VecDeque;
use std::ops::ControlFlow;

impl SlidingWindow {
    /// Logits of a volume `[shape]` in C order. Planes along the first axis go to `sink` as soon as no later window
    /// touches them, `[planes, shape[1], shape[2], classes]`. `progress(done, windows)` is asked before each window is
    /// begun, and once all are, before each is waited for. What comes out does not depend on how many windows the
    /// network takes at once.
    ///
    /// # Errors
    /// [`InferError::Window`] for sizes that cannot be cut or are not the image's, [`InferError::Stopped`] when
    /// `progress` says so, [`InferError::Device`] for a lost device, [`InferError::NotFinite`] for logits that are not
    /// numbers, and those of the sink.
    pub async fn run(
        &self,
        network: &impl WindowNetwork,
        image: &[f32],
        shape: [usize; 3],
        sink: &mut dyn FnMut(&[f32]) -> Result<(), InferError>,
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<(), InferError> {
        let plan = WindowPlan::new(shape, self.window, self.overlap)?;
        plan.check_values(image)?;
        let mut slab = Slab::new(self, &plan, network.classes())?;
        let count = plan.count();
        let air = self.skip_air.then(|| Air::of(image));
        // Windows are put together in their order, whichever is ready first: sums of floats depend on it.
        let mut under_way = VecDeque::new();
        for (begun, region) in plan.windows().enumerate() {
            platform::yield_now().await;
            if progress(begun - under_way.len(), count).is_break() {
                return Err(InferError::Stopped);
            }
            let unseen = air.is_some_and(|air| air.fills(image, &plan, &region));
            let logits = (!unseen).then(|| network.logits(cut(image, &plan, &region), self));
            under_way.push_back((region, logits));
            if under_way.len() >= network.at_once()
                && let Some((region, logits)) = under_way.pop_front()
            {
                put(&mut slab, &plan, sink, &region, logits).await?;
            }
        }
        while let Some((region, logits)) = under_way.pop_front() {
            if progress(count - under_way.len() - 1, count).is_break() {
                return Err(InferError::Stopped);
            }
            put(&mut slab, &plan, sink, &region, logits).await?;
        }
        slab.advance_to(plan.padded[0], &plan, sink)
    }

    /// How many windows of such a volume [`Self::run`] passes over.
    ///
    /// # Errors
    /// [`WindowError`] for sizes that cannot be cut or are not the image's.
    pub fn passed_over(&self, image: &[f32], shape: [usize; 3]) -> Result<usize, WindowError> {
        let plan = WindowPlan::new(shape, self.window, self.overlap)?;
        plan.check_values(image)?;
        if !self.skip_air {
            return Ok(0);
        }
        let air = Air::of(image);
        Ok((plan.windows())
            .filter(|region| air.fills(image, &plan, region))
            .count())
    }
}

/// Waits for a window's logits, none where it is not looked at, and adds them.
async fn put(
    slab: &mut Slab,
    plan: &WindowPlan,
    sink: &mut dyn FnMut(&[f32]) -> Result<(), InferError>,
    region: &Region,
    logits: Option<impl Future<Output = Result<Vec<f32>, InferError>>>,
) -> Result<(), InferError> {
    let logits = match logits {
        Some(logits) => Some(logits.await?),
        None => None,
    };
    slab.advance_to(region.start[0], plan, sink)?;
    match logits {
        None => slab.pass_over(region),
        // They would pass for background.
        Some(logits) if !logits.iter().all(|logit| logit.is_finite()) => {
            return Err(InferError::NotFinite);
        }
        Some(logits) => slab.add(&logits, region),
    }
    Ok(())
}

/// The voxels of a window of the padded volume; zeros outside the volume.
fn cut(image: &[f32], plan: &WindowPlan, region: &Region) -> Vec<f32> {
    let [_, n1, n2] = plan.shape;
    let [w0, w1, w2] = region.size;
    let mut out = vec![0.0; w0 * w1 * w2];
    // Where the window meets the volume, along the last axis.
    let first = region.start[2].max(plan.before[2]);
    let last = (region.start[2] + w2).min(plan.before[2] + n2);
    for (row, out) in out.chunks_exact_mut(w2).enumerate() {
        let inside = |axis: usize, at: usize| {
            (region.start[axis] + at)
                .checked_sub(plan.before[axis])
                .filter(|at| *at < plan.shape[axis])
        };
        let (Some(i), Some(j)) = (inside(0, row / w1), inside(1, row % w1)) else {
            continue;
        };
        let row = &image[(i * n1 + j) * n2..][..n2];
        out[first - region.start[2]..last - region.start[2]]
            .copy_from_slice(&row[first - plan.before[2]..last - plan.before[2]]);
    }
    out
}

#[cfg(test)]
mod tests;
