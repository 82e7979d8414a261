use std::ops::Range;
#[derive(Clone, Copy)]
pub(crate) struct ConvShape {
    pub batch: usize,
    pub size: [usize; 3],
    pub kernel: usize,
}
fn each(s: ConvShape, mut f: impl FnMut(usize, usize, usize)) {
    let [d, h, w] = s.size;
    let k = s.kernel;
    let r = (k / 2) as isize;
    for b in 0..s.batch {
        for z in 0..d {
            for y in 0..h {
                for x in 0..w {
                    let o = ((b * d + z) * h + y) * w + x;
                    for t in 0..k * k * k {
                        let (a, bb, c) = (
                            (t / (k * k)) as isize - r,
                            (t / k % k) as isize - r,
                            (t % k) as isize - r,
                        );
                        let (zz, yy, xx) = (z as isize + a, y as isize + bb, x as isize + c);
                        if zz < 0
                            || yy < 0
                            || xx < 0
                            || zz >= d as isize
                            || yy >= h as isize
                            || xx >= w as isize
                        {
                            continue;
                        }
                        f(
                            o,
                            ((b * d + zz as usize) * h + yy as usize) * w + xx as usize,
                            t,
                        );
                    }
                }
            }
        }
    }
}
pub(crate) fn forward(
    inputs: &[(&[f32], usize)],
    weight: &[f32],
    out: usize,
    s: ConvShape,
) -> Vec<f32> {
    let n = s.batch * s.size.iter().product::<usize>();
    let k3 = s.kernel.pow(3);
    let total: usize = inputs.iter().map(|i| i.1).sum();
    let mut y = vec![0.0; n * out];
    let mut first = 0;
    for (x, c) in inputs {
        each(s, |o, i, t| {
            for co in 0..out {
                let mut a = 0.0;
                for ci in 0..*c {
                    a += x[i * c + ci] * weight[(co * total + first + ci) * k3 + t];
                }
                y[o * out + co] += a;
            }
        });
        first += c;
    }
    y
}
pub(crate) fn data_gradient(
    g: &[f32],
    weight: &[f32],
    [out, total]: [usize; 2],
    range: Range<usize>,
    s: ConvShape,
) -> Vec<f32> {
    let n = s.batch * s.size.iter().product::<usize>();
    let k3 = s.kernel.pow(3);
    let c = range.len();
    let mut x = vec![0.0; n * c];
    each(s, |o, i, t| {
        for co in 0..out {
            for ci in 0..c {
                x[i * c + ci] += g[o * out + co] * weight[(co * total + range.start + ci) * k3 + t];
            }
        }
    });
    x
}
pub(crate) fn weight_gradient(
    x: &[f32],
    c: usize,
    g: &[f32],
    out: usize,
    s: ConvShape,
) -> Vec<f32> {
    let k3 = s.kernel.pow(3);
    let mut w = vec![0.0; out * c * k3];
    each(s, |o, i, t| {
        for co in 0..out {
            for ci in 0..c {
                w[(co * c + ci) * k3 + t] += g[o * out + co] * x[i * c + ci];
            }
        }
    });
    w
}
