#!/usr/bin/env python3
"""What nibabel and MONAI make of every file under shared/data/robustness, and of small files made here.

Writes tests/data/robustness.json, which tests/suite/robustness.rs compares with. For each file either the
volume that MONAI's loader would see (shape without trailing ones, affine after MONAI's header repair, sum of the
finite and CRC-32 of all float32 voxels in C order) or the kind of problem it has. The small files, one for each rule about
types, scaling and geometry that the real ones leave out, are in there whole: gzip, in hexadecimal.

Usage: nifti_reference.py [ROBUSTNESS_FOLDER [OUTPUT]]
Needs: numpy 1.26.4, nibabel 5.4.2, monai 1.5.2
"""

import gzip
import json
import logging
import os
import sys
import tempfile
import warnings
import zlib
from pathlib import Path

import monai
import nibabel
import numpy as np
from monai.data.utils import correct_nifti_header_if_necessary
from nibabel.fileholders import FileHolder
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

ROOT = Path(__file__).resolve().parent.parent
NIFTI = (nibabel.Nifti1Pair, nibabel.Nifti2Pair)  # the single-file classes derive from these


def pair_of(path):
    """The two files of a pair, found in either compression (nibabel wants both alike)."""
    base = path.with_suffix("") if path.suffix == ".gz" else path
    if base.suffix not in (".hdr", ".img"):
        return None
    endings = [".gz", ""] if path.suffix == ".gz" else ["", ".gz"]
    parts = {}
    for part, extension in (("header", ".hdr"), ("image", ".img")):
        for ending in endings:
            candidate = Path(f"{base.with_suffix(extension)}{ending}")
            if candidate.exists():
                parts[part] = candidate
                break
    return parts if len(parts) == 2 else None


def load(path):
    parts = pair_of(path)
    if parts and parts["header"].suffix != parts["image"].suffix:
        files = {part: FileHolder(filename=str(file)) for part, file in parts.items()}
        return nibabel.Nifti1Pair.from_file_map(files)
    return nibabel.load(path)


def problem(error, path):
    """The kind of an exception nibabel raised."""
    text = str(error)
    if isinstance(error, HeaderDataError) and "data code" in text:
        # nibabel takes a number of axes outside 1 to 7 for the other byte order and looks no further.
        axes = path.read_bytes()[40:42]
        known = any(1 <= int.from_bytes(axes, order) <= 7 for order in ("little", "big"))
        return "datatype" if known else "header"
    if isinstance(error, HeaderDataError) and "invalid intercept" in text:
        return "scaling"
    if isinstance(error, ValueError) and "w2 should be positive" in text:
        return "geometry"
    if isinstance(error, ImageFileError) and "Cannot work out file type" in text:
        return "not-nifti"
    if isinstance(error, FileNotFoundError):
        return "missing-part"
    if isinstance(error, EOFError) or (isinstance(error, OSError) and "Expected" in text):
        return "truncated"
    raise error


def describe(path):
    try:
        image = load(path)
        if isinstance(image, nibabel.Cifti2Image):
            return {"error": "dimensions"}  # a matrix, stored as a NIfTI-2 of six axes
        if not isinstance(image, NIFTI):
            return {"error": "other-format"}
        datatype = image.header.get_data_dtype()
        if datatype.fields:
            return {"error": "colour"}
        if datatype.kind == "c":
            return {"error": "complex"}
        shape = [int(n) for n in image.header["dim"][1 : 1 + int(image.header["dim"][0])]]
        while len(shape) > 3 and shape[-1] == 1:
            shape.pop()
        if len(shape) != 3:
            return {"error": "dimensions"}
        image = correct_nifti_header_if_necessary(image)
        values = np.asanyarray(image.dataobj)
    except Exception as error:  # problem() raises what it does not know
        return {"error": problem(error, path)}
    voxels = np.ascontiguousarray(values.reshape(shape), dtype="<f4")
    return {
        "shape": shape,
        "affine": [float(x) for x in np.asarray(image.affine, dtype=np.float64).ravel()],
        "sum": float(voxels[np.isfinite(voxels)].sum(dtype=np.float64)),
        "crc32": zlib.crc32(voxels.tobytes()),
    }


