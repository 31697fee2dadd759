"""Makes the golden files: what PyTorch answers to the questions that the tests ask.

    pip install -r tests/golden/requirements.txt
    python tests/golden/make.py [name ...]

Without names it makes all: randn, layers, conv2d, conv_transpose2d_random, dcgan, grid, repr, run. Running it again
changes no byte; another processor may change the last bit of dcgan_seed0.png's pictures, which are computed in float32.

The layer files hold outputs only. A case's inputs and parameters are drawn from its seed, as `draw` does it, and its
metadata is JSON:

    {"module": "what repr(module) prints", "input": [sizes], "seed": 0, "note": "why the case is here",
     "output_size": [sizes],      only where the call was given one
     "input_dtype": "int64"}      only for Embedding, whose input is counted out, not drawn

Outputs are computed in float64 and stored as float32, so that they carry no rounding but the last.
"""

import io
import json
import math
import random
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision.utils import save_image

HERE = Path(__file__).resolve().parent
WEIGHTS = HERE.parents[1] / "examples" / "weights"
sys.path.insert(0, str(WEIGHTS))

from convert_dcgan import write_safetensors  # noqa: E402
from train_dcgan import Generator  # noqa: E402


def draw(module, shape, seed):
    """The input and the parameters of a case: one stream of randn, in that order, statistics last."""
    torch.manual_seed(seed)
    if isinstance(module, nn.Embedding):
        x = (torch.arange(math.prod(shape)) * 7 % module.num_embeddings).reshape(shape)
    else:
        x = torch.randn(shape)
    for parameter in module.parameters():
        parameter.data = torch.randn(parameter.shape)
    for name, buffer in module.named_buffers():
        if name.endswith("running_mean"):
            buffer.copy_(torch.randn(buffer.shape))
        elif name.endswith("running_var"):
            buffer.copy_(torch.randn(buffer.shape).abs() + 0.5)
    return x


def answer(module, shape, seed, output_size=None):
    """The module's output for that draw: float64 throughout, rounded to float32 once."""
    x = draw(module, shape, seed)
    module.double().eval()
    if x.is_floating_point():
        x = x.double()
    y = module(x) if output_size is None else module(x, output_size)
    return y.float()


def answers(cases):
    """The tensors and the metadata of a file of cases. Each case is (note, module, input shape) or (note, module, input
    shape, output_size); its number is its seed."""
    tensors, metadata = {}, {}
    for seed, (note, module, shape, *output_size) in enumerate(cases):
        case = f"case{seed:03}"
        about = {"module": repr(module), "input": shape, "seed": seed, "note": note}
        if output_size:
            about["output_size"] = output_size[0]
        if isinstance(module, nn.Embedding):
            about["input_dtype"] = "int64"
        tensors[f"{case}.output"] = answer(module, shape, seed, *output_size)
        metadata[case] = json.dumps(about)
    return tensors, metadata


def write_cases(file, cases):
    write_safetensors(HERE / file, *answers(cases))


def make_randn():
    """s{seed}.n{count}: the first values after a seed. sequence.{i}: the i-th of consecutive calls after seed 3."""
    tensors = {}
    for seed in (0, 1, 42, 2**40 + 7):
        for count in (1, 2, 7, 15, 16, 17, 31, 32, 33, 100, 1000, 6403):
            torch.manual_seed(seed)
            tensors[f"s{seed}.n{count}"] = torch.randn(count)
    torch.manual_seed(3)
    for i, count in enumerate((3, 5, 20, 1, 16, 7, 2, 40)):
        tensors[f"sequence.{i}"] = torch.randn(count)
    write_safetensors(HERE / "randn.safetensors", tensors)


