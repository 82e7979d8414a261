#!/usr/bin/env python3
"""Speed and memory beside PyTorch's and MONAI's on one GPU, in one run.

    compare_on_gpu.py --hounsfield PROGRAM [--device vulkan] [--only kernels step finetune infer] [--json FILE]

Ours runs as a process (`hounsfield bench ... --json`), PyTorch on CUDA in this one, in the modes that people use: f32
with TF32 off, f32 with TF32 on, and f16 autocast with a gradient scaler (`amp`). PyTorch may pick its fastest
convolution algorithms (`cudnn.benchmark`). The networks are MONAI's with the tutorial's sizes: ViTAutoEnc over two views
of two crops with L1 and contrastive loss and Adam, UNETR over one crop with Dice and cross-entropy and AdamW.

Times are of steps in a row with one wait at the end, after warm-up: PyTorch's the best of three dozens, ours of one ten.
Ours also brings the batch from host memory at every step and forms the norm of the gradients; PyTorch's inputs lie on
the GPU. Memory is the peak of what PyTorch's allocator gave to tensors, and on our side of what the device's pools took
from the driver, the larger measure.

Nothing here is needed to build, test or use Hounsfield. It needs torch with CUDA, monai 1.5 and einops.
"""

import argparse
import json
import subprocess
import time

import monai_side
import torch

MIB = 1 << 20
MODES = ("f32", "tf32", "amp")
STEPS = 12


def seconds_of(work, count=STEPS, warm_up=4):
    """One run of `count` repetitions with one wait at the end, a repetition's share."""
    for _ in range(warm_up):
        work()
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(count):
        work()
    torch.cuda.synchronize()
    return (time.perf_counter() - started) / count


def throughput_of(work, repeats=3):
    """The fastest of some runs of many repetitions with one wait: what `hounsfield bench kernels` does."""
    once = seconds_of(work, 2, 3)
    count = max(1, min(100, int(0.02 / once)))
    return min(seconds_of(work, count, 0) for _ in range(repeats))


def set_mode(mode):
    exact = mode == "f32"
    torch.backends.cuda.matmul.allow_tf32 = not exact
    torch.backends.cudnn.allow_tf32 = not exact
    torch.backends.cudnn.benchmark = True


def peak_of(work):
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    work()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() / MIB


def training_step(network, optimizer, mode, loss_of):
    """Time and memory of a whole step; the loss is not read."""
    half = mode == "amp"
    scaler = torch.amp.GradScaler("cuda", enabled=half)

    def step():
        optimizer.zero_grad()
        with torch.autocast("cuda", dtype=torch.float16, enabled=half):
            loss = loss_of(network)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    return {"seconds": min(seconds_of(step) for _ in range(3)), "peak_mib": peak_of(step)}


def pretrain(mode):
    set_mode(mode)
    network, loss_of, optimizer = monai_side.pretraining(2, "cuda")
    return training_step(network, optimizer, mode, loss_of)


def finetune(mode):
    set_mode(mode)
    network, loss_of, optimizer = monai_side.finetuning(1, "cuda")
    return training_step(network, optimizer, mode, loss_of)


def infer(mode):
    set_mode(mode)
    network = monai_side.unetr("cuda").eval()
    image = torch.rand(1, 1, *monai_side.PATCH, device="cuda")

    def window():
        with torch.no_grad(), torch.autocast("cuda", dtype=torch.float16, enabled=mode == "amp"):
            network(image)

    return {"seconds": throughput_of(window), "peak_mib": peak_of(window)}


def kernels(mode):
    """Seconds of what `hounsfield bench kernels` times, by name, shape and pass."""
    set_mode(mode)
    kind = torch.float16 if mode == "amp" else torch.float32
    a, b = (torch.rand(4096, 4096, device="cuda", dtype=kind) for _ in range(2))
    x = torch.rand(1 << 25, device="cuda")
    rows = {
        ("matrix product", "4096 x 4096 x 4096", "forward"): throughput_of(lambda: a @ b),
        ("copy", "128 MiB", "forward"): throughput_of(lambda: x + 1.0),
    }
    for name, shape, inputs, forward in monai_side.operations():
        inputs = [x.to("cuda", kind) for x in inputs]
        with torch.no_grad():
            rows[name, shape, "forward"] = throughput_of(lambda: forward(*inputs))
        leaves = [x.clone().requires_grad_() for x in inputs]

        def step():
            torch.autograd.grad(forward(*leaves).sum(), leaves)

        rows[name, shape, "forward+backward"] = throughput_of(step)
    return rows


