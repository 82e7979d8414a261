#!/usr/bin/env python3
"""PyTorch files for the tests, and a check of full-size files against MONAI.

    torch_reference.py write tests/data
    torch_reference.py kink tests/data
    torch_reference.py check --hounsfield PROGRAM [--folder FOLDER]

`write` needs PyTorch only and writes the small files of tests/data: a ViTAutoEnc of one layer in the zip format with
everything a checkpoint can have around and in it, and its transformer in the format before PyTorch 1.6. Numbers are
u of specification 16 in steps of 1/64, so that half precision holds them exactly.

`kink` needs MONAI and writes unetr_small_kink.json: gradient norms of the small UNETR of specification 16, in double
precision, where one activation, which lies 2.4e-6 above the kink of a leaky ReLU, is taken to lie below it. In single
precision it can come to lie on either side, and every gradient behind it changes, by up to 1.3e-3 of itself.

`check` builds the networks of the tutorial with MONAI, saves them in several ways (some 2.5 GB in FOLDER, a temporary
one by default), converts them with `hounsfield convert` there and back and loads the results into MONAI strictly.

Nothing here is needed to build, test or use Hounsfield. Made with torch 2.6.0, monai 1.5.2, numpy 1.26.4.
"""

import argparse
import collections
import inspect
import json
import pathlib
import subprocess
import tempfile
import time

import numpy as np
import torch

LAYERS, HIDDEN, MLP, PATCH, TOKENS = 1, 8, 8, 4, 8


def hashed(name):
    value = 2166136261
    for byte in name.encode():
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return value


