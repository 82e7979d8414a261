//! Passages from one value to another: steps, mixtures, and edges between tissues.

/// 0 below `low`, 1 above `high`, smooth between.
pub(super) fn smoothstep(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Linear blend.
pub(super) fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// Covers `below` with `above` where the signed distance is negative; a linear ramp one voxel wide
/// is the partial volume.
pub(super) fn blend(below: f32, above: f32, distance: f32, voxel: f32) -> f32 {
    mix(below, above, (0.5 - distance / voxel).clamp(0.0, 1.0))
}
