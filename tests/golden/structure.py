"""Makes structure.safetensors: what PyTorch answers of layers that move, join and resample values, and of functions.

    pip install -r tests/golden/requirements.txt
    python tests/golden/structure.py

Outputs only. Inputs are drawn in order from the case's seed. Metadata is JSON:

    {"module": "AvgPool2d(3, 2, ceil_mode=True)", as one types it, or
     "function": "torch.cat([a, b], 1)",          of the inputs a, b, c
     "inputs": [[sizes], ...], "seed": 0}

Upsample is computed in float32, as its positions are; all else in float64, rounded to float32 once.
"""

import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: F401, the functions' text names it
from torch import nn  # noqa: F401, so does the layers'

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "examples" / "weights"))

from convert_dcgan import write_safetensors  # noqa: E402

PICTURES = (2, 5, 7, 6)


def upsample_cases():
    for mode in ("nearest", "nearest-exact", "bilinear"):
        for arguments in (
            "size=13",
            "size=(1, 1)",
            "size=(5, 17)",
            "size=(7, 12)",
            "scale_factor=1",
            "scale_factor=2",
            "scale_factor=3",
            "scale_factor=0.5",
            "scale_factor=1.1",
            "scale_factor=(2.3, 1.7)",
            "scale_factor=(2.3, 1.7), recompute_scale_factor=True",
            "scale_factor=(0.7, 2.05)",
        ):
            yield f"Upsample({arguments}, mode='{mode}')", PICTURES
            if mode == "bilinear":
                yield f"Upsample({arguments}, mode='{mode}', align_corners=True)", PICTURES
                yield f"Upsample({arguments}, mode='{mode}', align_corners=False)", PICTURES
    for height in (1, 2, 10, 33):
        for out in (1, 2, 5, 31, 40):
            yield f"Upsample(({out}, {out + 3}))", (1, 1, height, height + 1)
            yield f"Upsample(({out}, {out + 3}), mode='bilinear')", (1, 1, height, height + 1)
            yield f"Upsample(({out}, {out + 3}), None, 'bilinear', True)", (1, 1, height, height + 1)


def layer_cases():
    yield "PixelShuffle(1)", PICTURES
    yield "PixelShuffle(2)", (2, 12, 3, 4)
    yield "PixelShuffle(3)", (1, 18, 2, 5)
    yield "PixelShuffle(2)", (8, 3, 4)
    yield "PixelShuffle(2)", (2, 3, 8, 3, 4)
    for sides in (
        "1",
        "3",
        "(1, 2, 3, 4)",
        "(0, 0, 0, 5)",
        "(-1, 2, 0, -3)",
        "(2, -1, -2, 1)",
        "(-2, -3, -1, -1)",
        "0",
    ):
        for layer in ("ReflectionPad2d", "ReplicationPad2d", "ZeroPad2d"):
            yield f"{layer}({sides})", PICTURES
        yield f"ConstantPad2d({sides}, 2.5)", PICTURES
    for layer in ("ReflectionPad2d", "ReplicationPad2d", "ZeroPad2d"):
        yield f"{layer}((1, 2, 3, 4))", PICTURES[1:]
        yield f"{layer}((-4, 1, -4, 2))", PICTURES
    yield "ReplicationPad2d(9)", PICTURES
    yield "ZeroPad2d((-6, 3, -7, 2))", PICTURES
    for arguments in (
        "2",
        "(2, 3)",
        "3, 2",
        "3, 1, 1",
        "3, 2, 1",
        "(3, 2), (1, 3), (1, 0)",
        "3, 2, ceil_mode=True",
        "4, 3, 2, ceil_mode=True",
        "(2, 4), 3, (1, 2), ceil_mode=True",
        "(6, 5)",
        "5, 4, 2",
    ):
        for shape in (PICTURES[1:], (1, 17, 6, 7) if arguments == "3, 2, 1" else PICTURES):
            yield f"MaxPool2d({arguments})", shape
            yield f"AvgPool2d({arguments})", shape
            yield f"AvgPool2d({arguments}, count_include_pad=False)", shape
            yield f"AvgPool2d({arguments}, divisor_override=3)", shape
    for arguments in ("2, 1, 0, 2", "3, 2, 1, (2, 1)", "2, 2, 1, 3, False, True", "3, dilation=(3, 2)", "2, 3, 1, 5"):
        yield f"MaxPool2d({arguments})", PICTURES
    yield "AvgPool2d(2, divisor_override=-2)", PICTURES
    for size in ("1", "2", "3", "7", "(7, 6)", "(None, 3)", "(4, None)", "(9, 11)", "(5, 1)", "0"):
        yield f"AdaptiveAvgPool2d({size})", PICTURES
        yield f"AdaptiveAvgPool2d({size})", PICTURES[1:]