def uniform(name, shape):
    """u(name) of specification 16, filled in C order."""
    count = int(np.prod(shape, dtype=np.int64))
    x = np.arange(count, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(hashed(name))
    x &= np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(16)
    x = (x * np.uint64(0x85EBCA6B)) & np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(13)
    x = (x * np.uint64(0xC2B2AE35)) & np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(16)
    return x.astype(np.float64).reshape(shape) / 2**32


def small(name, shape):
    """The numbers of the small files: multiples of 1/64 in [-1, 1)."""
    return torch.from_numpy(np.floor(128 * uniform(name, shape)) / 64 - 1).float()


def shapes():
    """Names and shapes of the small ViTAutoEnc."""
    result = {
        "patch_embedding.position_embeddings": (1, TOKENS, HIDDEN),
        "patch_embedding.patch_embeddings.weight": (HIDDEN, 1, PATCH, PATCH, PATCH),
        "patch_embedding.patch_embeddings.bias": (HIDDEN,),
    }
    for block in range(LAYERS):
        for name, shape in {
            "mlp.linear1.weight": (MLP, HIDDEN),
            "mlp.linear1.bias": (MLP,),
            "mlp.linear2.weight": (HIDDEN, MLP),
            "mlp.linear2.bias": (HIDDEN,),
            "norm1.weight": (HIDDEN,),
            "norm1.bias": (HIDDEN,),
            "attn.out_proj.weight": (HIDDEN, HIDDEN),
            "attn.out_proj.bias": (HIDDEN,),
            "attn.qkv.weight": (3 * HIDDEN, HIDDEN),
            "norm2.weight": (HIDDEN,),
            "norm2.bias": (HIDDEN,),
        }.items():
            result[f"blocks.{block}.{name}"] = shape
    result["norm.weight"] = result["norm.bias"] = (HIDDEN,)
    result["conv3d_transpose.weight"] = (HIDDEN, 16, 2, 2, 2)
    result["conv3d_transpose.bias"] = (16,)
    result["conv3d_transpose_1.weight"] = (16, 1, 2, 2, 2)
    result["conv3d_transpose_1.bias"] = (1,)
    return result


def write(folder):
    tensors = {name: small(name, shape) for name, shape in shapes().items()}
    # In the order of memory of channels-last convolutions, and transposed.
    name = "patch_embedding.patch_embeddings.weight"
    tensors[name] = tensors[name].permute(2, 3, 4, 1, 0).contiguous().permute(4, 3, 0, 1, 2)
    name = "blocks.0.mlp.linear2.weight"
    tensors[name] = tensors[name].t().contiguous().t()
    # Two views of one storage, with a gap between and numbers before them.
    shared = torch.zeros(3 * HIDDEN + 1)
    for place, name in ((1, "blocks.0.norm1.weight"), (2 * HIDDEN + 1, "blocks.0.norm1.bias")):
        shared[place : place + HIDDEN] = tensors[name]
        tensors[name] = shared[place : place + HIDDEN]
    # Other types.
    for name, dtype in {
        "patch_embedding.position_embeddings": torch.float64,
        "blocks.0.attn.out_proj.bias": torch.bfloat16,
        "conv3d_transpose.weight": torch.float16,
        "conv3d_transpose_1.weight": torch.bfloat16,
    }.items():
        tensors[name] = tensors[name].to(dtype)
    tensors["blocks.0.attn.qkv.weight"] = torch.nn.Parameter(tensors["blocks.0.attn.qkv.weight"])

    state = {f"module.{name}": tensor for name, tensor in tensors.items()}
    # Unused tensors of several versions, and one of integers.
    state["module.patch_embedding.cls_token"] = torch.zeros(1, 1, HIDDEN)
    state["module.linear_1.bias"] = torch.zeros(2)
    state["module.blocks.0.norm_cross_attn.weight"] = torch.ones(HIDDEN)
    state["module.blocks.0.cross_attn.to_q.weight"] = torch.zeros(2, 2)
    state["module.steps"] = torch.tensor(7)
    state = collections.OrderedDict(state)
    state._metadata = {"": {"version": 1}}
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.Adam([weight])
    weight.sum().backward()
    optimizer.step()
    checkpoint = {"epoch": 3, "best": 0.5, "state_dict": state, "optimizer": optimizer.state_dict()}
    torch.save(checkpoint, folder / "vitautoenc_small.pt")

    vit = {f"vit.{name}": t for name, t in tensors.items() if not name.startswith("conv3d")}
    torch.save({"network_weights": vit}, folder / "vit_small_legacy.pt", _use_new_zipfile_serialization=False)
    for name in ("vitautoenc_small.pt", "vit_small_legacy.pt"):
        print(name, (folder / name).stat().st_size, "bytes")


def filled(network):
    """A network with the specification's fill and random numbers where it has none."""
    state = network.state_dict()
    for name, tensor in state.items():
        v = 2 * uniform(name, tuple(tensor.shape)) - 1
        state[name] = torch.from_numpy(v).float() * 0.05
    network.load_state_dict(state)
    return network


def kink(folder):
    from monai.losses import DiceCELoss
    from monai.networks.nets import UNETR

    torch.set_default_dtype(torch.float64)
    size = (32, 32, 48)
    network = UNETR(in_channels=1, out_channels=3, img_size=size, feature_size=4, hidden_size=48, mlp_dim=96, num_heads=4,
                    norm_name="instance", res_block=True)
    state = network.state_dict()
    for name, tensor in state.items():
        v = 2 * uniform(name, tuple(tensor.shape)) - 1
        if name.endswith(("position_embeddings", ".bias")):
            v = 0.1 * v
        elif tensor.ndim == 1:
            v = 1 + 0.1 * v
        else:
            v = v / np.sqrt(tensor.numel() / tensor.shape[0])
        state[name] = torch.from_numpy(v.astype(np.float32)).double()
    network.load_state_dict(state)
    image = torch.from_numpy(uniform("input", (2, 1, *size)).astype(np.float32)).double()
    label = torch.from_numpy(np.floor(3 * uniform("label", (2, 1, *size)).astype(np.float32))).double()

    # The block's activation is called twice, after its first norm and at its end; the last call is meant.
    found = {}

    class Turned(torch.nn.Module):
        calls = 0

        def forward(self, x):
            self.calls += 1
            above = x > 0
            if self.calls == 2:
                flat = x.detach().flatten()
                index = int(flat.abs().argmin())
                found.update(flat_index=index, value=float(flat[index]))
                above = above.flatten().index_fill(0, torch.tensor([index]), not above.flatten()[index]).reshape(x.shape)
            return torch.where(above, x, 0.01 * x)

    network.decoder3.conv_block.lrelu = Turned()
    DiceCELoss(to_onehot_y=True, softmax=True)(network(image), label).backward()
    norms = {name: float(p.grad.norm()) for name, p in network.named_parameters() if p.grad is not None}
    text = json.dumps({"activation": "decoder3.conv_block.lrelu, second call", **found, "grad_l2": norms}, indent=1)
    (folder / "unetr_small_kink.json").write_text(text + "\n")
    print(found, len(norms), "norms")


def read_safetensors(path):
    raw = path.read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    tensors = {}
    for name, entry in json.loads(raw[8:start]).items():
        if name == "__metadata__":
            continue
        assert entry["dtype"] == "F32", name
        begin, end = entry["data_offsets"]
        values = np.frombuffer(raw, "<f4", (end - begin) // 4, start + begin)
        tensors[name] = torch.from_numpy(values.copy()).reshape(entry["shape"])
    return tensors


def convert(program, source, target, *flags):
    began = time.monotonic()
    call = [program, "convert", "--input", source, "--output", target, "--json", *flags]
    done = subprocess.run([str(word) for word in call], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    seconds = time.monotonic() - began
    dropped = len(report["dropped"])
    print(f"  {source.name} -> {target.name}: {report['tensors']} tensors, {report['numbers']} numbers, "
          f"{dropped} dropped, {len(report['added'])} added, {seconds:.1f} s")
    return report


def is_unused(key):
    """Registered by some version of MONAI and never used (specification 12)."""
    residual = key.startswith(("encoder2.blocks.", "encoder3.blocks.")) and key.endswith("conv3.conv.weight")
    return residual or "cross_attn" in key or key.endswith("cls_token")


def check(program, folder):
    import monai
    from monai.networks.nets import UNETR, ViT, ViTAutoEnc

    # The argument was renamed in 1.3, and the old name removed in 1.4.
    embedding = "proj_type" if "proj_type" in inspect.signature(ViT.__init__).parameters else "pos_embed"
    sizes = dict(in_channels=1, img_size=(96, 96, 96))
    version = ("--monai", ".".join(monai.__version__.split(".")[:2]))
    print("MONAI", monai.__version__, "PyTorch", torch.__version__)
    networks = {
        "vitautoenc": lambda: ViTAutoEnc(patch_size=(16, 16, 16), **{embedding: "conv"}, hidden_size=768, mlp_dim=3072,
                                         **sizes),
        "unetr": lambda: UNETR(out_channels=14, feature_size=16, hidden_size=768, mlp_dim=3072, num_heads=12,
                               **{embedding: "conv"}, norm_name="instance", res_block=True, dropout_rate=0.0, **sizes),
        "vit_perceptron": lambda: ViT(patch_size=(16, 16, 16), **{embedding: "perceptron"}, hidden_size=768,
                                      mlp_dim=3072, num_layers=12, num_heads=12, **sizes),
    }
    for name, make in networks.items():
        network = filled(make())
        state = network.state_dict()
        unused = {key for key in state if is_unused(key)}
        print(f"{name}: {len(state)} tensors, {sum(t.numel() for t in state.values())} numbers, "
              f"{len(unused)} of them unused")
        bare, wrapped = folder / f"{name}.pt", folder / f"{name}_wrapped.pth"
        torch.save(state, bare)
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        prefixed = {f"module.{key}": tensor for key, tensor in state.items()}
        torch.save({"epoch": 1, "state_dict": prefixed, "optimizer": optimizer.state_dict()}, wrapped)
        del optimizer

        for source in (bare, wrapped):
            plain = folder / f"{source.stem}.safetensors"
            convert(program, source, plain)
            tensors = read_safetensors(plain)
            assert tensors.keys() == state.keys() - unused, "names"
            assert all(torch.equal(tensors[key], state[key]) for key in tensors), "numbers"
            # Back, with what this version of MONAI registers: strict loading.
            back = folder / f"{source.stem}_back.pt"
            convert(program, plain, back, *version)
            tensors = torch.load(back, weights_only=True)
            fresh = make()
            print("   ", fresh.load_state_dict(tensors, strict=True))
            assert all(torch.equal(value, state[key]) for key, value in fresh.state_dict().items() if key not in unused)
            missing = make().load_state_dict(read_safetensors(plain), strict=False)
            assert not missing.unexpected_keys and set(missing.missing_keys) == unused
            for path in (plain, back):
                path.unlink()
        if name == "vitautoenc":
            x = torch.from_numpy(uniform("input", (1, 1, 96, 96, 96))).float()
            with torch.no_grad():
                convert(program, bare, folder / "again.pt", *version)
                fresh = make()
                fresh.load_state_dict(torch.load(folder / "again.pt", weights_only=True))
                assert torch.equal(fresh.eval()(x)[0], network.eval()(x)[0]), "output"
                print("    the network computes the same")
            grids = convert(program, bare, folder / "grid.safetensors", "--patch-grid", "4,4,6")
            assert len(grids["resized"]) == 1
            key = "patch_embedding.position_embeddings"
            cube = state[key].reshape(6, 6, 6, 768).permute(3, 0, 1, 2)[None]
            expected = torch.nn.functional.interpolate(cube, size=(4, 4, 6), mode="trilinear", align_corners=False)
            expected = expected[0].permute(1, 2, 3, 0).reshape(1, 96, 768)
            got = read_safetensors(folder / "grid.safetensors")[key]
            print(f"    positions on 4x4x6 patches: largest difference {(got - expected).abs().max():.1e}")
            assert torch.allclose(got, expected, atol=1e-6)
        for path in folder.glob("*"):
            path.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("write").add_argument("folder", type=pathlib.Path)
    commands.add_parser("kink").add_argument("folder", type=pathlib.Path)
    checked = commands.add_parser("check")
    checked.add_argument("--hounsfield", required=True)
    checked.add_argument("--folder", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.command == "write":
        write(arguments.folder)
    elif arguments.command == "kink":
        kink(arguments.folder)
    elif arguments.folder:
        check(arguments.hounsfield, arguments.folder)
    else:
        with tempfile.TemporaryDirectory() as folder:
            check(arguments.hounsfield, pathlib.Path(folder))


if __name__ == "__main__":
    main()
