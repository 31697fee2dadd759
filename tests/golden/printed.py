"""Makes printed.safetensors: layers that prints of this field contain beside those of the other files, as PyTorch
computes them, and pytorch.json, the names of all that torch.nn has.

    pip install -r tests/golden/requirements.txt
    python tests/golden/printed.py

Outputs only. Inputs and parameters are drawn by make.py's rule. Metadata is JSON:

    {"module": "Unfold(3, padding=1)", as one types it,
     "printed": "what repr(module) prints",
     "input": [sizes], "seed": 0,
     "error": the largest error of PyTorch's own float32}

Outputs are float64, rounded once; those of Upsample are float32's own, as its positions are. Beside them stand
`special.input`, numbers at the edges of what floats are, and `special.TEXT`, what the activation typed so makes of
them.
"""

import json
import math

import make
import norms
import torch
from torch import nn

PICTURES = (2, 5, 7, 6)


def activations():
    yield from ("SELU()", "CELU()", "CELU(2.5)", "CELU(-0.75)", "Softsign()", "Tanhshrink()", "LogSigmoid()")
    yield from ("Hardshrink()", "Hardshrink(1)", "Hardshrink(-1.0)", "Softshrink()", "Softshrink(0)")
    yield from ("Threshold(0.25, -3)", "Threshold(0, 0.5, True)", "RReLU()", "RReLU(0, 1)")


def other_cases():
    for layer in ("GLU()", "GLU(1)", "GLU(-2)"):
        yield layer, (2, 6, 4, 8)
    for layer in ("Softmin", "LogSoftmax"):
        for dim in ("", "0", "1", "-1"):
            for shape in ((9, 5), (2, 9, 5), PICTURES):
                yield f"{layer}({dim})", shape
        yield f"{layer}()", (21,)
        yield f"{layer}(-1)", (3, 1000)
    for shape in (PICTURES, PICTURES[1:], (1, 37, 3, 3)):
        yield "Softmax2d()", shape
    for layer in ("Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"):
        yield f"{layer}(0.2)", (3, 4)

    for layer, shapes in (
        ("BatchNorm1d", ((4, 5), (2, 5, 7))),
        ("InstanceNorm1d", ((5, 7), (2, 5, 7))),
        ("SyncBatchNorm", ((4, 5), (2, 5, 7), (2, 5, 4, 3), (2, 5, 2, 3, 2))),
    ):
        for shape in shapes:
            for arguments in ("affine=True", "affine=False", "affine=True, bias=False, eps=0.1"):
                for track in (True, False):
                    yield f"{layer}(5, {arguments}, track_running_stats={track})", shape
    yield "BatchNorm1d(70, track_running_stats=False)", (3, 70, 9)
    yield "InstanceNorm1d(3)", (2, 5, 7)
    for size, shape in (("7", (7,)), ("7", (2, 3, 5, 7)), ("(5, 7)", (2, 3, 5, 7)), ("(3, 5, 7)", (2, 3, 5, 7))):
        yield f"RMSNorm({size})", shape
        yield f"RMSNorm({size}, 0.1, elementwise_affine=False)", shape
    yield "RMSNorm(1000)", (3, 1000)

    for layer, shapes in (
        ("PixelUnshuffle(2)", ((2, 3, 6, 4), (3, 6, 4), (2, 3, 2, 6, 4))),
        ("PixelUnshuffle(3)", ((1, 2, 6, 15),)),
        ("ChannelShuffle(2)", (PICTURES[:1] + (6, 4, 3), (2, 6, 3), (1, 6, 2, 3, 2))),
        ("ChannelShuffle(3)", ((2, 48, 3, 2),)),
    ):
        for shape in shapes:
            yield layer, shape
    for sides in ("1", "(1, 2, 3, 4)", "(6, 6, 7, 7)", "(-1, 2, 0, -3)", "(2, -1, -2, 1)", "(-2, -3, -1, -1)", "0"):
        for shape in (PICTURES, PICTURES[1:]):
            yield f"CircularPad2d({sides})", shape

    for size in ("1", "2", "3", "(7, 6)", "(None, 3)", "(4, None)", "(9, 11)", "0"):
        for shape in (PICTURES, PICTURES[1:], (1, 17, 6, 7)):
            yield f"AdaptiveMaxPool2d({size})", shape
    for arguments in ("2, 2", "1, 3", "2.0, (3, 2), (1, 2)", "4, 2, ceil_mode=True", "2, (2, 4), 3, True", "6, 2"):
        for shape in (PICTURES, PICTURES[1:]):
            yield f"LPPool2d({arguments})", shape

    for arguments in (
        "3",
        "(2, 3), padding=1",
        "2, stride=2",
        "(3, 2), (2, 3), (2, 1), (1, 2)",
        "3, 1, 5, 3",
        "(7, 6)",
    ):
        for shape in (PICTURES, PICTURES[1:], (1, 17, 6, 7)):
            try:
                columns = eval(f"nn.Unfold({arguments})")(torch.zeros(shape)).shape
            except RuntimeError:
                continue  # no room for a window
            yield f"Unfold({arguments})", shape
            yield f"Fold({shape[-2:]}, {arguments})", tuple(columns)
    yield "Fold(24, 4, stride=2)", (1, 48, 121)

    for arguments in ("size=13", "size=(1, 1)", "size=(5, 17)", "size=(7, 12)", "scale_factor=2", "scale_factor=0.5",
                      "scale_factor=1.1", "scale_factor=(2.3, 1.7)"):  # fmt: skip
        for shape in (PICTURES, (1, 17, 1, 3)):
            if "0.5" in arguments and shape != PICTURES:
                continue
            yield f"UpsamplingNearest2d({arguments})", shape
            yield f"UpsamplingBilinear2d({arguments})", shape
            for corners in ("", ", align_corners=True", ", align_corners=False"):
                yield f"Upsample({arguments}, mode='bicubic'{corners})", shape
            if "scale_factor" in arguments:
                yield f"Upsample({arguments}, mode='bicubic', recompute_scale_factor=True)", shape
    for height in (2, 10, 33):
        for out in (1, 2, 31):
            yield f"Upsample(({out}, {out + 3}), None, 'bicubic')", (1, 1, height, height + 1)
            yield f"Upsample(({out}, {out + 3}), None, 'bicubic', True)", (1, 1, height, height + 1)

    yield "Sequential(Linear(7, 12), BatchNorm1d(12), SELU())", (4, 7)
    yield "Sequential(Linear(7, 12), BatchNorm1d(5), ReLU())", (3, 5, 7)
    yield "Sequential(Linear(7, 5), InstanceNorm1d(5, track_running_stats=True))", (5, 7)
    yield "Sequential(Linear(7, 24), BatchNorm1d(24), Unflatten(1, (4, 2, 3)), ConvTranspose2d(4, 5, 3, 2, 1))", (2, 7)
    yield "Sequential(Conv2d(3, 6, 3), BatchNorm1d(5), ReLU())", (3, 7, 9)
    yield "Sequential(ConvTranspose2d(6, 5, 3, 2, 1), SyncBatchNorm(5), CELU(0.5))", (2, 6, 3, 4)
    yield "Sequential(CircularPad2d(1), Conv2d(3, 4, 3))", (2, 3, 5, 6)
    yield "Sequential(CircularPad2d((1, -1, 2, 0)), Conv2d(3, 4, 3, padding=1))", (2, 3, 5, 6)
    for act in ("SELU()", "Softsign()", "Tanhshrink()", "Hardshrink()", "Softshrink()", "LogSigmoid()", "RReLU()",
                "Threshold(0.1, 20)"):  # fmt: skip
        yield f"Sequential(ConvTranspose2d(3, 18, 4, 2, 1), {act})", (1, 3, 5, 4)