def ours(args, *arguments):
    command = [args.hounsfield, "bench", *arguments, "--device", args.device, "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        return None, f"`{' '.join(command)}` ended with {done.returncode}: {done.stderr.strip()[-400:]}"
    return json.loads(done.stdout), None


def compare_kernels(args, record):
    found, error = ours(args, "kernels")
    if error:
        return print(error)
    theirs = {mode: kernels(mode) for mode in MODES}
    record["kernels"] = {"ours": found, "torch": {m: [[*k, v] for k, v in rows.items()] for m, rows in theirs.items()}}
    ceiling = max(row["gflops"] for row in found if row["name"].endswith("matrix product"))
    print("\n| operation | shape | pass | ours, ms | GFLOP/s | of our products | torch f32, ms | our speed | TF32 | amp |")
    print("|" + " --- |" * 10)
    for row in found:
        key = row["name"], row["shape"], row["pass"]
        times = [theirs[mode].get(key) for mode in MODES]
        ratios = [f"{t / row['seconds']:.2f}" if t else "" for t in times]
        torch_ms = f"{1e3 * times[0]:.3f}" if times[0] else ""
        share = f"{row['gflops'] / ceiling:.2f}" if row["gflops"] else ""
        print(
            f"| {' | '.join(key)} | {1e3 * row['seconds']:.3f} | {row['gflops']:.0f} | {share} | {torch_ms} | "
            f"{' | '.join(ratios)} |"
        )


def compare_steps(args, record, name, arguments, theirs):
    rows = {"ours f32": ours(args, *arguments)}
    if name != "infer":
        rows["ours f16"] = ours(args, *arguments, "--precision", "f16")
    found = record.setdefault(name, {})
    print(f"\n{name}, {' '.join(arguments)}")
    for label, (result, error) in rows.items():
        if error:
            print(f"  {label}: {error}")
            continue
        if name == "infer":
            seconds = result["seconds_per_window"]
        else:
            seconds = result["step_s"]
        found[label] = result | {"seconds": seconds}
        peak = result["peak_memory_bytes"] / MIB
        more = f", {result['dispatches']} dispatches" if "dispatches" in result else ""
        apart = f" (update {1e3 * result['update_s']:.1f})" if "update_s" in result else ""
        print(f"  {label}: {1e3 * seconds:.1f} ms{apart}, peak {peak:.0f} MiB{more}")
    for mode in MODES:
        result = found[f"torch {mode}"] = theirs(mode)
        base = found.get("ours f32")
        ratio = f", our f32 speed over it {result['seconds'] / base['seconds']:.2f}" if base else ""
        memory = f", our f32 memory over it {base['peak_memory_bytes'] / MIB / result['peak_mib']:.2f}" if base else ""
        print(f"  torch {mode}: {1e3 * result['seconds']:.1f} ms, peak {result['peak_mib']:.0f} MiB{ratio}{memory}")
        torch.cuda.empty_cache()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hounsfield", required=True, help="the program to compare")
    parser.add_argument("--device", default="vulkan", help="its device")
    parts = ("kernels", "step", "finetune", "infer")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts, help="parts to run")
    parser.add_argument("--json", help="file for everything that was measured")
    args = parser.parse_args()
    record = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__, "date": time.strftime("%Y-%m-%d")}
    print(f"{record['gpu']}, torch {record['torch']}, {record['date']}")
    repeats = ("--repeats", "10")
    if "step" in args.only:
        compare_steps(args, record, "step", ("step", "pretrain", "--crops", "2", *repeats), pretrain)
    if "finetune" in args.only:
        compare_steps(args, record, "finetune", ("step", "finetune", "--crops", "1", *repeats), finetune)
    if "infer" in args.only:
        compare_steps(args, record, "infer", ("infer", *repeats), infer)
    if "kernels" in args.only:
        compare_kernels(args, record)
    if args.json:
        with open(args.json, "w") as file:
            json.dump(record, file, indent=1)


if __name__ == "__main__":
    main()
