#!/usr/bin/env python3
"""Speed and memory beside MONAI's, both run in turn on this machine.

    compare_with_monai.py data --hounsfield PROGRAM --datalist LIST.json [--data-root FOLDER] [--limit 48]
    compare_with_monai.py step --hounsfield PROGRAM [--crops 2]
    compare_with_monai.py finetune --hounsfield PROGRAM [--crops 1]
    compare_with_monai.py kernels --hounsfield PROGRAM

`data` is one pass over the same files without a cache: MONAI's transforms of the self-supervised pre-training tutorial
behind its DataLoader (batches of 4 volumes, 2 workers), and `hounsfield bench data`. The clock starts with the
iteration, so it covers the start of MONAI's workers but no imports. `step` is one training step on the CPU: forward of
both views, loss and backward, and apart from it the Adam update; and `hounsfield bench step` on as many threads.
`finetune` is the same of the UNETR with Dice and cross-entropy on 96^3 crops, `kernels` the single convolutions and
norms of UNETR, each side the best of several runs, in PyTorch's own layout.

Each run is a process of its own. Runs alternate and the tables show medians, so that other work on the machine favours
neither side much. It still slows PyTorch's threads more, because they wait for each other at every operation and spin
while they do: on a busy machine take `step --threads 1` and compare processor time, or wait until it is idle.

Memory is the peak of the sum over the process and its children, sampled through /proc every 20 ms (every 100 ms for the
proportional sum): "resident" counts pages shared between workers once a worker, "proportional" counts them once.
Processor time is that of a whole run: with start-up, on MONAI's side some seconds of imports, and with the warm-up
step. Both are left out where the system does not tell.

Nothing here is needed to build, test or use Hounsfield. To install what it needs:

    python3 -m venv monai && monai/bin/pip install torch==2.6.0 monai==1.5.2 nibabel==5.4.2 einops==0.8.2 numpy==1.26.4
    monai/bin/python scripts/compare_with_monai.py ...
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

PATCH = (96, 96, 96)
MIB = 1 << 20


# --- MONAI's side: each function runs in a process of its own and prints one JSON object ---


def monai_transforms():
    """The tutorial's chain; specification 3 lists the parameters."""
    from monai import transforms as t

    def corrupt(key):
        common = {"keys": [key], "prob": 1.0, "holes": 6}
        return [
            t.OneOf(
                [
                    t.RandCoarseDropoutd(**common, spatial_size=5, max_spatial_size=32, dropout_holes=True),
                    t.RandCoarseDropoutd(**common, spatial_size=20, max_spatial_size=64, dropout_holes=False),
                ]
            ),
            t.RandCoarseShuffled(keys=[key], prob=0.8, holes=10, spatial_size=8),
        ]

    image = ["image"]
    return t.Compose(
        [
            t.LoadImaged(keys=image),
            t.EnsureChannelFirstd(keys=image),
            t.Spacingd(keys=image, pixdim=(2.0, 2.0, 2.0), mode="bilinear"),
            t.ScaleIntensityRanged(keys=image, a_min=-57, a_max=164, b_min=0.0, b_max=1.0, clip=True),
            t.CropForegroundd(keys=image, source_key="image", allow_smaller=True),
            t.SpatialPadd(keys=image, spatial_size=PATCH),
            t.RandSpatialCropSamplesd(
                keys=image, roi_size=PATCH, random_size=False, random_center=True, num_samples=2
            ),
            t.CopyItemsd(keys=image, times=2, names=["gt_image", "image_2"]),
            *corrupt("image"),
            *corrupt("image_2"),
        ]
    )


def monai_data(args):
    import monai

    training = json.loads(args.datalist.read_text())["training"][: args.limit]
    root = args.data_root or args.datalist.parent
    files = [{"image": str(root / case["image"])} for case in training]
    monai.utils.set_determinism(123)
    loader = monai.data.DataLoader(
        monai.data.Dataset(files, monai_transforms()), batch_size=4, shuffle=True, num_workers=args.workers
    )
    crops = 0
    started = time.perf_counter()
    for batch in loader:
        assert batch["image"].shape == batch["image_2"].shape == batch["gt_image"].shape
        assert batch["image"].shape[1:] == (1, *PATCH)
        crops += len(batch["image"])
    seconds = time.perf_counter() - started
    return {"volumes": len(files), "crops": crops, "seconds": seconds, "volumes_per_s": len(files) / seconds}