def cases():
    for layer in activations():
        for shape in ((19,), PICTURES):
            yield layer, shape
    yield from other_cases()


def module_of(text):
    return eval(text, vars(nn)).eval()


def answer(text, shape, seed):
    """The output, and the largest error of float32's."""
    module = module_of(text)
    x = make.draw(module, shape, seed)
    rounded = module(x.clone())
    if "Upsampl" in text:
        return rounded, 0.0
    exact = module.double()(x.double())
    difference = (rounded.double() - exact).abs()
    return exact.float(), difference[~difference.isnan()].max().item() if difference.numel() else 0.0


def answers(cases):
    """What a file of such cases holds: outputs, and in JSON what they are of."""
    tensors, metadata = {}, {}
    with torch.no_grad():
        for seed, (text, shape) in enumerate(cases):
            case = f"case{seed:03}"
            output, error = answer(text, shape, seed)
            tensors[case] = output.contiguous().clone()
            about = {"module": text, "printed": repr(module_of(text)), "input": shape, "seed": seed, "error": error}
            metadata[case] = json.dumps(about)
    return tensors, metadata


def main():
    torch.set_num_threads(1)
    tensors, metadata = answers(cases())
    with torch.no_grad():
        x = torch.tensor([*norms.SPECIAL, 0.5, -0.5, 0.999, -0.999, 1.0, -1.0, math.inf, -math.inf, math.nan])
        tensors["special.input"] = x
        for text in activations():
            tensors[f"special.{text}"] = module_of(text).double()(x.double()).float()
    make.write_safetensors(make.HERE / "printed.safetensors", tensors, metadata)
    modules = sorted(name for name, of in vars(nn).items() if isinstance(of, type) and issubclass(of, nn.Module))
    (make.HERE / "pytorch.json").write_text(json.dumps(modules, indent=1) + "\n")


if __name__ == "__main__":
    main()