def made():
    """Small files by name: (header, voxels)."""
    random = np.random.RandomState(0)
    shape = (3, 4, 2)

    def header(version=1, order="<", datatype="u1", **fields):
        kind = nibabel.Nifti1Header if version == 1 else nibabel.Nifti2Header
        raw = kind(endianness=order)
        raw.set_data_shape(shape)
        raw.set_data_dtype(np.dtype(datatype).newbyteorder(order))
        raw["vox_offset"] = raw.single_vox_offset
        raw["scl_slope"] = 0
        for name, value in fields.items():
            raw[name] = value
        return raw

    def voxels(datatype):
        datatype = np.dtype(datatype)
        if datatype.kind == "f":
            info = np.finfo(datatype)
            values = random.normal(size=shape).astype(datatype)
            extremes = [info.max, info.min, info.tiny / 4, np.nan, np.inf, -np.inf, -0.0, 1 / 3]
        else:
            info = np.iinfo(datatype)
            values = random.randint(info.min, info.max, shape, datatype)
            extremes = [info.min, info.max, info.max - 1, info.max // 3, 0, 1]
        values.ravel()[: len(extremes)] = np.array(extremes, datatype)
        return values

    cases = {}
    layouts = [(order, version) for order in "<>" for version in (1, 2)]
    without_effect = [(0, 3), (1, 0), (np.inf, 1), (np.nan, np.nan)]
    with_effect = [(0.3, 7.7), (1, -1024), (-2, 0), (1e-3, 1e6)]
    for datatype in ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"):
        for (order, version), *scalings in zip(layouts, without_effect, with_effect):
            for slope, inter in scalings:
                raw = header(version, order, datatype, scl_slope=slope, scl_inter=inter)
                name = f"{order}{datatype}, NIfTI-{version}, slope {slope}, inter {inter}"
                cases[name] = raw, voxels(datatype)

    def padded(*values):
        return np.array([*values, *[1] * (8 - len(values))])

    turn = {"quatern_b": 0.1, "quatern_c": -0.4, "quatern_d": 0.3, "pixdim": padded(1, 0.7, 0.8, 2.5)}
    oblique = {**turn, "qoffset_x": -90, "qoffset_y": 12.5, "qoffset_z": 3}
    wrong = {"sform_code": 2, "srow_x": [0.7, 0.1, 0, -5], "srow_y": [0, 0.8, 0.3, 6], "srow_z": [0, 0, 2.4, 7]}
    right = {"sform_code": 1, "srow_x": [0.7, 0, 0, 1], "srow_y": [0, 0.8, 0, 2], "srow_z": [0, 0, -2.5, 3]}
    four, five = padded(4, *shape), padded(5, *shape)
    geometry = {
        "qform": {**oblique, "qform_code": 1},
        "qform, left-handed": {**oblique, "pixdim": padded(-1, 0.7, 0.8, 2.5), "qform_code": 1},
        "qform, handedness 0": {**oblique, "pixdim": padded(0, 0.7, 0.8, 2.5), "qform_code": 5},
        "qform, half turn": {"quatern_b": 1, "pixdim": padded(1, 2, 3, 4), "qform_code": 2},
        "qform, quaternion too long": {**oblique, "quatern_b": 1, "qform_code": 1},
        "no form": oblique,
        "no form, spacing 0 and negative": {"pixdim": padded(1, 0, -0.8, 2.5)},
        "sform agrees": {**oblique, **right, "qform_code": 1},
        "sform contradicts, qform agrees": {**oblique, **wrong, "qform_code": 1},
        "sform contradicts, qform without code": {**oblique, **wrong},
        "sform contradicts, four axes": {**oblique, **wrong, "dim": four},
        "sform contradicts, four axes, no offset": {**turn, **wrong, "dim": four},
        "sform contradicts, five axes, no offset": {**turn, **wrong, "dim": five},
        "sform zero, qform agrees": {**oblique, "sform_code": 1, "qform_code": 1},
        "form codes unknown": {**oblique, **wrong, "sform_code": 6, "qform_code": -1},
        "sform code unknown": {**oblique, **wrong, "sform_code": 9, "qform_code": 3},
    }
    for name, fields in geometry.items():
        for version in (1, 2):
            cases[f"{name}, NIfTI-{version}"] = header(version, **fields), voxels("u1")
    cases["voxels at 400"] = header(vox_offset=400), voxels("u1")
    cases["bitpix wrong"] = header(bitpix=64), voxels("u1")
    cases["header size of NIfTI-2"] = header(sizeof_hdr=540), voxels("u1")
    cases["header size unknown"] = header(sizeof_hdr=12), voxels("u1")
    return cases


def describe_made(folder, header, voxels):
    gap = int(header["vox_offset"]) - len(header.binaryblock)
    stored = voxels.astype(header.get_data_dtype()).tobytes(order="F")
    content = gzip.compress(header.binaryblock + bytes(gap) + stored, mtime=0)
    path = Path(folder) / "made.nii.gz"
    path.write_bytes(content)
    return {"bytes": content.hex(), **describe(path)}


def main():
    default = Path(os.environ.get("HOUNSFIELD_DATA", ROOT.parent / "shared" / "data")) / "robustness"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    output = Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "tests/data/robustness.json"
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    logging.disable(logging.CRITICAL)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    real = [json.dumps({"file": file, **describe(folder / file)}) for file in files]
    with tempfile.TemporaryDirectory() as scratch:
        small = [json.dumps({"case": name, **describe_made(scratch, *case)}) for name, case in made().items()]
    about = f"scripts/nifti_reference.py: nibabel {nibabel.__version__}, MONAI {monai.__version__}, numpy {np.__version__}"
    body = ',\n"made": [\n'.join(",\n".join(rows) + "\n]" for rows in (real, small))
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(f'{{"about": "{about}",\n"files": [\n{body}}}\n')
    for name, rows in (("files", real), ("made", small)):
        refused = sum('"error"' in row for row in rows)
        print(f"{name}: {len(rows) - refused} volumes, {refused} refused")


if __name__ == "__main__":
    main()
