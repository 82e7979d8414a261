#!/usr/bin/env python3
"""The UNETR of the preset `small` as ONNX and as safetensors, with the same random weights: for compare_with_onnx.mjs.

    export_onnx.py FOLDER

Leaves model.onnx, model.safetensors, and products.onnx: the same with transposed convolutions as matrix products, for
backends that have none in 3D. Needs torch 2.6.0, monai 1.5.2, einops 0.8.2 and onnx.
"""

import json
import struct
import sys
from pathlib import Path

import torch
from monai.networks.nets import UNETR, ViT

# presets/finetune/small.toml, and the defaults it keeps.
EDGE, PATCH, HIDDEN, MLP, LAYERS, HEADS, FEATURES, CLASSES = 64, 16, 384, 1536, 6, 6, 8, 14
# Blocks whose output feeds the decoder: evenly spaced, as 3, 6 and 9 of MONAI's 12.
TAPS = [skip * LAYERS // 4 for skip in (1, 2, 3)]


class Unetr(UNETR):
    """MONAI's own, which knows 12 layers only, with fewer."""

    def __init__(self):
        super().__init__(1, CLASSES, EDGE, FEATURES, HIDDEN, MLP, HEADS)
        self.vit = ViT(1, EDGE, PATCH, HIDDEN, MLP, LAYERS, HEADS, proj_type="conv")

    def forward(self, image):
        x, hidden = self.vit(image)
        skips = [self.encoder1(image)]
        for encoder, tap in zip((self.encoder2, self.encoder3, self.encoder4), TAPS):
            skips.append(encoder(self.proj_feat(hidden[tap])))
        x = self.proj_feat(x)
        for decoder in (self.decoder5, self.decoder4, self.decoder3, self.decoder2):
            x = decoder(x, skips.pop())
        return self.out(x)


class Expansion(torch.nn.Module):
    """A transposed convolution whose kernel is its stride, as a matrix product and a change of layout."""

    def __init__(self, layer):
        super().__init__()
        self.channels, self.k = layer.out_channels, layer.kernel_size[0]
        self.weight = layer.weight.permute(2, 3, 4, 1, 0).flatten(0, 3).detach().clone()

    def forward(self, x):
        size, k = x.shape[2:], self.k
        x = self.weight @ x.flatten(2)
        x = x.reshape(k, k, k, self.channels, *size).permute(3, 4, 0, 5, 1, 6, 2)
        return x.reshape(1, self.channels, *(k * n for n in size))


def save(tensors, path):
    """safetensors: the header's length, the header, the numbers."""
    header, end = {}, 0
    for name, tensor in tensors.items():
        start, end = end, end + 4 * tensor.numel()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(tensor.contiguous().numpy().tobytes())


def export(network, path):
    image = torch.zeros(1, 1, EDGE, EDGE, EDGE)
    torch.onnx.export(network, image, path, opset_version=20, input_names=["image"], output_names=["logits"])


def main():
    folder = Path(sys.argv[1])
    torch.manual_seed(123)
    network = Unetr().eval()
    with torch.no_grad():
        for parameter in network.out.parameters():
            parameter *= 10  # So that many classes occur.
    # MONAI's blocks hold a cross-attention that nothing uses.
    weights = {name: x for name, x in network.state_dict().items() if "cross_attn" not in name}
    save(weights, folder / "model.safetensors")
    export(network, folder / "model.onnx")
    for module in list(network.modules()):
        for name, layer in module.named_children():
            if isinstance(layer, torch.nn.ConvTranspose3d):
                setattr(module, name, Expansion(layer))
    export(network, folder / "products.onnx")


if __name__ == "__main__":
    main()