def monai_steps(args, parts):
    """Times of forward with backward and of the update, apart."""
    import torch

    torch.manual_seed(123)
    torch.set_num_threads(args.threads)
    network, loss_of, optimizer = parts(args.crops)
    times = []
    for _ in range(args.repeats + 1):
        started = time.perf_counter()
        optimizer.zero_grad()
        loss = loss_of(network)
        loss.backward()
        loss.item()
        between = time.perf_counter()
        optimizer.step()
        times.append((between - started, time.perf_counter() - between))
    forward_backward, update = zip(*times[1:])  # the first step warms up
    return {
        "forward_backward_s": statistics.median(forward_backward),
        "update_s": statistics.median(update),
        "parameters": sum(p.numel() for p in network.parameters() if p.grad is not None),
    }


def monai_step(args):
    import monai_side

    return monai_steps(args, monai_side.pretraining)


def monai_finetune(args):
    import monai_side

    return monai_steps(args, monai_side.finetuning)


def torch_kernels(args):
    """The operations of `hounsfield bench kernels`, by name, shape and pass."""
    import monai_side
    import torch

    torch.manual_seed(123)
    torch.set_num_threads(args.threads)

    def best(work):
        times = []
        for _ in range(args.repeats + 1):
            started = time.perf_counter()
            work()
            times.append(time.perf_counter() - started)
        return min(times[1:])

    a, b = torch.rand(1024, 1024), torch.rand(1024, 1024)
    seconds = best(lambda: a @ b)
    rows = [{"name": "matrix product", "shape": "1024 x 1024 x 1024", "pass": "forward", "seconds": seconds}]
    for name, shape, inputs, forward in monai_side.operations():
        with torch.no_grad():
            rows.append({"name": name, "shape": shape, "pass": "forward", "seconds": best(lambda: forward(*inputs))})
        leaves = [x.clone().requires_grad_() for x in inputs]

        def step():
            torch.autograd.grad(forward(*leaves).sum(), leaves)

        rows.append({"name": name, "shape": shape, "pass": "forward+backward", "seconds": best(step)})
    return rows


# --- Running both ---


def tree(root):
    """Numbers of a process and all its descendants."""
    children = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # The program's name, in parentheses, may hold spaces; the parent is the second field after it.
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue  # It ended meanwhile.
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        process = waiting.pop()
        found.append(process)
        waiting.extend(children.get(process, []))
    return found


def resident(process):
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def proportional(process):
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def total(measure, processes):
    amount = 0
    for process in processes:
        try:
            amount += measure(process)
        except (OSError, IndexError, ValueError):
            pass  # It ended meanwhile.
    return amount


class Memory(threading.Thread):
    """Peak memory of a process tree, in bytes."""

    def __init__(self, root):
        super().__init__(daemon=True)
        self.root, self.done, self.peak = root, threading.Event(), {"resident": 0, "proportional": 0}

    def run(self):
        samples = 0
        while not self.done.wait(0.02):
            processes = tree(self.root)
            self.note("resident", total(resident, processes))
            if samples % 5 == 0:
                self.note("proportional", total(proportional, processes))
            samples += 1

    def note(self, name, amount):
        self.peak[name] = max(self.peak[name], amount)


def processor_time():
    """Seconds that all children that ended have spent on processors, where the system tells."""
    try:
        import resource
    except ImportError:
        return None
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(command, environment, whole=False):
    """Run a command that prints a JSON object, in its last line or as the `whole` of its output; add its memory, its
    processor time and the machine's load before it."""
    used = processor_time()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=os.environ | environment)
    memory = Memory(process.pid) if Path("/proc/self/statm").exists() else None
    if memory:
        memory.start()
    output, errors = process.communicate()
    if memory:
        memory.done.set()
        memory.join()
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)}\nended with {process.returncode}:\n{errors}")
    result = json.loads(output if whole else output.strip().splitlines()[-1])
    result["load_before"] = load
    if used is not None:
        result["processor_s"] = processor_time() - used
    for name in memory.peak if memory else []:
        result[f"{name}_mib"] = memory.peak[name] / MIB
    return result