def conv_transpose2d_cases():
    # Input shape, then the layer's arguments, of the samples with which PyTorch tests its own operator.
    samples = (
        ((1, 3, 4, 4), (3, 3, 3), dict(stride=2, padding=2, output_padding=1)),
        (
            (2, 2, 4, 4),
            (2, 4, (4, 5)),
            dict(stride=(3, 2), padding=(1, 2), output_padding=(2, 3), groups=2, dilation=4),
        ),
        ((1, 1, 4, 5), (1, 1, (4, 3)), dict(stride=2, padding=1, output_padding=1, dilation=(2, 3))),
        ((1, 1, 4, 3), (1, 2, (3, 4)), dict(stride=2, padding=1, output_padding=1)),
        ((2, 4, 4, 4), (4, 4, 3), dict(groups=4)),
        ((1, 2, 5, 5), (2, 4, 3), {}),
    )
    for shape, sizes, options in samples:
        for bias in (True, False):
            layer = nn.ConvTranspose2d(*sizes, **options, bias=bias)
            yield "PyTorch's sample", layer, shape
            yield "PyTorch's sample, unbatched", layer, shape[1:]

    yield "the worked example's shapes", nn.ConvTranspose2d(1, 3, 4, 1, 0, bias=False), (1, 1, 2, 3)
    yield "PyTorch's module test", nn.ConvTranspose2d(3, 4, 3, (3, 2), 1, 1), (1, 3, 7, 6)
    yield "PyTorch's module test, dilated", nn.ConvTranspose2d(3, 4, 3, (2, 3), 1, 1, 1, False, 2), (1, 3, 6, 7)
    yield "PyTorch's module test, no bias", nn.ConvTranspose2d(3, 4, 3, (2, 3), 1, 1, 1, False), (1, 3, 6, 7)
    yield "PyTorch's module test, groups", nn.ConvTranspose2d(2, 4, (2, 3), groups=2), (1, 2, 4, 5)
    yield "PyTorch's module test, defaults", nn.ConvTranspose2d(4, 5, 3), (2, 4, 3, 4)
    yield "no pictures", nn.ConvTranspose2d(3, 4, 3, 2, 1), (0, 3, 4, 5)

    sized = nn.ConvTranspose2d(3, 4, 3, 3, output_padding=2)
    yield "without output_size", sized, (1, 3, 6, 6)
    for output_size in ((18, 18), (19, 19), (20, 20), (18, 20), (20, 19), (1, 4, 19, 18)):
        yield "output_size instead of output_padding", sized, (1, 3, 6, 6), output_size
    patches = nn.ConvTranspose2d(1, 1, 16, 16, 7, bias=False)
    yield "output_size, unbatched", patches, (1, 3, 2), (40, 33)
    yield "output_size of every dimension, unbatched", patches, (1, 3, 2), (1, 34, 18)

    yield "kernel 1", nn.ConvTranspose2d(5, 3, 1), (2, 5, 3, 4)
    yield "kernel 1, holes", nn.ConvTranspose2d(5, 3, 1, 2), (1, 5, 3, 4)
    yield "kernel 1, holes and a hollow edge", nn.ConvTranspose2d(2, 3, 1, 3, output_padding=(2, 1)), (1, 2, 3, 4)
    yield "kernel 1, cropped", nn.ConvTranspose2d(2, 3, 1, 2, (1, 2)), (1, 2, 4, 5)
    yield "kernel 1 high", nn.ConvTranspose2d(2, 3, (1, 3), (1, 2), (0, 1)), (1, 2, 4, 5)
    yield "kernel 1 wide", nn.ConvTranspose2d(2, 3, (3, 1), (2, 1), (1, 0)), (1, 2, 4, 5)
    yield "output_padding under stride", nn.ConvTranspose2d(3, 2, 2, 4, output_padding=(3, 2)), (1, 3, 3, 4)
    yield "output_padding under dilation", nn.ConvTranspose2d(3, 2, 3, 1, 1, 2, dilation=3), (1, 3, 4, 3)
    yield "output_padding under either", nn.ConvTranspose2d(3, 2, 3, (4, 1), 2, (3, 2), dilation=(1, 3)), (2, 3, 3, 4)
    yield "output_padding on one axis", nn.ConvTranspose2d(3, 2, 3, 2, 1, (0, 1)), (1, 3, 4, 3)


