pub(crate) fn stats(x: &[f32], [batch, voxels, c]: [usize; 3]) -> Vec<f32> {
    let mut out = vec![0.0; batch * 2 * c];
    for b in 0..batch {
        for ch in 0..c {
            let it = || (0..voxels).map(|v| f64::from(x[(b * voxels + v) * c + ch]));
            let m = it().sum::<f64>() / voxels as f64;
            let v = it().map(|x| (x - m).powi(2)).sum::<f64>() / voxels as f64;
            out[b * 2 * c + ch] = m as f32;
            out[b * 2 * c + c + ch] = (v + 1e-5).sqrt().recip() as f32;
        }
    }
    out
}
pub(crate) fn apply(
    x: &[f32],
    s: &[f32],
    r: Option<&[f32]>,
    slope: f32,
    [_, voxels, c]: [usize; 3],
) -> Vec<f32> {
    x.iter()
        .enumerate()
        .map(|(i, x)| {
            let b = i / (voxels * c);
            let ch = i % c;
            let z = (x - s[b * 2 * c + ch]) * s[b * 2 * c + c + ch] + r.map_or(0.0, |r| r[i]);
            if z > 0.0 { z } else { z * slope }
        })
        .collect()
}
pub(crate) fn backward(
    y: &[f32],
    s: &[f32],
    r: Option<&[f32]>,
    g: &[f32],
    slope: f32,
    [batch, voxels, c]: [usize; 3],
) -> Vec<f32> {
    let mut out = vec![0.0; y.len()];
    for b in 0..batch {
        for ch in 0..c {
            let rs = s[b * 2 * c + c + ch];
            let at = |v: usize| (b * voxels + v) * c + ch;
            let gz = |i: usize| if y[i] > 0.0 { g[i] } else { g[i] * slope };
            let xh =
                |i: usize| (if y[i] > 0.0 { y[i] } else { y[i] / slope }) - r.map_or(0.0, |r| r[i]);
            let m = (0..voxels).map(|v| f64::from(gz(at(v)))).sum::<f64>() / voxels as f64;
            let mx = (0..voxels)
                .map(|v| f64::from(gz(at(v)) * xh(at(v))))
                .sum::<f64>()
                / voxels as f64;
            for v in 0..voxels {
                let i = at(v);
                out[i] = rs * (gz(i) - m as f32 - xh(i) * mx as f32);
            }
        }
    }
    out
}
pub(crate) fn leaky_backward(y: &[f32], g: &[f32], slope: f32) -> Vec<f32> {
    y.iter()
        .zip(g)
        .map(|(y, g)| if *y > 0.0 { *g } else { g * slope })
        .collect()
}
