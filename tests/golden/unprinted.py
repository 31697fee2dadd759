"""Makes unprinted.json: which arguments PyTorch's print of a layer leaves out although they change what it computes.

    pip install -r tests/golden/requirements.txt
    python tests/golden/unprinted.py

Every argument that a layer below does not give is tried with other values. Where the print stays the same, both layers
get the same parameters, by name, and the same inputs of many sizes: the argument is unprinted where an answer differs.
One whose other value asks for other parameters is none of these, as a file of weights then does not fit. The file is a
list of [a layer as one types it, {argument: "values", or "indices" where the same values come in a pair with them}].
"""

import ast
import inspect
import itertools
import json
import warnings
from pathlib import Path

import torch
from torch import nn

warnings.simplefilter("ignore")

HERE = Path(__file__).resolve().parent

# Where a layer runs and what it computes in are no part of what it computes.
NO_PART = {"device", "dtype", "process_group"}
VALUES = (None, False, True, 2, 3, 0.3, -1, (1, 2), "nearest", "bilinear", "reflect", "tanh")

# How PyTorch refuses arguments and inputs.
REFUSALS = (ArithmeticError, AssertionError, AttributeError, IndexError, RuntimeError, TypeError, ValueError)

PICTURES = [(2, 4, h, w) for h, w in itertools.product((1, 2, 3, 4, 5, 7, 8, 12), repeat=2)]
# So large that float32 positions of pixels are no longer exact.
STRIPS = [(1, 1, 2, w) for w in (8193, 16385)] + [(1, 1, w) for w in (8193, 16385)]
ROWS = [(2, 4), (3, 4), (2, 4, 7)]
INDICES = [(5,), (2, 3)]
SIGNALS = [(2, 4, length) for length in (1, 2, 3, 4, 5, 7, 8, 12)]
WINDOWS = [(1, 1, 0), (1, 2, 0), (2, 1, 0), (2, 2, 0), (2, 3, 1), (3, 1, 1), (3, 2, 1), (4, 3, 2), (5, 2, 2)]
PATCHES = [(2, 16, 9), (2, 16, 12), (2, 16, 16)]

