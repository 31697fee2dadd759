"""Makes norms.safetensors: activations, norms and softmax as PyTorch computes them. `python tests/golden/norms.py`

The cases are make.py's, to the letter; beside them stand `special.input`, numbers at the edges of what floats are, and
`special.NAME`, what each activation makes of them, where NAME is what its repr prints. Running it again changes no
byte.
"""

import math

import make
import torch
from torch import nn

FILE = "norms.safetensors"
SPECIAL = (0.0, -0.0, 1e-30, -1e-30, 1e-3, -1e-3, 5.5, -5.5, 20.5, -20.5, 88.0, -88.0, 1e20, -1e20)


def activations():
    yield nn.PReLU()
    yield from make.variations(nn.ELU, alpha=(0.5,))
    yield nn.SiLU()
    yield from make.variations(nn.GELU, approximate=("tanh",))
    yield from make.variations(nn.Softplus, beta=(2.5, 0.5), threshold=(1.0, 30.0))
    yield from make.variations(nn.Hardtanh, min_val=(-0.5,), max_val=(0.25, 2.0))
    yield nn.ReLU6()
    yield nn.Hardsigmoid()
    yield nn.Hardswish()
    yield nn.Mish()


def cases():
    for layer in activations():
        for shape in ((19,), (2, 5, 4, 3)):
            yield f"rank {len(shape)}", layer, shape
    for shape in ((3, 5), (2, 5, 7), (2, 5, 4, 3), (2, 5, 2, 3, 2)):
        yield f"a slope for each channel, rank {len(shape)}", nn.PReLU(5), shape
    yield "many channels", nn.PReLU(37), (2, 37, 3, 3)

    for dim in (None, 0, 1, -1, -2):
        for shape in ((9, 5), (2, 9, 5), (2, 5, 4, 3)):
            yield f"rank {len(shape)}", nn.Softmax(dim), shape
    yield "rank 1", nn.Softmax(), (21,)
    yield "rank 5", nn.Softmax(2), (2, 3, 7, 2, 3)
    yield "long rows", nn.Softmax(-1), (3, 1000)

    for layer in (nn.InstanceNorm2d, nn.BatchNorm2d):
        for affine in (True, False):
            for track in (True, False):
                for bias in (True, False) if affine else (True,):
                    yield "arguments", layer(5, affine=affine, track_running_stats=track, bias=bias), (2, 5, 4, 3)
        yield "large eps", layer(5, eps=0.1, affine=True, track_running_stats=False), (3, 5, 4, 3)
        yield "many channels", layer(70, affine=True, track_running_stats=False), (2, 70, 3, 3)
    for track in (True, False):
        yield "unbatched", nn.InstanceNorm2d(5, affine=True, track_running_stats=track), (5, 4, 3)
    yield "num_features does not matter without affine", nn.InstanceNorm2d(3), (2, 5, 4, 3)
    yield "one row", nn.InstanceNorm2d(16), (1, 16, 1, 9)
    for shape in ((3, 12), (2, 12, 7), (2, 12, 4, 3), (2, 12, 2, 3, 2)):
        for groups in (1, 3, 4) if len(shape) == 2 else (1, 3, 12):
            yield f"rank {len(shape)}", nn.GroupNorm(groups, 12), shape
    yield "no affine", nn.GroupNorm(3, 12, affine=False), (2, 12, 4, 3)
    yield "no bias", nn.GroupNorm(3, 12, bias=False, eps=0.1), (2, 12, 4, 3)
    yield "large groups", nn.GroupNorm(2, 96), (2, 96, 3, 3)
    for size, shape in ((7, (7,)), (7, (3, 7)), (7, (2, 3, 5, 7)), ((5, 7), (2, 3, 5, 7)), ((3, 5, 7), (2, 3, 5, 7))):
        yield f"the last {len(torch.zeros(size).shape)}", nn.LayerNorm(size), shape
    yield "no affine", nn.LayerNorm(19, elementwise_affine=False), (3, 19)
    yield "no bias", nn.LayerNorm(64, bias=False, eps=0.1), (3, 64)

    yield (
        "a style transfer's block",
        nn.Sequential(nn.ConvTranspose2d(6, 20, 3, 2, 1, 1), nn.InstanceNorm2d(20, affine=True), nn.ReLU(inplace=True)),
        (2, 6, 3, 4),
    )
    yield (
        "running statistics fold",
        nn.Sequential(nn.ConvTranspose2d(6, 5, 3, 2, 1, 1), nn.InstanceNorm2d(5, track_running_stats=True), nn.PReLU()),
        (2, 6, 3, 4),
    )
    yield (
        "a diffusion model's block",
        nn.Sequential(nn.GroupNorm(2, 6), nn.SiLU(), nn.ConvTranspose2d(6, 5, 3, 1, 1), nn.PReLU(5)),
        (2, 6, 3, 4),
    )
    yield (
        "a transformer's block",
        nn.Sequential(nn.LayerNorm(12), nn.Linear(12, 24), nn.GELU(), nn.Linear(24, 12), nn.Softmax(-1)),
        (2, 5, 12),
    )
    for act in (nn.ELU(), nn.GELU("tanh"), nn.Softplus(2.0), nn.ReLU6(), nn.Hardswish(), nn.Mish()):
        yield "fused", nn.Sequential(nn.ConvTranspose2d(3, 18, 4, 2, 1), act), (1, 3, 5, 4)


def main():
    torch.set_num_threads(1)
    with torch.no_grad():
        tensors, metadata = make.answers(cases())
        x = torch.tensor([*SPECIAL, math.inf, -math.inf, math.nan])
        tensors["special.input"] = x
        for layer in activations():
            tensors[f"special.{layer}"] = layer.double()(x.double()).float()
        make.write_safetensors(make.HERE / FILE, tensors, metadata)


if __name__ == "__main__":
    main()
