#!/usr/bin/env python3
"""Predictions beside MONAI's own, with the same weights on the same scan.

    compare_predictions.py --hounsfield PROGRAM SCAN.nii.gz [--label LABELS.nii.gz] [--weights UNETR.pt] [--threads 2]

Without --weights the tutorial's UNETR with MONAI's random initialisation, seed 123, its last layer scaled so that many
classes occur. Per scan, on the CPU:

* MONAI: the tutorial's validation transforms (Orientation, Spacing, ScaleIntensityRange, CropForeground), then
  sliding_window_inference with 96^3 windows, overlap 0.25, constant blending; time and peak memory of a process of its
  own, imports not counted in the time.
* `hounsfield convert` of the same file to safetensors, then `hounsfield predict --parity --grid model`.
* The share of voxels with the same label; Dice and HD95 of each label map against a reference, MONAI's scores of MONAI's
  map, ours (`hounsfield evaluate`) of our map and of MONAI's. The reference is --label on the same grid, or MONAI's map
  moved by two voxels.

Exit code 1 if fewer than 99.9 % of the voxels agree, if a score of the same map differs by more than 1e-4 (Dice, or mm),
or one of each side's own map by more than 1e-4 of its value: at HD95 of hundreds of mm, as random weights give, the few
voxels that differ move it by more than 1e-4 mm. Needs the environment that compare_with_monai.py describes, and scipy
in it, which MONAI's HD95 asks for.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from compare_with_monai import measured

ROI = (96, 96, 96)
CLASSES = 14


def network():
    import torch
    from monai.networks.nets import UNETR

    torch.manual_seed(123)
    return UNETR(
        in_channels=1, out_channels=CLASSES, img_size=ROI, feature_size=16, hidden_size=768, mlp_dim=3072,
        num_heads=12, proj_type="conv", norm_name="instance", res_block=True, dropout_rate=0.0,
    )


def save_weights(path):
    import torch

    state = network().state_dict()
    for name in state:
        if name.startswith("out."):
            state[name] = state[name] * 10
    torch.save(state, path)


def transforms(keys):
    from monai import transforms as t

    modes = ["bilinear", "nearest"][: len(keys)]
    return t.Compose(
        [
            t.LoadImaged(keys=keys),
            t.EnsureChannelFirstd(keys=keys),
            t.Orientationd(keys=keys, axcodes="RAS"),
            t.Spacingd(keys=keys, pixdim=(1.5, 1.5, 2.0), mode=modes),
            t.ScaleIntensityRanged(keys=["image"], a_min=-175, a_max=250, b_min=0.0, b_max=1.0, clip=True),
            t.CropForegroundd(keys=keys, source_key="image", allow_smaller=True),
        ]
    )


def monai_predict(args):
    """In a process of its own: the label map on the model's grid, and the reference there, as NIfTI files."""
    import nibabel
    import numpy
    import torch
    from monai.inferers import sliding_window_inference

    torch.set_num_threads(args.threads)
    net = network()
    net.load_state_dict(torch.load(args.weights, map_location="cpu", weights_only=True))
    net.eval()
    keys = ["image", "label"] if args.label else ["image"]
    started = time.perf_counter()
    case = transforms(keys)({"image": args.scan, "label": args.label})
    with torch.no_grad():
        logits = sliding_window_inference(case["image"][None], ROI, 4, net, overlap=0.25)
        found = logits.argmax(1)[0].numpy().astype(numpy.uint8)
    seconds = time.perf_counter() - started
    windows = 1
    for size in found.shape:
        windows *= 1 + max(0, -(-(size - 96) // 72))
    affine = numpy.asarray(case["image"].affine)
    if args.label:
        reference = (numpy.asarray(case["label"])[0] % CLASSES).astype(numpy.uint8)
    else:
        reference = numpy.roll(found, 2, axis=0)
    for name, values in (("monai", found), ("reference", reference)):
        nibabel.save(nibabel.Nifti1Image(values, affine), f"{args.out}/{name}.nii.gz")
    values = numpy.asarray(case["image"])[0].astype(numpy.float32)
    nibabel.save(nibabel.Nifti1Image(values, affine), f"{args.out}/image.nii.gz")
    print(json.dumps({"seconds": seconds, "windows": windows, "shape": found.shape}))


def monai_scores(folder):
    """Dice and HD95 in mm of MONAI's map against the reference, by class, where both have it."""
    import nibabel
    import torch
    from monai.metrics import DiceMetric, HausdorffDistanceMetric
    from monai.networks.utils import one_hot

    maps = [nibabel.load(folder / f"{name}.nii.gz") for name in ("monai", "reference")]
    spacing = [float(size) for size in maps[0].header.get_zooms()[:3]]
    found, reference = (
        one_hot(torch.from_numpy(m.get_fdata().astype("int64"))[None, None], CLASSES) for m in maps
    )
    dice = DiceMetric(include_background=False, reduction="none")(found, reference)[0]
    hd95 = HausdorffDistanceMetric(include_background=False, percentile=95, reduction="none")(
        found, reference, spacing=spacing
    )[0]
    both = (found.amax((2, 3, 4)) * reference.amax((2, 3, 4)))[0, 1:] > 0
    return {
        c + 1: (float(dice[c]), float(hd95[c])) for c in range(CLASSES - 1) if both[c]
    }


def scores(args, folder, name, environment):
    """Our Dice and HD95 in mm of a label map against the reference, by class."""
    predictions = folder / f"predictions_{name}"
    predictions.mkdir()
    shutil.copy(folder / f"{name}.nii.gz", predictions / "image.nii.gz")
    listed = {"image": "image.nii.gz", "label": "reference.nii.gz"}
    (folder / "list.json").write_text(json.dumps({"training": [listed], "test": [listed]}))
    found = measured(
        [
            args.hounsfield, "evaluate", "--predictions", str(predictions), "--datalist", str(folder / "list.json"),
            "--classes", str(CLASSES), "--json",
        ],
        environment, whole=True,
    )
    return {c["label"]: (c["dice"], c["hd95_mm"]) for c in found["cases"][0]["classes"]}


def differences(found, reference):
    """The largest of each score over the classes that the reference has."""
    dice = max(abs(found[c][0] - reference[c][0]) for c in reference)
    hd95 = [(abs(found[c][1] - reference[c][1]), reference[c][1]) for c in reference]
    share = max(difference / value for difference, value in hd95 if value > 0)
    return {"dice": dice, "hd95_mm": max(d for d, _ in hd95), "hd95_share": share}


def compare(args, scan):
    import nibabel

    name = Path(scan).name
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        weights = args.weights
        if weights is None:
            weights = folder / "unetr.pt"
            save_weights(weights)
        environment = {"RAYON_NUM_THREADS": str(args.threads), "OMP_NUM_THREADS": str(args.threads)}
        converted = folder / "unetr.safetensors"
        convert = [args.hounsfield, "convert", "--input", str(weights), "--output", str(converted), "--json"]
        measured(convert, environment, whole=True)
        predict = [
            args.hounsfield, "predict", "--weights", str(converted), "--preset", "tutorial", "--parity", "--grid",
            "model", "--input", scan, "--output", str(folder / "ours.nii.gz"), "--device", "cpu", "--json",
        ]
        ours = measured(predict, environment, whole=True)
        call = [sys.executable, __file__, "--monai", "--weights", str(weights), "--out", str(folder), scan]
        call += ["--threads", str(args.threads)] + (["--label", args.label] if args.label else [])
        theirs = measured(call, environment)
        case = ours["cases"][0]
        maps = [nibabel.load(folder / f"{n}.nii.gz") for n in ("ours", "monai")]
        a, b = (m.get_fdata() for m in maps)
        if a.shape != b.shape:
            sys.exit(f"{name}: grids differ, {a.shape} and {b.shape}")
        same = float((a == b).mean())
        reference = monai_scores(folder)
        own = differences(scores(args, folder, "ours", environment), reference)
        same_map = differences(scores(args, folder, "monai", environment), reference)
        return {
            "scan": name,
            "shape": theirs["shape"],
            "windows": [case["windows"], theirs["windows"]],
            "same_labels": same,
            "classes_compared": len(reference),
            "own_map": own,
            "same_map": same_map,
            "seconds": [case["seconds"], theirs["seconds"]],
            "time_ratio": case["seconds"] / theirs["seconds"],
            "peak_mib": [ours.get("resident_mib"), theirs.get("resident_mib")],
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scan")
    parser.add_argument("--hounsfield")
    parser.add_argument("--label")
    parser.add_argument("--weights")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--monai", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--out", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.monai:
        return monai_predict(args)
    result = compare(args, args.scan)
    print(json.dumps(result))
    agree = result["same_labels"] >= 0.999
    same, own = result["same_map"], result["own_map"]
    agree = agree and max(same["dice"], same["hd95_mm"], own["dice"], own["hd95_share"]) <= 1e-4
    sys.exit(0 if agree else 1)


if __name__ == "__main__":
    main()