def other_cases():
    pictures = (2, 5, 4, 3)
    yield "defaults", nn.BatchNorm2d(5), pictures
    yield "no affine", nn.BatchNorm2d(5, affine=False), pictures
    yield "weight without bias", nn.BatchNorm2d(5, bias=False), pictures
    yield "large eps", nn.BatchNorm2d(5, eps=0.1), pictures
    yield "large eps, no affine", nn.BatchNorm2d(5, eps=0.001, affine=False), pictures

    for bias in (True, False):
        for shape in ((7,), (3, 7), (2, 3, 7)):
            yield f"rank {len(shape)}", nn.Linear(7, 5, bias), shape
    for shape in ((4,), (2, 3), (2, 3, 2)):
        yield f"rank {len(shape)}", nn.Embedding(10, 3), shape
    yield "the padding row is a row like any other", nn.Embedding(10, 3, padding_idx=7), (2, 3)

    for layer in (nn.ReLU(), nn.LeakyReLU(), nn.LeakyReLU(0.2), nn.Tanh(), nn.Sigmoid(), nn.Identity(), nn.Dropout()):
        for shape in ((19,), pictures):
            yield f"rank {len(shape)}", layer, shape
    yield "nothing dropped in eval", nn.Dropout(0.2), pictures

    yield "defaults", nn.Flatten(), pictures
    yield "everything", nn.Flatten(start_dim=0), pictures
    yield "height and width", nn.Flatten(start_dim=2), pictures
    yield "the middle", nn.Flatten(1, 2), pictures
    yield "to a picture", nn.Unflatten(1, (3, 4, 2)), (2, 24)
    yield "from the end", nn.Unflatten(-1, (4, 6)), (2, 3, 24)

    yield (
        "a DCGAN's block",
        nn.Sequential(nn.ConvTranspose2d(6, 5, 4, 2, 1, bias=False), nn.BatchNorm2d(5), nn.ReLU(inplace=True)),
        (2, 6, 3, 4),
    )
    yield (
        "two convolutions",
        nn.Sequential(
            nn.ConvTranspose2d(5, 6, 4, 1, 0, bias=False),
            nn.BatchNorm2d(6),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(6, 3, 4, 2, 1),
            nn.Tanh(),
        ),
        (2, 5, 2, 1),
    )
    yield (
        "from a vector",
        nn.Sequential(
            nn.Linear(7, 24),
            nn.Unflatten(1, (4, 2, 3)),
            nn.ConvTranspose2d(4, 5, 3, 2, 1, 1),
            nn.BatchNorm2d(5),
            nn.ReLU(),
        ),
        (2, 7),
    )
    yield (
        "to a score",
        nn.Sequential(nn.ConvTranspose2d(3, 2, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(70, 4), nn.Sigmoid()),
        (2, 3, 3, 4),
    )
    yield (
        "BatchNorm before the convolution",
        nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(), nn.ConvTranspose2d(3, 4, 4, 2, 1)),
        (2, 3, 3, 4),
    )
    yield (
        "BatchNorm straight into a padded convolution",
        nn.Sequential(nn.BatchNorm2d(3), nn.ConvTranspose2d(3, 4, 3, 2, 1, 1)),
        (2, 3, 3, 4),
    )


def make_layers():
    """Every layer, every way of asking it."""
    write_cases("layers.safetensors", [*conv_transpose2d_cases(), *other_cases()])


# kernel_size, stride, padding, output_padding of the up-sampling layers that published generators use
IN_PRACTICE = (
    (4, 2, 1, 0),
    (3, 2, 1, 1),
    (2, 2, 0, 0),
    (5, 2, 2, 1),
    (4, 1, 0, 0),
    (8, 4, 2, 0),
    (6, 3, 0, 0),
    (3, 1, 1, 0),
)


def random_conv_transpose2d(rng):
    """A case of any arguments, legal but for its output, which may be empty or large."""

    def two(low, high):
        return rng.randint(low, high), rng.randint(low, high)

    groups = rng.choice((1, 1, 1, 2, 3, 4))
    in_channels, out_channels = (groups * rng.choice((1, 2, 3, 4, 5, 8, 16, 17, 33)) for _ in range(2))
    note = rng.choice(("in practice", "random", "random", "random"))
    if note == "in practice":
        kernel_size, stride, padding, output_padding = rng.choice(IN_PRACTICE)
        dilation = 1
    else:
        kernel_size, stride, padding, dilation = two(1, 5), two(1, 4), two(0, 3), two(1, 3)
        output_padding = tuple(rng.randrange(max(s, d)) for s, d in zip(stride, dilation))
    bias = rng.random() < 0.5
    layer = nn.ConvTranspose2d(
        in_channels, out_channels, kernel_size, stride, padding, output_padding, groups, bias, dilation
    )
    batch = rng.choice(((), (1,), (2,), (3,)))
    return note, layer, (*batch, in_channels, *two(1, 7))