LAYERS = {
    "ConvTranspose2d": (PICTURES, ["4, 2, 3", "4, 2, 3, 2, 1", "4, 4, 3, groups=2"]),
    "Conv2d": (PICTURES, ["4, 2, 3", "4, 2, 3, 2, 1", "4, 4, 3, padding=1, groups=2"]),
    "ConvTranspose1d": (SIGNALS, ["4, 2, 3", "4, 2, 3, 2, 1", "4, 4, 3, groups=2"]),
    "Conv1d": (SIGNALS, ["4, 2, 3", "4, 2, 3, 2, 1", "4, 4, 3, padding=1, groups=2"]),
    "Linear": (ROWS, ["4, 3"]),
    "Embedding": (INDICES, ["9, 3", "9, 3, 1"]),
    "BatchNorm1d": (ROWS, ["4", "4, affine=False", "4, track_running_stats=False"]),
    "BatchNorm2d": (PICTURES, ["4", "4, affine=False", "4, track_running_stats=False"]),
    "SyncBatchNorm": (PICTURES, ["4", "4, affine=False", "4, track_running_stats=False"]),
    "InstanceNorm1d": ([(2, 4, 7)], ["4", "4, affine=True", "4, track_running_stats=True"]),
    "InstanceNorm2d": (PICTURES, ["4", "4, affine=True", "4, track_running_stats=True"]),
    "GroupNorm": (PICTURES, ["2, 4", "4, 4, affine=False"]),
    "LayerNorm": (PICTURES, ["5", "(3, 5)"]),
    "RMSNorm": (PICTURES, ["5", "(3, 5)", "5, eps=0.1"]),
    "PReLU": (PICTURES, ["", "4"]),
    "LeakyReLU": (PICTURES, ["", "0.2"]),
    "ELU": (PICTURES, ["", "0.2"]),
    "CELU": (PICTURES, ["", "0.2"]),
    "Softplus": (PICTURES, ["", "2", "2, 1"]),
    "Hardtanh": (PICTURES, ["", "-0.5, 0.6"]),
    "GELU": (PICTURES, ["", "'tanh'"]),
    "Hardshrink": (PICTURES, ["", "0.2"]),
    "Softshrink": (PICTURES, ["", "0.2"]),
    "Threshold": (PICTURES, ["0.1, 3"]),
    "GLU": (PICTURES, ["", "1"]),
    "Softmax": (PICTURES, ["", "1"]),
    "Softmin": (PICTURES, ["", "1"]),
    "LogSoftmax": (PICTURES, ["", "1"]),
    **{
        name: (PICTURES, [""])
        for name in (
            "ReLU SiLU ReLU6 SELU Hardsigmoid Hardswish Mish Tanh Sigmoid Softsign Tanhshrink LogSigmoid Softmax2d "
            "RReLU Identity Dropout Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout Flatten"
        ).split()
    },
    "Dropout1d": (ROWS, [""]),
    "Unflatten": (PICTURES, ["1, (2, 2)"]),
    "Upsample": (
        PICTURES + STRIPS + SIGNALS,
        [f"{size}, mode='nearest'" for size in ("size=7", "size=(3, 5)", "scale_factor=1.0", "scale_factor=2.0")]
        + [f"{size}, mode='bilinear'" for size in ("size=7", "size=(3, 5)", "scale_factor=1.0", "scale_factor=2.0")]
        + [
            f"scale_factor={factor}, mode='{mode}'"
            for factor in (3.0, 5.0, 41.0, 0.5, 0.75, 1.5, (1.0, 2.0), (2.0, 1.5))
            for mode in ("nearest", "bilinear")
        ]
        + [
            "size=7, mode='linear'",
            *(f"scale_factor={factor}, mode='linear'" for factor in (1.0, 2.0, 3.0, 41.0, 0.75, 1.5)),
            "scale_factor=1.5, mode='linear', align_corners=True",
            "size=1, mode='bilinear'",
            "scale_factor=2.0, mode='bicubic'",
            "scale_factor=1.5, mode='bicubic', align_corners=True",
            "scale_factor=2.0, mode='nearest-exact'",
            "scale_factor=2.5, mode='nearest-exact'",
            "scale_factor=1.5, mode='nearest', recompute_scale_factor=False",
            "scale_factor=2.0, mode='bilinear', align_corners=False",
            "scale_factor=1.5, mode='bilinear', align_corners=False",
            "scale_factor=1.5, mode='bilinear', align_corners=True",
            "scale_factor=1.5, mode='bilinear', align_corners=None",
            "scale_factor=1.5, mode='bilinear', recompute_scale_factor=True",
            "None, 2, 'bilinear'",
            "None, 2.5, 'bilinear', False, None",
        ],
    ),
    "UpsamplingNearest2d": (PICTURES, ["7", "scale_factor=2.0", "scale_factor=1.5"]),
    "UpsamplingBilinear2d": (PICTURES, ["7", "scale_factor=2.0", "scale_factor=1.5"]),
    "PixelShuffle": (PICTURES, ["2"]),
    "PixelUnshuffle": (PICTURES, ["2"]),
    "ChannelShuffle": (PICTURES, ["2"]),
    **{
        name: (PICTURES, ["1", "(1, 2, 0, 1)"])
        for name in ("ReflectionPad2d", "ReplicationPad2d", "ZeroPad2d", "CircularPad2d")
    },
    "ConstantPad2d": (PICTURES, ["1, 2.5"]),
    **{
        name: (SIGNALS, ["1", "(1, 2)"])
        for name in ("ReflectionPad1d", "ReplicationPad1d", "ZeroPad1d", "CircularPad1d")
    },
    "ConstantPad1d": (SIGNALS, ["1, 2.5"]),
    "AvgPool1d": (
        SIGNALS,
        [
            f"kernel_size={kernel}, stride={stride}, padding={padding}{rest}"
            for kernel, stride, padding in WINDOWS
            for rest in ("", ", ceil_mode=True")
        ]
        + ["2", "3, 2", "3, 2, 1", "3, 2, 1, False", "3, 2, 1, count_include_pad=False", "3, stride=None, padding=1"],
    ),
    "MaxPool1d": (SIGNALS, ["2", "3, 2", "3, 2, 1", "3, 1, 1", "3, 2, 1, ceil_mode=True", "2, return_indices=False"]),
    "AdaptiveAvgPool1d": (SIGNALS, ["3"]),
    "AdaptiveMaxPool1d": (SIGNALS, ["3"]),
    "AvgPool2d": (
        PICTURES,
        [
            f"kernel_size={kernel}, stride={stride}, padding={padding}{rest}"
            for kernel, stride, padding in (
                *WINDOWS,
                ((1, 3), (2, 1), (0, 1)),
                ((3, 1), (2, 2), (1, 0)),
                ((2, 3), (1, 2), (1, 0)),
            )
            for rest in ("", ", divisor_override=3", ", ceil_mode=True")
        ]
        + [
            "2",
            "3, 2",
            "3, 2, 1",
            "3, 2, 1, False",
            "3, 2, 1, True, True, None",
            "3, 2, 1, count_include_pad=False",
            "3, 2, 1, divisor_override=None",
            "3, stride=None, padding=1",
        ],
    ),
    "MaxPool2d": (PICTURES, ["2", "3, 2", "3, 2, 1", "3, 1, 1", "3, 2, 1, ceil_mode=True", "2, return_indices=False"]),
    "AdaptiveAvgPool2d": (PICTURES, ["3", "(None, 2)"]),
    "AdaptiveMaxPool2d": (PICTURES, ["3", "(None, 2)"]),
    "LPPool2d": (PICTURES, ["2, 3", "1.5, 2, 1", "2, 3, ceil_mode=True"]),
    "Fold": (PATCHES, ["(4, 4), 2", "(5, 5), 2", "(5, 7), (2, 2), 1, 1, 2", "(4, 4), 2, padding=1, stride=2"]),
    "Unfold": (PICTURES, ["2", "3, 1, 1, 2", "(2, 3), 2"]),
}


