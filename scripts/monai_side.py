"""What the comparisons run on the other side: MONAI's networks of the tutorial with their losses and optimisers, and
PyTorch's operations at UNETR's shapes. Shared by compare_with_monai.py and compare_on_gpu.py; needs torch, monai 1.5
and einops."""

import torch
import torch.nn.functional as f

PATCH = (96, 96, 96)


def pretraining(crops, device="cpu"):
    """ViTAutoEnc over two views of each crop, L1 and contrastive loss, Adam: the network, a function of it that gives
    the loss, the optimiser."""
    from monai.losses import ContrastiveLoss
    from monai.networks.nets import ViTAutoEnc

    network = ViTAutoEnc(
        in_channels=1, img_size=PATCH, patch_size=(16, 16, 16), proj_type="conv", hidden_size=768, mlp_dim=3072
    ).to(device)
    network.train()
    reconstruction, contrast = torch.nn.L1Loss(), ContrastiveLoss(temperature=0.05)
    target, view1, view2 = (torch.rand(crops, 1, *PATCH, device=device) for _ in range(3))

    def loss_of(network):
        outputs1, _ = network(view1)
        outputs2, _ = network(view2)
        l1 = reconstruction(outputs1, target)
        return l1 + contrast(outputs1.flatten(start_dim=1), outputs2.flatten(start_dim=1)) * l1

    return network, loss_of, torch.optim.Adam(network.parameters(), lr=1e-4)


def unetr(device="cpu"):
    from monai.networks.nets import UNETR

    return UNETR(
        in_channels=1, out_channels=14, img_size=PATCH, feature_size=16, hidden_size=768, mlp_dim=3072, num_heads=12,
        proj_type="conv", norm_name="instance", res_block=True, dropout_rate=0.0,
    ).to(device)


def finetuning(crops, device="cpu"):
    """UNETR, Dice with cross-entropy, AdamW: as `pretraining` gives them."""
    from monai.losses import DiceCELoss

    network = unetr(device)
    network.train()
    loss_function = DiceCELoss(to_onehot_y=True, softmax=True)
    image = torch.rand(crops, 1, *PATCH, device=device)
    label = torch.randint(0, 14, (crops, 1, *PATCH), device=device).float()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, weight_decay=1e-5)
    return network, lambda network: loss_function(network(image), label), optimizer


def operations():
    """The operations of `hounsfield bench kernels`: name, shape, inputs on the CPU in f32, forward."""
    for edge, first, second, out in (
        (96, 1, 0, 16), (96, 16, 0, 16), (96, 16, 16, 16), (48, 16, 0, 16), (48, 32, 0, 32), (48, 32, 32, 32),
        (24, 64, 0, 64), (24, 64, 64, 64), (12, 128, 128, 128),
    ):
        inputs = [torch.rand(1, c, edge, edge, edge) - 0.5 for c in (first, second) if c]
        weight = torch.rand(out, first + second, 3, 3, 3) - 0.5
        text = f"{first}+{second}" if second else f"{first}"

        def forward(*x):
            joined = torch.cat(x[:-1], 1) if len(x) > 2 else x[0]
            return f.conv3d(joined, x[-1], padding=1)

        yield "convolution 3x3x3", f"{text} to {out}, {edge}^3", [*inputs, weight], forward
    for edge, channels in ((96, 16), (24, 64)):
        inputs = [torch.rand(1, channels, edge, edge, edge) for _ in range(2)]
        yield (
            "instance norm, residual, leaky ReLU", f"{channels}, {edge}^3", inputs,
            lambda x, r: f.leaky_relu(f.instance_norm(x) + r, 0.01),
        )
    for edge, channels, out in ((48, 32, 16), (6, 768, 128)):
        inputs = [torch.rand(1, channels, edge, edge, edge), torch.rand(channels, out, 2, 2, 2)]
        yield (
            "transposed convolution 2", f"{channels} to {out}, {edge}^3 to {2 * edge}^3", inputs,
            lambda x, w: f.conv_transpose3d(x, w, stride=2),
        )
    qkv = [torch.rand(1, 24, 216, 64) for _ in range(3)]
    yield "attention", "24 heads, 216 x 64", qkv, f.scaled_dot_product_attention
    yield "gelu", "432 x 3072", [torch.rand(432, 3072)], f.gelu