def alternate(args, ours, theirs, environment):
    """Medians of every number over the repeats, and the runs themselves."""
    runs = {"hounsfield": [], "monai": []}
    for repeat in range(args.repeats):
        for name, command in (("hounsfield", ours), ("monai", theirs)):
            runs[name].append(measured(command, environment))
            print(f"run {repeat + 1} of {args.repeats}: {name} {json.dumps(runs[name][-1])}", file=sys.stderr)
    medians = {
        name: {
            key: statistics.median(run[key] for run in results)
            for key, value in results[0].items()
            if isinstance(value, (int, float))
        }
        for name, results in runs.items()
    }
    return medians, runs


def report(args, title, rows, ours, theirs, environment):
    """`rows`: what, key in the results, and whether more is better."""
    medians, runs = alternate(args, ours, theirs, environment)
    table = []
    for label, key, more_is_better in rows:
        a, b = medians["hounsfield"].get(key), medians["monai"].get(key)
        if a is not None and b is not None:
            table.append({"measure": label, "hounsfield": a, "monai": b, "ours_over_monai": a / b})
            spread = [[run[key] for run in runs[side]] for side in ("hounsfield", "monai")]
            # Each run of ours with the run of MONAI that followed it: other load on the machine enters both alike.
            table[-1]["pairs"] = [x / y for x, y in zip(*spread)]
            table[-1]["better"] = "higher" if more_is_better else "lower"
    machine = {"processor": processor(), "cores": os.cpu_count(), "system": platform.platform()}
    if args.json:
        print(json.dumps({"title": title, "machine": machine, "table": table, "medians": medians, "runs": runs}))
        return
    print(f"{title}\n{machine['processor']}, {machine['cores']} cores; medians of {args.repeats} alternating runs\n")
    heads = ("", "Hounsfield", "MONAI", "ours / MONAI", "pair by pair", "better")
    print("| " + " | ".join(heads) + " |\n|" + " --- |" * len(heads))
    for row in table:
        pairs = f"{min(row['pairs']):.2f} to {max(row['pairs']):.2f}"
        numbers = f"{row['hounsfield']:.4g} | {row['monai']:.4g} | {row['ours_over_monai']:.2f} | {pairs}"
        print(f"| {row['measure']} | {numbers} | {row['better']} |")


def processor():
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


WHOLE_RUN = [
    ("processor time of the whole run, s", "processor_s", False),
    ("peak memory, resident, MiB", "resident_mib", False),
    ("peak memory, proportional, MiB", "proportional_mib", False),
]


def this_script(what, **options):
    command = [sys.executable, __file__, what]
    for name, value in options.items():
        if value is not None:
            command += [f"--{name.replace('_', '-')}", str(value)]
    return command


def data(args):
    files = ["--datalist", str(args.datalist)] + (["--data-root", str(args.data_root)] if args.data_root else [])
    limit = ["--limit", str(args.limit)] if args.limit else []
    ours = [args.hounsfield, "bench", "data", "--preset", args.preset, "--json", *files, *limit]
    theirs = this_script(
        "monai-data", datalist=args.datalist, data_root=args.data_root, limit=args.limit, workers=args.workers
    )
    for case in json.loads(args.datalist.read_text())["training"][: args.limit]:
        ((args.data_root or args.datalist.parent) / case["image"]).read_bytes()  # Both sides find the file cache warm.
    rows = [("seconds", "seconds", False), ("volumes a second", "volumes_per_s", True), *WHOLE_RUN]
    title = f"One pass over the files, no cache, {args.workers} threads or workers"
    report(args, title, rows, ours, theirs, {"RAYON_NUM_THREADS": str(args.workers)})


def step(args):
    ours = [args.hounsfield, "bench", "step", "--preset", args.preset, "--device", "cpu", "--json"]
    ours += ["--crops", str(args.crops), "--repeats", str(args.steps)]
    theirs = this_script("monai-step", crops=args.crops, repeats=args.steps, threads=args.threads)
    rows = [
        ("forward and backward, s", "forward_backward_s", False),
        ("update, s", "update_s", False),
        *WHOLE_RUN,
    ]
    title = f"One step of {args.crops} crops of 96^3 in two views, CPU, {args.threads} threads"
    threads = str(args.threads)
    report(args, title, rows, ours, theirs, {"RAYON_NUM_THREADS": threads, "OMP_NUM_THREADS": threads})


