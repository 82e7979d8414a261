use super::conv3d::*;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::TensorData;
use burn_cubecl::{CubeBackend, CubeDevice, tensor::CubeTensor};

fn device() -> CubeDevice {
    use burn::backend::DispatchDevice;
    let choice = crate::device::DeviceChoice::Gpu(crate::device::Api::Vulkan, None);
    let device = pollster::block_on(crate::device::select(choice))
        .unwrap()
        .device;
    match device.as_dispatch() {
        DispatchDevice::Cube(device) => device.clone(),
        _ => panic!("not a cube device"),
    }
}

fn value(index: usize) -> f32 {
    ((index as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / (1u32 << 23) as f32 - 1.0
}

fn filled<const D: usize>(
    shape: [usize; D],
    seed: usize,
    device: &CubeDevice,
) -> (Vec<f32>, CubeTensor) {
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|i| value(i + seed * 7919))
        .collect();
    let tensor = CubeBackend::float_from_data(TensorData::new(values.clone(), shape), device);
    (values, tensor)
}

fn host(tensor: CubeTensor) -> Vec<f32> {
    burn_cubecl::ops::into_data_sync(tensor)
        .try_into_vec()
        .unwrap()
}

fn reference(x: &[f32], w: &[f32], [b, d, h, wd, c]: [usize; 5], o: usize, k: usize) -> Vec<f64> {
    let mut y = vec![0.0f64; b * d * h * wd * o];
    let p = k / 2;
    for n in 0..b {
        for z in 0..d {
            for yy in 0..h {
                for xx in 0..wd {
                    let at = (((n * d + z) * h + yy) * wd + xx) * o;
                    for tz in 0..k {
                        for ty in 0..k {
                            for tx in 0..k {
                                let (iz, iy, ix) = (
                                    (z + tz).wrapping_sub(p),
                                    (yy + ty).wrapping_sub(p),
                                    (xx + tx).wrapping_sub(p),
                                );
                                if iz >= d || iy >= h || ix >= wd {
                                    continue;
                                }
                                let from = (((n * d + iz) * h + iy) * wd + ix) * c;
                                for oc in 0..o {
                                    for ic in 0..c {
                                        y[at + oc] += f64::from(x[from + ic])
                                            * f64::from(
                                                w[(((oc * c + ic) * k + tz) * k + ty) * k + tx],
                                            );
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    y
}

fn error(found: &[f32], exact: &[f64]) -> f64 {
    assert_eq!(found.len(), exact.len());
    let (mut e, mut s) = (0.0, 0.0);
    for (f, x) in found.iter().zip(exact) {
        e += (f64::from(*f) - x).powi(2);
        s += x * x;
    }
    (e / s).sqrt()
}

#[test]
fn forward_small() {
    let device = device();
    for (shape, o, k) in [
        ([1, 5, 6, 7, 3], 5, 3),
        ([2, 9, 8, 17, 4], 8, 3),
        ([1, 16, 16, 16, 16], 16, 3),
        ([1, 1, 1, 1, 1], 1, 3),
        ([1, 3, 5, 4, 8], 16, 1),
    ] {
        let (x, xt) = filled(shape, 0, &device);
        let (w, wt) = filled([o, shape[4], k, k, k], 1, &device);
        let exact = reference(&x, &w, shape, o, k);
        let t = std::time::Instant::now();
        let y = host(conv3d(&[xt.clone()], wt.clone()));
        println!(
            "{shape:?} {o} {k}: error {} in {:?}",
            error(&y, &exact),
            t.elapsed()
        );
        for staged in [
            super::tiling::Tiling::gpu(k, [shape[1], shape[2], shape[3]], o),
            super::tiling::Tiling::processor(k, [shape[1], shape[2], shape[3]], o),
        ] {
            let out = super::launch::empty_like(&xt, [shape[0], shape[1], shape[2], shape[3], o]);
            run(
                &xt,
                &wt,
                0,
                shape[4],
                super::weights::Direction::Forward,
                &out,
                staged,
            );
            println!("   {:?}: error {}", staged, error(&host(out), &exact));
        }
    }
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

/// Wall seconds of the best run and CPU seconds per run.
fn timed(client: &cubecl::client::Client, runs: usize, mut work: impl FnMut()) -> (f64, f64, f64) {
    let time = std::time::Instant::now();
    work();
    pollster::block_on(client.sync()).unwrap();
    let first = time.elapsed().as_secs_f64();
    let cpu = cpu_seconds();
    let mut best = f64::MAX;
    for _ in 0..runs {
        let time = std::time::Instant::now();
        work();
        pollster::block_on(client.sync()).unwrap();
        best = best.min(time.elapsed().as_secs_f64());
    }
    (first, best, (cpu_seconds() - cpu) / runs as f64)
}

#[test]
#[ignore]
fn bench_forward() {
    use super::tiling::Tiling;
    let device = device();
    let g =
        |name: &str, default: usize| std::env::var(name).map_or(default, |v| v.parse().unwrap());
    let (n, c) = (g("N", 48), g("C", 16));
    let shape = [1, n, n, n, c];
    let (_, xt) = filled(shape, 0, &device);
    let (_, wt) = filled([c, c, 3, 3, 3], 1, &device);
    let base = Tiling::processor(3, [n; 3], c);
    for spec in std::env::var("T")
        .unwrap_or_else(|_| "4,8,8,8".into())
        .split(';')
    {
        let v: Vec<usize> = spec.split(',').map(|v| v.parse().unwrap()).collect();
        let units_o = (c / v[2]).min(v[3]);
        let t = Tiling {
            rows: v[0],
            columns: v[1],
            outs: v[2],
            units_x: 1,
            units_y: 1,
            units_o,
            units_z: v[3] / units_o,
            ..base
        };
        let out = super::launch::empty_like(&xt, [1, n, n, n, c]);
        let (first, best, cpu) = timed(&xt.client, 5, || {
            run(&xt, &wt, 0, c, super::weights::Direction::Forward, &out, t)
        });
        let flop = 2.0 * 27.0 * (c * c * n * n * n) as f64 / 1e9;
        println!(
            "{n}^3 {c} {spec}: first {first:.2} s, best {best:.4} s = {:.2} GFLOP/s, cpu {cpu:.3} s = {:.2} GFLOP/s a core",
            flop / best,
            flop / cpu
        );
    }
}

#[test]
#[ignore]
fn bench_burn() {
    use burn::tensor::{Distribution, Tensor, module::conv3d as burn_conv, ops::ConvOptions};
    let choice = crate::device::DeviceChoice::Gpu(crate::device::Api::Vulkan, None);
    let device = pollster::block_on(crate::device::select(choice)).unwrap().device.autodiff();
    let g = |name: &str, default: usize| std::env::var(name).map_or(default, |v| v.parse().unwrap());
    let (n, c) = (g("N", 48), g("C", 16));
    for pass in 0..3 {
        let x = Tensor::<5>::random([1, c, n, n, n], Distribution::Default, &device).require_grad();
        let w = Tensor::<5>::random([c, c, 3, 3, 3], Distribution::Default, &device).require_grad();
        device.sync().unwrap();
        let (t, cpu) = (std::time::Instant::now(), cpu_seconds());
        let y = burn_conv(x.clone(), w.clone(), None, ConvOptions::new([1; 3], [1; 3], [1; 3], 1));
        device.sync().unwrap();
        let (forward, forward_cpu) = (t.elapsed(), cpu_seconds() - cpu);
        let grads = (y.clone() * y.detach()).sum().backward();
        let gx = x.grad(&grads).unwrap(); let gw = w.grad(&grads).unwrap();
        device.sync().unwrap();
        println!("burn pass {pass}: GFLOP forward {forward:?} cpu {forward_cpu:.2}, both {:?} cpu {:.2}", t.elapsed(), cpu_seconds() - cpu);
        drop((gx, gw));
    }
}

#[test]
#[ignore]
fn bench_weight_gradient() {
    use super::weight_gradient::{conv3d_weight_gradient, run};
    use super::weight_gradient_kernel::GradientTiling;
    let device = device();
    let g = |name: &str, default: usize| std::env::var(name).map_or(default, |v| v.parse().unwrap());
    let (n, c) = (g("N", 48), g("C", 16));
    let (_, x) = filled([1, n, n, n, c], 0, &device);
    let (_, y) = filled([1, n, n, n, c], 1, &device);
    let base = GradientTiling::processor(3, n, c);
    for spec in std::env::var("T").unwrap_or_else(|_| "9,16,4".into()).split(';') {
        let v: Vec<usize> = spec.split(',').map(|v| v.parse().unwrap()).collect();
        let t = GradientTiling { tap_rows: v[0], outs: v[1], columns: v[2], ..base };
        let (first, best, cpu) = timed(&x.client, 3, || drop(run(&x, &y, t, true)));
        let flop = 2.0 * 27.0 * (c * c * n * n * n) as f64 / 1e9;
        println!("wgrad {n}^3 {c} {spec}: first {first:.2} s, best {best:.4} s = {:.2} GFLOP/s, cpu {cpu:.3} s = {:.2} GFLOP/s a core", flop / best, flop / cpu);
    }
    drop(conv3d_weight_gradient(&x, &y, 3));
}

fn reference_weight(x: &[f32], g: &[f32], [b, d, h, wd, c]: [usize; 5], o: usize, k: usize) -> Vec<f64> {
    let mut w = vec![0.0f64; o * c * k * k * k];
    let p = k / 2;
    for n in 0..b { for z in 0..d { for yy in 0..h { for xx in 0..wd {
        let at = (((n * d + z) * h + yy) * wd + xx) * o;
        for tz in 0..k { for ty in 0..k { for tx in 0..k {
            let (iz, iy, ix) = ((z + tz).wrapping_sub(p), (yy + ty).wrapping_sub(p), (xx + tx).wrapping_sub(p));
            if iz >= d || iy >= h || ix >= wd { continue; }
            let from = (((n * d + iz) * h + iy) * wd + ix) * c;
            for oc in 0..o { for ic in 0..c {
                w[(((oc * c + ic) * k + tz) * k + ty) * k + tx] += f64::from(x[from + ic]) * f64::from(g[at + oc]);
            }}
        }}}
    }}}}
    w
}

#[test]
fn gradients_small() {
    use super::weight_gradient::run;
    use super::weight_gradient_kernel::GradientTiling;
    let device = device();
    for (shape, o, k) in [([1, 5, 6, 7, 3], 5, 3), ([2, 9, 8, 17, 4], 8, 3), ([1, 16, 16, 16, 16], 16, 3), ([1,1,1,1,1],1,3), ([1,3,5,4,8],16,1), ([1,12,12,12,20],36,3)] {
        let (x, xt) = filled(shape, 0, &device);
        let (w, wt) = filled([o, shape[4], k, k, k], 1, &device);
        let (g, gt) = filled([shape[0], shape[1], shape[2], shape[3], o], 2, &device);
        let exact = reference_weight(&x, &g, shape, o, k);
        for (t, p) in [(GradientTiling::processor(k, shape[3], o), true), (GradientTiling::gpu(k, shape[3], o), false)] {
            println!("{shape:?} {o} {k}: weight error {}", error(&host(run(&xt, &gt, t, p)), &exact));
        }
        // Data gradient: the adjoint of the forward pass.
        let c = shape[4];
        let mut mirrored = vec![0.0; w.len()];
        let taps = k * k * k;
        for oc in 0..o { for ic in 0..c { for t in 0..taps {
            mirrored[(ic * o + oc) * taps + taps - 1 - t] = w[(oc * c + ic) * taps + t];
        }}}
        let exact = reference(&g, &mirrored, [shape[0], shape[1], shape[2], shape[3], o], c, k);
        println!("   data error {}", error(&host(conv3d_data_gradient(&gt, &wt, 0, c)), &exact));
    }
}

#[test]
fn norm_small() {
    use super::norm::*;
    let device = device();
    for shape in [[1, 5, 6, 7, 3], [2, 9, 8, 17, 4], [1, 48, 48, 48, 16], [3, 1, 1, 1, 1]] {
        let (b, c) = (shape[0], shape[4]);
        let s: usize = shape[1..4].iter().product();
        let (mut x, _) = filled(shape, 0, &device);
        for (i, v) in x.iter_mut().enumerate() { *v = *v + 0.25 * (i % c) as f32; }
        let xt = CubeBackend::float_from_data(TensorData::new(x.clone(), shape), &device);
        let (r, rt) = filled(shape, 1, &device);
        let (g, gt) = filled(shape, 2, &device);
        let at = |n: usize, p: usize, ch: usize| (n * s + p) * c + ch;
        let (mut y, mut dx, mut stats) = (vec![0.0; x.len()], vec![0.0; x.len()], vec![0.0; b * 2 * c]);
        for n in 0..b { for ch in 0..c {
            let mean = (0..s).map(|p| f64::from(x[at(n, p, ch)])).sum::<f64>() / s as f64;
            let var = (0..s).map(|p| (f64::from(x[at(n, p, ch)]) - mean).powi(2)).sum::<f64>() / s as f64;
            let rstd = 1.0 / (var + 1e-5).sqrt();
            stats[n * 2 * c + ch] = mean; stats[(n * 2 + 1) * c + ch] = rstd;
            let (mut sg, mut sp) = (0.0, 0.0);
            for p in 0..s { let i = at(n, p, ch);
                let xh = (f64::from(x[i]) - mean) * rstd; let z = xh + f64::from(r[i]);
                y[i] = if z > 0.0 { z } else { z * f64::from(0.01f32) };
                let gz = f64::from(g[i]) * if z > 0.0 { 1.0 } else { f64::from(0.01f32) };
                sg += gz; sp += gz * xh;
            }
            for p in 0..s { let i = at(n, p, ch);
                let xh = (f64::from(x[i]) - mean) * rstd;
                let gz = f64::from(g[i]) * if y[i] > 0.0 { 1.0 } else { f64::from(0.01f32) };
                dx[i] = rstd * (gz - sg / s as f64 - xh * sp / s as f64);
            }
        }}
        let st = instance_norm_stats(&xt);
        println!("{shape:?} stats {}", error(&host(st.clone()), &stats));
        let yt = instance_norm_apply(&xt, &st, Some(&rt), 0.01);
        println!("   y {}", error(&host(yt.clone()), &y));
        println!("   dx {}", error(&host(instance_norm_backward(&xt, &st, &yt, &gt, 0.01)), &dx));
    }
}