def made(name, given):
    """The layer, with parameters that follow from their names and shapes alone; None where PyTorch refuses it."""
    try:
        layer = getattr(nn, name)(**given).eval()
        print_of_it = repr(layer)
    except REFUSALS:
        return None, None
    for key, values in layer.state_dict().items():
        if values.is_floating_point():
            torch.manual_seed(len(key))
            values.copy_(torch.rand(values.shape) + 0.5)
    return layer, print_of_it


def answer(layer, shape):
    """What the layer computes; None where it refuses an input of that shape."""
    torch.manual_seed(1)
    x = torch.randint(9, shape) if isinstance(layer, nn.Embedding) else torch.randn(shape)
    try:
        with torch.no_grad():
            return layer(x)
    except REFUSALS:
        return None


def same_shapes(a, b):
    def shapes(layer):
        return {key: values.shape for key, values in layer.state_dict().items()}

    return shapes(a) == shapes(b)


def difference(answers, layer):
    """How a layer's answers differ from those to the same shapes: "values", "indices", or None."""
    for shape, one in answers.items():
        other = None if one is None else answer(layer, shape)
        if one is None or other is None:
            continue
        if isinstance(one, tuple) != isinstance(other, tuple):
            first, second = (y[0] if isinstance(y, tuple) else y for y in (one, other))
            assert torch.equal(first, second)
            return "indices"
        if one.shape != other.shape or not torch.equal(one.nan_to_num(), other.nan_to_num()):
            return "values"
    return None


def unprinted(name, text, shapes):
    """The arguments of the layer's constructor that `text` leaves open, the print hides, and answers depend on."""
    signature = inspect.signature(getattr(nn, name).__init__)
    call = ast.parse(f"f({text})", mode="eval").body
    positional = [ast.literal_eval(value) for value in call.args]
    keywords = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    given = dict(signature.bind(None, *positional, **keywords).arguments)
    given.pop("self")
    layer, shown = made(name, given)
    answers = {shape: answer(layer, shape) for shape in shapes}
    assert any(y is not None for y in answers.values()), (name, text)
    found = {}
    for argument, parameter in signature.parameters.items():
        named = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        if argument == "self" or argument in NO_PART or argument in given or not named:
            continue
        for value in VALUES:
            other, print_of_other = made(name, {**given, argument: value})
            if print_of_other != shown or not same_shapes(layer, other):
                continue
            if how := difference(answers, other):
                found[argument] = how
                break
    return found


def main():
    cases = []
    for name, (shapes, texts) in LAYERS.items():
        for text in texts:
            cases.append([f"{name}({text})", unprinted(name, text, shapes)])
            print(*cases[-1], flush=True)
    (HERE / "unprinted.json").write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