def finetune(args):
    ours = [args.hounsfield, "bench", "step", "finetune", "--preset", args.preset, "--device", "cpu", "--json"]
    ours += ["--crops", str(args.crops), "--repeats", str(args.steps)]
    theirs = this_script("monai-finetune", crops=args.crops, repeats=args.steps, threads=args.threads)
    rows = [
        ("forward and backward, s", "forward_backward_s", False),
        ("update, s", "update_s", False),
        *WHOLE_RUN,
    ]
    title = f"One fine-tuning step of {args.crops} crops of 96^3, CPU, {args.threads} threads"
    threads = str(args.threads)
    report(args, title, rows, ours, theirs, {"RAYON_NUM_THREADS": threads, "OMP_NUM_THREADS": threads})


def kernels(args):
    """Each side's best over alternating runs, and burn's own convolution as the program times it."""
    threads = str(args.threads)
    environment = os.environ | {"RAYON_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
    ours = [args.hounsfield, "bench", "kernels", "--device", "cpu", "--json", "--repeats", str(args.steps)]
    theirs = this_script("torch-kernels", repeats=args.steps, threads=args.threads)
    best = ({}, {})
    for _ in range(args.repeats):
        for side, command in zip(best, (ours, theirs)):
            output = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=environment).stdout
            for row in json.loads(output):
                key = (row["name"], row["shape"], row["pass"])
                side[key] = min(side.get(key, row["seconds"]), row["seconds"])
    table = [
        {"name": name, "shape": shape, "pass": how, "hounsfield_s": mine, "torch_s": best[1][name, shape, how],
         "speed_over_torch": best[1][name, shape, how] / mine}
        for (name, shape, how), mine in best[0].items()
        if (name, shape, how) in best[1]
    ]
    if args.json:
        print(json.dumps(table))
        return
    print(f"Operations on the CPU, {args.threads} threads, {processor()}; best over {args.repeats} alternating runs\n")
    print("| operation | shape | pass | Hounsfield, ms | PyTorch, ms | our speed / PyTorch's |\n|" + " --- |" * 6)
    for row in table:
        times = f"{1e3 * row['hounsfield_s']:.2f} | {1e3 * row['torch_s']:.2f} | {row['speed_over_torch']:.2f}"
        print(f"| {row['name']} | {row['shape']} | {row['pass']} | {times} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="what", required=True, metavar="{data,step,finetune,kernels}")

    both = argparse.ArgumentParser(add_help=False)
    both.add_argument("--hounsfield", required=True, help="the program to compare")
    both.add_argument("--preset", default="tutorial", help="its preset (MONAI's side is always the tutorial's)")
    both.add_argument("--repeats", type=int, default=3, help="alternating runs of each side")
    both.add_argument("--json", action="store_true", help="print everything as JSON")

    files = argparse.ArgumentParser(add_help=False)
    files.add_argument("--datalist", type=Path, required=True, help="split file")
    files.add_argument("--data-root", type=Path, help="folder its paths start from; its own folder without this")
    files.add_argument("--limit", type=int, help="only the first of its training volumes")
    files.add_argument("--workers", type=int, default=2, help="MONAI's loader processes")

    sizes = argparse.ArgumentParser(add_help=False)
    sizes.add_argument("--crops", type=int, default=2)
    sizes.add_argument("--threads", type=int, default=2, help="threads of each side")

    commands.add_parser("data", parents=[both, files], help="the data path").set_defaults(run=data)
    steps = commands.add_parser("step", parents=[both, sizes], help="a training step on the CPU")
    steps.add_argument("--steps", type=int, default=3, help="steps measured in each run")
    steps.set_defaults(run=step)

    tuning = commands.add_parser("finetune", parents=[both, sizes], help="a fine-tuning step on the CPU")
    tuning.add_argument("--steps", type=int, default=2, help="steps measured in each run")
    tuning.set_defaults(run=finetune, crops=1)
    single = commands.add_parser("kernels", parents=[both, sizes], help="single operations on the CPU")
    single.add_argument("--steps", type=int, default=5, help="timings of each operation in each run")
    single.set_defaults(run=kernels)

    def inner(function):
        return lambda args: print(json.dumps(function(args)))

    commands.add_parser("monai-data", parents=[files]).set_defaults(run=inner(monai_data))
    one = commands.add_parser("monai-step", parents=[sizes])
    one.add_argument("--repeats", type=int, default=3)
    one.set_defaults(run=inner(monai_step))

    for name, function in (("monai-finetune", monai_finetune), ("torch-kernels", torch_kernels)):
        one = commands.add_parser(name, parents=[sizes])
        one.add_argument("--repeats", type=int, default=3)
        one.set_defaults(run=inner(function))

    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
