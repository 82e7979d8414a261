#!/usr/bin/env python3
"""Dice, HD95 and normalised surface Dice as MONAI computes them, for label maps made from a formula.

Writes tests/data/surface_distances.json, which tests/suite/metric.rs compares with after making the same label maps.
u(name)[index] is the fill of specification 16. Class c of case `name` is an ellipsoid around
floor(u("name.c")[axis] n) with radii 1 + floor(u("name.c")[3 + axis] largest). In the prediction the centre is
moved by floor(5 u("name.c.moved")[axis]) - 2 and the radius changed by floor(3 u("name.c.moved")[3 + axis]) - 1, not
below 1. A voxel belongs to the class where the sum over axes of floor(10000 d^2 / r^2), plus
floor(noise u("name.reference" or "name.prediction")[voxel]), is below 10000; later classes cover earlier ones.

Usage: metric_reference.py [OUTPUT]
Needs: numpy 1.26.4, scipy, torch 2.6, monai 1.5.2
"""

import json
import math
import sys
import warnings
from pathlib import Path

import monai
import numpy as np
import torch
from monai.metrics import DiceMetric, compute_hausdorff_distance, compute_surface_dice

ROOT = Path(__file__).resolve().parent.parent

# "largest" is the bound of the radii; "without" names classes left out of a map.
CASES = [
    {"name": "isotropic", "shape": [24, 20, 18], "spacing": [1.0, 1.0, 1.0], "classes": 4, "largest": 8, "noise": 0},
    {"name": "anisotropic", "shape": [30, 26, 12], "spacing": [0.7, 0.7, 5.0], "classes": 6, "largest": 9, "noise": 3000},
    {"name": "all axes differ", "shape": [17, 29, 23], "spacing": [3.0, 0.81, 1.37], "classes": 6, "largest": 11, "noise": 6000},
    {"name": "single voxels", "shape": [19, 15, 17], "spacing": [1.5, 1.5, 2.0], "classes": 8, "largest": 1, "noise": 0},
    {"name": "one plane", "shape": [1, 40, 36], "spacing": [4.0, 0.7, 0.7], "classes": 4, "largest": 15, "noise": 2000},
    {"name": "fills the volume", "shape": [6, 7, 5], "spacing": [1.0, 2.0, 3.0], "classes": 2, "largest": 10, "noise": 5000},
    {"name": "missing", "shape": [20, 20, 20], "spacing": [1.0, 1.0, 2.5], "classes": 5, "largest": 7, "noise": 1000,
     "without": {"prediction": [1, 3], "reference": [2, 3]}},
    {"name": "many surface voxels", "shape": [110, 100, 90], "spacing": [0.9, 0.9, 1.25], "classes": 4, "largest": 80, "noise": 9000},
]
TOLERANCES = [0.0, 0.7, 1.0, 2.1, 5.0]


def uniform(name, index):
    """u(name)[index] for an array of indices."""
    h = 2166136261
    for byte in name.encode():
        h = (h ^ byte) * 16777619 % 2**32
    x = np.asarray(index, np.uint64) * np.uint64(2654435761) + np.uint64(h)
    x = x.astype(np.uint32)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x85EBCA6B)
    x ^= x >> np.uint32(13)
    x *= np.uint32(0xC2B2AE35)
    x ^= x >> np.uint32(16)
    return x / 2.0**32


def whole(name, factor):
    """floor(factor u(name)[i]) for i = 0 to 5."""
    return np.floor(uniform(name, np.arange(6)) * factor).astype(np.int64)


def label_map(case, which):
    name, shape = case["name"], case["shape"]
    count = math.prod(shape)
    noise = np.floor(uniform(f"{name}.{which}", np.arange(count)) * case["noise"]).astype(np.int64).reshape(shape)
    labels = np.zeros(shape, np.uint8)
    for c in range(1, case["classes"]):
        if c in case.get("without", {}).get(which, []):
            continue
        centre = whole(f"{name}.{c}", np.array(shape * 2))[:3]
        radius = 1 + whole(f"{name}.{c}", case["largest"])[3:]
        if which == "prediction":
            centre = centre + whole(f"{name}.{c}.moved", 5)[:3] - 2
            radius = np.maximum(radius + whole(f"{name}.{c}.moved", 3)[3:] - 1, 1)
        total = noise.copy()
        for axis, index in enumerate(np.ogrid[tuple(slice(n) for n in shape)]):
            total = total + 10000 * (index - centre[axis]) ** 2 // radius[axis] ** 2
        labels[total < 10000] = c
    return labels


def one_hot(labels, classes):
    return torch.stack([torch.from_numpy(labels == c) for c in range(classes)])[None].float()


def scores(case):
    maps = {which: label_map(case, which) for which in ("prediction", "reference")}
    p, r = (one_hot(maps[which], case["classes"]) for which in ("prediction", "reference"))
    nan_to_null = lambda values: [None if math.isnan(v) else v for v in values.tolist()]
    spacing, foreground = case["spacing"], case["classes"] - 1
    nsd = {
        str(t): nan_to_null(compute_surface_dice(p, r, [t] * foreground, spacing=spacing)[0]) for t in TOLERANCES
    }
    return {
        **case,
        "voxels": {which: np.bincount(labels.ravel(), minlength=case["classes"]).tolist() for which, labels in maps.items()},
        "dice": nan_to_null(DiceMetric(include_background=True, reduction="none")(p, r)[0]),
        "hd95": nan_to_null(compute_hausdorff_distance(p, r, percentile=95, spacing=spacing)[0]),
        "nsd": nsd,
    }


def main():
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests/data/surface_distances.json"
    warnings.simplefilter("ignore")
    rows = ",\n".join(json.dumps(scores(case)) for case in CASES)
    about = f"scripts/metric_reference.py: MONAI {monai.__version__}, torch {torch.__version__}, numpy {np.__version__}"
    output.write_text(f'{{"about": "{about}",\n"cases": [\n{rows}\n]}}\n')


if __name__ == "__main__":
    main()
