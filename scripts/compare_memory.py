#!/usr/bin/env python3
"""Memory of one fine-tuning step on a GPU, counted without one.

    compare_memory.py --hounsfield PROGRAM [--crops 1] [--device vulkan]

On MONAI's side PyTorch's own tracker counts the tensors that live at the same time in a step of the tutorial's UNETR, on
the CPU: what a GPU would hold of it, without the room that its allocator loses between them and without what cuDNN
takes for itself. On our side `hounsfield bench step --dry-run` lays the step out on a GPU's allocator without running it
and tells all that the allocator has taken, with what it loses. --device may be a software adapter.

Nothing here is needed to build, test or use Hounsfield. It needs what compare_with_monai.py needs.
"""

import argparse
import json
import subprocess

import monai_side
import torch
from torch.distributed._tools.mem_tracker import MemTracker

MIB = 1 << 20


def tensors(crops):
    """Bytes of all tensors at the peak of a step whose optimiser has run before."""
    network, loss_of, optimizer = monai_side.finetuning(crops)

    def step():
        optimizer.zero_grad()
        loss_of(network).backward()
        optimizer.step()

    step()
    optimizer.zero_grad()
    tracker = MemTracker()
    tracker.track_external(network, optimizer)
    with tracker:
        step()
    peak = tracker.get_tracker_snapshot("peak")
    return {str(kind): size for kind, size in peak[torch.device("cpu")].items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hounsfield", required=True, help="the program to compare")
    parser.add_argument("--crops", type=int, default=1)
    parser.add_argument("--device", default="vulkan", help="a GPU or a software adapter")
    args = parser.parse_args()

    command = [args.hounsfield, "bench", "step", "finetune", "--preset", "tutorial", "--crops", str(args.crops)]
    command += ["--device", args.device, "--dry-run", "--json"]
    ours = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
    theirs = tensors(args.crops)

    mine, total = ours["peak_memory_bytes"] / MIB, theirs.pop("Total") / MIB
    kinds = ", ".join(f"{kind.removeprefix('_MemRefType.')} {size / MIB:.0f}" for kind, size in theirs.items() if size)
    print(f"One fine-tuning step, {args.crops} crops of 96^3, MiB at the peak")
    print(f"MONAI, all tensors: {total:.0f} ({kinds})")
    largest = ours["largest_allocation_bytes"] / MIB
    print(f"Hounsfield, all that the allocator took: {mine:.0f}, the largest tensor {largest:.0f}")
    print(f"ratio {mine / total:.2f}")


if __name__ == "__main__":
    main()