def function_cases():
    vector, matrix, rows, batch = (4,), (3, 4), (5, 1), (2, 3, 4)
    for sign in "+-*/":
        for shapes in (
            (PICTURES, PICTURES),
            (PICTURES, (5, 1, 1)),
            ((2, 5, 1, 1), PICTURES),
            (PICTURES, (1, 1, 7, 6)),
            (PICTURES, (7, 6)),
            (PICTURES, (2, 1, 7, 1)),
            ((2, 1, 7, 1), (5, 1, 6)),
            (PICTURES, (1,)),
            (PICTURES, ()),
            (vector, matrix),
            (rows, vector),
            (batch, (2, 1, 1)),
            ((2, 2, 3, 4, 5), (3, 1, 5)),
        ):
            yield f"a {sign} b", shapes
    for text in ("a + 1.5", "a - 1.5", "a * 0.2", "a / 3", "1.5 + a", "1.5 - a", "0.2 * a", "-a", "-2 * a + 1"):
        yield text, (PICTURES,)
        yield text, (vector,)
    yield "a * 0.2 + b", (PICTURES, PICTURES)
    yield "torch.tanh(a / 3) * 3", (PICTURES,)
    yield "torch.clamp(a, -0.5, 0.7)", (PICTURES,)
    yield "torch.clamp(a, min=0.1)", (vector,)
    yield "torch.clamp(a, max=0.1)", (vector,)
    yield "torch.clamp(a, 2, 1)", (vector,)
    yield "F.relu(a + b)", (PICTURES, PICTURES)
    yield "F.leaky_relu(a)", (PICTURES,)
    yield "F.leaky_relu(a, 0.2)", (PICTURES,)
    yield "torch.sigmoid(a)", (PICTURES,)

    for dim in range(4):
        other, third = list(PICTURES), list(PICTURES)
        other[dim], third[dim] = 3, 1
        yield f"torch.cat([a, b, c], {dim})", (PICTURES, tuple(other), tuple(third))
    yield "torch.cat([a, b, c], -3)", ((1, 16, 5, 3), (1, 32, 5, 3), (1, 3, 5, 3))
    yield "torch.cat([a, b])", (vector, (2,))
    yield "torch.cat([a, b], -1)", (batch, (2, 3, 1))
    yield "torch.cat([torch.cat([a, b], 1), c], 1)", (PICTURES, PICTURES, PICTURES)
    yield "F.relu(torch.cat([a, b], 1))", (PICTURES, PICTURES)
    for text in ("a[1:]", "a[:, 1:4]", "a[:, -2:]", "a[:, :, 1:6:2]", "a[:, :, :, ::3]", "a[:, 3:2]", "a[:, 4:9]"):
        yield text, (PICTURES,)
    yield "a.chunk(2, 1)[0]", (PICTURES,)
    yield "a.chunk(2, 1)[1]", (PICTURES,)
    yield "a.chunk(4)[3]", ((7,),)
    yield "a.chunk(5, -1)[2]", (PICTURES,)

    yield "a.reshape(2, -1)", (PICTURES,)
    yield "a.view(6, 70)", (PICTURES,)
    yield "torch.flatten(a, 1)", (PICTURES,)
    yield "torch.flatten(a)", (PICTURES,)
    yield "a.permute(0, 2, 3, 1)", (PICTURES,)
    yield "a.permute(3, 1, 0, 2)", (PICTURES,)
    yield "a.permute(0, 3, 1, 2)", (PICTURES,)
    yield "a.permute(2, 0, 1)", (batch,)
    yield "a.permute(4, 2, 0, 3, 1)", ((2, 3, 4, 5, 6),)
    yield "a.transpose(1, 2)", (batch,)
    yield "a.transpose(-1, -3)", (PICTURES,)
    yield "a.flatten(2).transpose(1, 2)", ((1, 17, 9, 8),)

    for shapes in (
        (matrix, (4, 5)),
        ((37, 29), (29, 41)),
        ((1, 64), (64, 70)),
        (vector, vector),
        (vector, (4, 5)),
        (matrix, vector),
        (batch, (2, 4, 5)),
        (batch, (4, 5)),
        (matrix, (2, 4, 5)),
        ((2, 1, 3, 4), (5, 4, 3)),
        ((2, 5, 3, 4), vector),
        (vector, (2, 5, 4, 3)),
        ((2, 1, 17, 8), (1, 3, 8, 19)),
    ):
        yield "torch.matmul(a, b)", shapes
    yield "torch.matmul(a, b.transpose(1, 2))", ((2, 30, 16), (2, 30, 16))


def answer(about):
    torch.manual_seed(about["seed"])
    inputs = [torch.randn(shape) for shape in about["inputs"]]
    if not about.get("module", "").startswith("Upsample"):
        inputs = [x.double() for x in inputs]
    if "module" in about:
        return eval("nn." + about["module"])(*inputs).float()
    return eval(about["function"], globals(), dict(zip("abc", inputs))).float().contiguous()


def main():
    torch.set_num_threads(1)
    cases = [{"module": module, "inputs": [shape]} for module, shape in (*upsample_cases(), *layer_cases())]
    cases += [{"function": function, "inputs": shapes} for function, shapes in function_cases()]
    tensors, metadata = {}, {}
    for seed, about in enumerate(cases):
        about["seed"] = seed
        tensors[f"case{seed:03}"] = answer(about).clone()
        metadata[f"case{seed:03}"] = json.dumps(about)
    write_safetensors(HERE / "structure.safetensors", tensors, metadata)


if __name__ == "__main__":
    main()