def output_elements(layer, shape):
    """How many numbers the layer makes of an input of that shape; 0 where it would refuse."""
    *batch, _, height, width = shape
    rows, columns = (
        (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1
        for size, kernel, stride, padding, output_padding, dilation in zip(
            (height, width), layer.kernel_size, layer.stride, layer.padding, layer.output_padding, layer.dilation
        )
    )
    return math.prod(batch) * layer.out_channels * max(rows, 0) * max(columns, 0)


def make_conv_transpose2d_random():
    """300 transposed convolutions, a quarter of them of the kinds in use."""
    rng = random.Random(2026)
    cases = []
    while len(cases) < 300:
        note, layer, shape = random_conv_transpose2d(rng)
        if 1 <= output_elements(layer, shape) <= 1500:
            cases.append((note, layer, shape))
    write_cases("conv_transpose2d_random.safetensors", cases)


def conv2d_cases():
    """Input shape, then the layer's arguments, of the samples and module tests of PyTorch's own; then what those
    leave."""
    samples = (
        ((1, 3, 4, 4), (3, 3, 3), dict(stride=2, padding=2)),
        ((2, 4, 8, 8), (2, 2, (3, 3)), dict(stride=(2, 1), padding=(2, 1), groups=2)),
        ((1, 2, 4, 3), (4, 2, (3, 2)), dict(stride=2, padding=1)),
        ((1, 4, 5, 5), (1, 4, (2, 3)), dict(stride=2, padding=1, dilation=2)),
        ((1, 2, 4, 3), (4, 2, 3), dict(stride=2, padding="valid")),
        ((1, 2, 4, 3), (4, 2, 3), dict(stride=1, padding="same", dilation=3)),
    )
    for shape, (out_channels, _, kernel_size), options in samples:
        if options["padding"] == "valid":
            kernel_size = (3, 3)
        for bias in (True, False):
            layer = nn.Conv2d(shape[1], out_channels, kernel_size, **options, bias=bias)
            yield "PyTorch's sample", layer, shape
            yield "PyTorch's sample, unbatched", layer, shape[1:]
    yield "defaults", nn.Conv2d(3, 4, (3, 2)), (2, 3, 7, 5)
    yield "strided, padded, no bias", nn.Conv2d(3, 4, (3, 3), (2, 2), (1, 1), bias=False), (2, 3, 6, 6)
    yield "dilated", nn.Conv2d(3, 2, (3, 3), (2, 2), (1, 1), dilation=2), (2, 3, 8, 8)
    yield "no pictures", nn.Conv2d(3, 4, (3, 2)), (0, 3, 7, 5)
    yield "groups", nn.Conv2d(4, 6, (3, 2), groups=2), (2, 4, 6, 5)
    yield "depthwise", nn.Conv2d(4, 4, (3, 3), groups=4), (2, 4, 6, 6)
    yield "depthwise with a multiplier", nn.Conv2d(4, 8, (3, 3), groups=4), (2, 4, 6, 6)
    yield "depthwise, strided", nn.Conv2d(4, 4, (3, 3), stride=(2, 2), groups=4), (2, 4, 6, 6)
    yield "depthwise, padded", nn.Conv2d(4, 4, (3, 3), padding=(1, 1), groups=4), (2, 4, 6, 6)
    yield "depthwise, dilated", nn.Conv2d(4, 4, (2, 2), dilation=(2, 2), groups=4), (2, 4, 5, 5)
    yield "kernel 1", nn.Conv2d(5, 3, 1), (2, 5, 3, 4)
    yield "kernel 1, every third pixel", nn.Conv2d(5, 3, 1, 3), (2, 5, 8, 7)
    yield "more padding than the kernel reaches", nn.Conv2d(2, 3, 2, 1, 3), (1, 2, 3, 2)
    yield "a kernel larger than the picture", nn.Conv2d(2, 3, 5, 1, 2), (1, 2, 2, 3)
    yield "even kernel, same", nn.Conv2d(2, 3, (2, 4), padding="same"), (1, 2, 5, 6)
    yield "even kernel, dilated, same", nn.Conv2d(2, 3, (4, 2), padding="same", dilation=(1, 3)), (1, 2, 5, 6)
    yield "a row that needs a window", nn.Conv2d(3, 5, 3, 1, 1), (1, 3, 4, 45)
    yield "a row that needs a window, strided", nn.Conv2d(3, 5, 3, (1, 2), 1), (1, 3, 4, 45)
    for mode in ("reflect", "replicate", "circular"):
        yield mode, nn.Conv2d(2, 3, 3, padding=(1, 2), padding_mode=mode), (2, 2, 5, 10)
        yield f"{mode}, strided", nn.Conv2d(2, 3, (3, 2), 2, (2, 1), padding_mode=mode), (2, 2, 5, 6)
        yield f"{mode}, no bias", nn.Conv2d(3, 2, 3, padding=1, bias=False, padding_mode=mode), (3, 4, 3)
        yield f"{mode}, wide", nn.Conv2d(3, 2, 5, padding=4, dilation=2, padding_mode=mode), (1, 3, 5, 30)
        yield f"{mode}, depthwise", nn.Conv2d(3, 3, 3, padding=1, groups=3, padding_mode=mode), (1, 3, 5, 4)
        yield f"{mode}, the widest", nn.Conv2d(2, 2, 3, padding=(2, 3), padding_mode=mode), (1, 2, 4, 5)
        yield f"{mode}, same", nn.Conv2d(2, 2, (4, 2), padding="same", padding_mode=mode), (1, 2, 4, 5)
        yield f"{mode}, valid", nn.Conv2d(2, 2, 3, padding="valid", padding_mode=mode), (1, 2, 4, 5)
    yield "reflect across the whole picture", nn.Conv2d(1, 2, 3, padding=(3, 4), padding_mode="reflect"), (1, 1, 4, 5)
    yield "circular around the whole picture", nn.Conv2d(1, 2, 3, padding=(4, 5), padding_mode="circular"), (1, 1, 4, 5)
    yield (
        "BatchNorm and activation",
        nn.Sequential(
            nn.Conv2d(3, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6), nn.LeakyReLU(0.2), nn.Conv2d(6, 2, 1), nn.Tanh()
        ),
        (2, 3, 9, 7),
    )
    yield (
        "an encoder and a decoder",
        nn.Sequential(
            nn.Conv2d(3, 8, 4, 2, 1),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect"),
            nn.ReLU(),
            nn.ConvTranspose2d(8, 3, 4, 2, 1),
        ),
        (2, 3, 8, 12),
    )


def random_conv2d(rng):
    """A case of any arguments, or None where PyTorch would refuse it."""

    def two(low, high):
        return rng.randint(low, high), rng.randint(low, high)

    groups = rng.choice((1, 1, 1, 2, 3, 4))
    in_channels, out_channels = (groups * rng.choice((1, 2, 3, 4, 5, 8, 16, 17, 33)) for _ in range(2))
    kernel_size, stride, dilation, size = two(1, 5), two(1, 3), two(1, 3), (rng.randint(1, 8), rng.randint(1, 24))
    padding = rng.choice((two(0, 3), two(0, 3), "same", "valid"))
    if padding == "same":
        stride = 1
    mode = rng.choice(("zeros", "zeros", "reflect", "replicate", "circular"))
    layer = nn.Conv2d(
        in_channels, out_channels, kernel_size, stride, padding, dilation, groups, rng.random() < 0.5, mode
    )
    shape = (*rng.choice(((), (1,), (2,), (3,))), in_channels, *size)
    try:
        return (mode, layer, shape) if layer(torch.zeros(shape)).numel() <= 1500 else None
    except RuntimeError:
        return None


def make_conv2d():
    """Chosen convolutions, then random ones: 300 in all."""
    rng = random.Random(2026)
    cases = list(conv2d_cases())
    while len(cases) < 300:
        if case := random_conv2d(rng):
            cases.append(case)
    write_cases("conv2d.safetensors", cases)


def make_dcgan():
    """The example's generator, seed 0: four pictures in float64, and a sheet of 64 made in float32."""
    netG = Generator().eval()
    netG.load_state_dict(load_file(WEIGHTS / "dcgan.safetensors"))
    torch.manual_seed(0)
    z = torch.randn(64, 100, 1, 1)
    save_image(netG(z), HERE / "dcgan_seed0.png", nrow=8, padding=2, normalize=True, value_range=(-1, 1))
    write_safetensors(HERE / "dcgan.safetensors", {"output": netG.double()(z[:4].double()).float()})


def make_grid():
    """case{K}.input becomes case{K}.bytes, (height, width, 3), under save_image's options in the metadata."""

    def options(nrow=8, padding=2, value_range=None, pad_value=0.0):
        return {"nrow": nrow, "padding": padding, "value_range": value_range, "pad_value": pad_value}

    torch.manual_seed(0)
    ramp = torch.linspace(-1.25, 1.25, 3 * 24 * 32).reshape(1, 3, 24, 32)
    cases = (
        (torch.rand(1, 3, 5, 7), options()),  # one picture gets no border
        (torch.rand(3, 5, 7), options()),
        (torch.rand(1, 5, 7), options()),
        (torch.randn(4, 1, 5, 6), options(nrow=2, value_range=(-1, 1))),
        (torch.randn(1, 1, 5, 6), options(value_range=(-1, 1))),
        (torch.rand(5, 3, 4, 6), options(nrow=3)),
        (torch.rand(5, 3, 4, 6), options(nrow=3, value_range=(0.25, 0.75), pad_value=0.5)),
        (torch.randn(3, 3, 6, 4) * 2, options()),  # out of range, and no range given
        (torch.randn(3, 3, 6, 4) * 2, options(value_range=(-1, 1))),
        (torch.rand(6, 3, 4, 4), options(nrow=4, padding=0)),
        (torch.rand(6, 1, 4, 4), options(nrow=4, padding=5, pad_value=1.0)),
        (torch.randn(8, 3, 4, 5), options(value_range=(-1, 1))),
        (torch.randn(9, 3, 4, 5), options(value_range=(-3, 2.5), pad_value=0.3)),
        (torch.rand(3, 3, 4, 5), options(nrow=1, padding=1)),
        (ramp, options(value_range=(-1, 1))),  # every byte, and where each begins
        (ramp, options()),
        ((torch.arange(256) / 255).expand(1, 3, 1, 256), options()),  # the bytes themselves
        (torch.rand(2, 3, 4, 5), options(value_range=(0.5, 0.5))),  # an empty range is 1e-5 wide
    )
    tensors, metadata = {}, {}
    for k, (pictures, chosen) in enumerate(cases):
        png = io.BytesIO()
        save_image(pictures, png, format="png", normalize=chosen["value_range"] is not None, **chosen)
        tensors[f"case{k}.input"] = pictures
        tensors[f"case{k}.bytes"] = torch.from_numpy(np.array(Image.open(png)))
        metadata[f"case{k}"] = json.dumps(chosen)
    write_safetensors(HERE / "grid.safetensors", tensors, metadata)


def variations(layer, *sizes, **choices):
    """The layer as it comes, with each choice for each argument alone, and with the last choices together."""
    yield layer(*sizes)
    for argument, values in choices.items():
        for value in values:
            yield layer(*sizes, **{argument: value})
    if len(choices) > 1:
        yield layer(*sizes, **{argument: values[-1] for argument, values in choices.items()})


def printed_modules():
    yield from variations(
        nn.ConvTranspose2d,
        6,
        4,
        3,
        stride=(2, (2, 3)),
        padding=(1, (0, 1)),
        groups=(2,),
        bias=(False,),
        dilation=(2, (3, 1)),
    )
    yield from variations(nn.ConvTranspose2d, 6, 4, (3, 2), 2, output_padding=(1, (1, 0), (0, 1)))
    yield nn.ConvTranspose2d(100, 512, 4, 1, 0, bias=False)
    yield nn.ConvTranspose2d(6, 4, (4, 5), (3, 2), (1, 2), (2, 3), 2, False, 4)
    yield from variations(
        nn.Conv2d,
        6,
        4,
        3,
        stride=(2, (2, 3)),
        padding=(1, (0, 1), "valid"),
        dilation=(2, (3, 1)),
        groups=(2,),
        bias=(False,),
        padding_mode=("reflect", "replicate", "circular"),
    )
    yield nn.Conv2d(6, 4, (2, 3), padding="same", padding_mode="reflect")
    yield from variations(
        nn.ConvTranspose1d,
        6,
        4,
        3,
        stride=(2,),
        padding=(1,),
        groups=(2,),
        bias=(False,),
        dilation=(3,),
    )
    yield nn.ConvTranspose1d(6, 4, 5, 3, 1, 2, 2, False, 4)
    yield from variations(
        nn.Conv1d,
        6,
        4,
        3,
        stride=(2,),
        padding=(1, "same", "valid"),
        dilation=(3,),
        groups=(2,),
        bias=(False,),
        padding_mode=("reflect", "replicate", "circular"),
    )
    for layer in (nn.ReflectionPad1d, nn.ReplicationPad1d, nn.CircularPad1d, nn.ZeroPad1d):
        yield layer(2)
        yield layer((1, -2))
    yield nn.ConstantPad1d((1, 2), 2.5)
    yield nn.ConstantPad1d(1, 3)
    yield from variations(nn.AvgPool1d, 3, stride=(2,), padding=(1,))
    yield from variations(nn.MaxPool1d, 3, stride=(2,), padding=(1,), dilation=(2,), ceil_mode=(True,))
    yield nn.AdaptiveAvgPool1d(3)
    yield nn.AdaptiveMaxPool1d(3)
    yield nn.Upsample(scale_factor=2, mode="linear")
    yield from variations(
        nn.BatchNorm2d,
        5,
        eps=(1e-3, 1e-4, 1e-12),
        momentum=(None, 0.2),
        affine=(False,),
        track_running_stats=(False,),
        bias=(False,),
    )
    yield from variations(
        nn.InstanceNorm2d,
        5,
        eps=(1e-3,),
        momentum=(None, 0.2),
        affine=(True,),
        track_running_stats=(True,),
        bias=(False,),
    )
    for layer in (nn.BatchNorm1d, nn.SyncBatchNorm):
        yield from variations(layer, 5, eps=(1e-3,), affine=(False,), track_running_stats=(False,), bias=(False,))
    yield from variations(nn.InstanceNorm1d, 5, affine=(True,), track_running_stats=(True,), bias=(False,))
    yield from variations(nn.RMSNorm, 7, eps=(1e-6, 1), elementwise_affine=(False,))
    yield nn.RMSNorm((3, 4, 5))
    yield from variations(nn.GroupNorm, 3, 6, eps=(1e-6,), affine=(False,), bias=(False,))
    yield from variations(nn.LayerNorm, 7, eps=(1e-6,), elementwise_affine=(False,), bias=(False,))
    yield nn.LayerNorm((3, 4, 5))
    yield from variations(nn.Linear, 7, 5, bias=(False,))
    yield from variations(nn.Embedding, 10, 3, padding_idx=(0, 2, -1))
    yield from variations(nn.ReLU, inplace=(True,))
    yield from variations(nn.LeakyReLU, negative_slope=(0.2, 0.1, 1e-5, 1.0), inplace=(True,))
    yield nn.LeakyReLU(0.2, inplace=True)
    yield from variations(nn.PReLU, num_parameters=(5,))
    yield from variations(nn.ELU, alpha=(0.5,), inplace=(True,))
    yield from variations(nn.GELU, approximate=("tanh",))
    yield from variations(nn.Softplus, beta=(2.0,), threshold=(30.0,))
    yield from variations(nn.Hardtanh, min_val=(-2.0,), max_val=(0.5,), inplace=(True,))
    for layer in (nn.SiLU, nn.ReLU6, nn.Hardsigmoid, nn.Hardswish, nn.Mish, nn.SELU):
        yield from variations(layer, inplace=(True,))
    yield from variations(nn.CELU, alpha=(0.5, 2), inplace=(True,))
    yield from variations(nn.RReLU, lower=(0, 0.2), upper=(0.5, 1), inplace=(True,))
    yield from variations(nn.Threshold, 1, 0.5, inplace=(True,))
    yield nn.Threshold(0.1, 20)
    for layer in (nn.Softsign, nn.Tanhshrink, nn.LogSigmoid, nn.Softmax2d):
        yield layer()
    for layer in (nn.Hardshrink, nn.Softshrink):
        yield from variations(layer, lambd=(1, 0.25))
    yield from variations(nn.GLU, dim=(1,))
    for layer in (nn.Softmax, nn.Softmin, nn.LogSoftmax):
        yield from variations(layer, dim=(0, -1))
    yield nn.Tanh()
    yield nn.Sigmoid()
    for size in (5, (5, 7)):
        yield from variations(nn.Upsample, size, mode=("nearest-exact", "bilinear"))
    for scale_factor in (2, 2.5, (2, 1.5), (1e-05, 3)):
        yield nn.Upsample(scale_factor=scale_factor)
    yield nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
    yield nn.Upsample(scale_factor=2, mode="bicubic", align_corners=True)
    for layer in (nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d):
        yield from (layer(5), layer((5, 7)), layer(scale_factor=2), layer(scale_factor=(2, 1.5)))
    yield from (nn.PixelShuffle(2), nn.PixelUnshuffle(2), nn.ChannelShuffle(3))
    for kernel in (2, (2, 3)):
        yield from variations(nn.Unfold, kernel, dilation=(2, (1, 2)), padding=(1, (0, 1)), stride=(2, (2, 1)))
        yield from variations(nn.Fold, (5, 7), kernel, dilation=(2, (1, 2)), padding=(1, (0, 1)), stride=(2, (2, 1)))
    yield nn.Fold(5, 2)
    for padding in (1, (1, 2, 3, 4), (-1, 0, 0, -2)):
        for layer in (nn.ReflectionPad2d, nn.ReplicationPad2d, nn.CircularPad2d, nn.ZeroPad2d):
            yield layer(padding)
        for value in (2, 2.5, -1.0):
            yield nn.ConstantPad2d(padding, value)
    for kernel in (2, (2, 3), (2, 2)):
        yield from variations(nn.AvgPool2d, kernel, stride=(1, (1, 2)), padding=(1, (0, 1)))
        yield from variations(
            nn.MaxPool2d, kernel, stride=(1, (1, 2)), padding=(1, (0, 1)), dilation=(2, (1, 2)), ceil_mode=(True,)
        )
    for size in (3, None, (3, 5), (None, 5), (3, None), (None, None)):
        yield nn.AdaptiveAvgPool2d(size)
        yield nn.AdaptiveMaxPool2d(size)
    for norm_type in (2, 1.5):
        yield from variations(nn.LPPool2d, norm_type, (2, 3), stride=(1, (1, 2)), ceil_mode=(True,))
    yield nn.LPPool2d(2.0, 3)
    yield nn.Identity()
    yield from variations(nn.Flatten, start_dim=(0, 2), end_dim=(2, 3))
    yield from variations(nn.Unflatten, 1, (3, 4, 2))
    yield nn.Unflatten(-1, (4,))
    for layer in (
        nn.Dropout,
        nn.Dropout1d,
        nn.Dropout2d,
        nn.Dropout3d,
        nn.AlphaDropout,
        nn.FeatureAlphaDropout,
    ):
        yield from variations(layer, p=(0, 0.2, 1.0), inplace=(True,))

    block = nn.Sequential(nn.ConvTranspose2d(6, 4, 4, 2, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(True))
    named = nn.Sequential(OrderedDict(up=nn.ConvTranspose2d(4, 3, 2, 2), squash=nn.Tanh()))
    yield nn.Sequential()
    yield nn.Sequential(nn.ReLU())
    yield block
    yield named
    yield nn.Sequential(block, named)
    yield nn.Sequential(nn.Sequential(nn.Sequential(nn.Sequential())), nn.Identity())
    yield nn.Sequential(
        OrderedDict(
            project=nn.Sequential(nn.Linear(7, 54), nn.Unflatten(1, (6, 3, 3))),
            body=nn.Sequential(block, nn.Sequential(OrderedDict(act=nn.LeakyReLU(0.2), drop=nn.Dropout()))),
            to_rgb=named,
        )
    )
    yield Generator().main


def make_repr():
    """A JSON list of what repr() prints: each argument of each layer, and nests of them."""
    text = json.dumps([repr(module) for module in printed_modules()], indent=1)
    (HERE / "repr.json").write_text(text + "\n")


def make_run():
    """Weights, input and outputs as files for the program. Small whole numbers: every sum is exact on every machine."""
    folder = HERE / "run"
    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)
    conv = nn.ConvTranspose2d(4, 6, (3, 2), (2, 3), padding=1, output_padding=(1, 0), groups=2, dilation=(2, 1))
    for parameter in conv.parameters():
        parameter.data = torch.randint(-4, 5, parameter.shape).float()
    x = torch.randint(-4, 5, (2, 4, 3, 5)).float()
    net = nn.Sequential(conv, nn.ReLU())
    save_file(conv.state_dict(), folder / "layer.safetensors")
    save_file(net.state_dict(), folder / "sequential.safetensors")
    (folder / "sequential.txt").write_text(f"{net}\n")
    np.save(folder / "x.npy", x.numpy())
    np.save(folder / "y.npy", net(x).numpy())
    np.save(folder / "y_7_13.npy", conv(x[0], output_size=(7, 13)).numpy())
    np.save(folder / "x0_float64.npy", np.asfortranarray(x[0].numpy().astype(">f8")))


MAKERS = {
    "randn": make_randn,
    "layers": make_layers,
    "conv2d": make_conv2d,
    "conv_transpose2d_random": make_conv_transpose2d_random,
    "dcgan": make_dcgan,
    "grid": make_grid,
    "repr": make_repr,
    "run": make_run,
}


def main():
    names = sys.argv[1:] or MAKERS
    for name in names:
        if name not in MAKERS:
            sys.exit(f"{name}: no such golden; there are {', '.join(MAKERS)}")
    torch.set_num_threads(1)  # sums in one order
    with torch.no_grad():
        for name in names:
            MAKERS[name]()


if __name__ == "__main__":
    main()
