"""Makes peers.safetensors: what PyTorch answers where other engines answer otherwise, as docs/peers.md lists it.

    pip install -r tests/golden/requirements.txt
    python tests/golden/peers.py

A case's name is ROW.NUMBER, and ROW is what its test in tests/layers/peers_test.cpp asks for. It has NAME.input,
NAME.output, and NAME.KEY for each parameter and buffer of its module. Metadata is JSON:

    {"module": "AvgPool2d(3, 2, 1, ceil_mode=True)", as one types it, or
     "function": "a**1.5",                            of the input a
     "output_size": [sizes],                          only where the call was given one
     "terms": 9}                                      the most numbers that an output adds up; 0: its bits are known

Nearest upsampling and what has 0 terms are computed in float32, all else in float64, rounded to float32 once.
"""

import json
import math
import sys
from pathlib import Path

import torch
from torch import nn

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "examples" / "weights"))

from convert_dcgan import write_safetensors  # noqa: E402


def column(*values):
    """These values as channels of one picture of 2 x 3 pixels."""
    return torch.tensor(values).reshape(1, -1, 1, 1).repeat(1, 1, 2, 3)


def cases():
    """(row, what to compute, input, terms, output_size where there is one)."""
    pictures = torch.randn(1, 17, 6, 6)
    broken = pictures.clone()
    broken[0, ::3, 2, 3] = math.nan
    for text in ("ReLU()", "Hardtanh(-0.5, 0.5)", "ReLU6()", "MaxPool2d(2)", "MaxPool2d(3, 1, 1)"):
        yield "nan", text, broken, 0
    yield "nan", "torch.clamp(a, -0.5, 0.5)", broken, 0
    for text in ("Tanh()", "Sigmoid()", "LeakyReLU(0.2)", "SiLU()"):
        yield "nan", text, broken, 15

    for text in ("Tanh()", "Sigmoid()"):
        yield "beyond", text, torch.linspace(-20, 20, 4001).reshape(1, 1, 1, -1), 15

    ends = column(-100.0, -40.0, -20.0, -16.0, -15.0, -14.4, -10.0, 0.0, 10.0, 19.0, 21.0, 88.0, 89.0, 90.0, 1e3, 1e20)
    for text in ("Softplus()", "Softplus(2.0)", "Softplus(0.5)", "Softplus(2.0, 300.0)", "Mish()"):
        yield "softplus", text, ends, 15

    for shape in ((1, 17, 6, 6), (1, 17, 7, 7), (2, 3, 8, 5)):
        x = torch.randn(shape)
        for arguments in ("2, 2, 0, True", "3, 2, 1, True", "3, 2, 1, True, False", "(3, 2), 3, (1, 0), True"):
            yield "avg_pool", f"AvgPool2d({arguments})", x, 9
        for arguments in ("2, divisor_override=3", "3, 2, 1, True, divisor_override=5", "2, divisor_override=1"):
            yield "divisor", f"AvgPool2d({arguments})", x, 9
        for arguments in ("2, 3, ceil_mode=True", "2, 3, 1, ceil_mode=True", "(1, 2), (3, 4), ceil_mode=True"):
            yield "max_pool", f"MaxPool2d({arguments})", x, 0

    scaled = torch.randn(2, 17, 5, 6) * torch.arange(1.0, 18.0).reshape(17, 1, 1)
    yield "layer_norm", "LayerNorm((17, 5, 6))", scaled, 510
    yield "layer_norm", "LayerNorm((5, 6))", scaled, 30
    yield "running", "InstanceNorm2d(17, affine=True, track_running_stats=True)", scaled, 1
    for arguments in ("3, padding=1", "5, 2, (2, 3)"):
        text = f"Conv2d(5, 6, {arguments}, padding_mode='circular')"
        yield "circular", text, torch.randn(2, 5, 7, 6), 125

    bases = column(0.0, -0.0, -3.0, -2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 1e-3, math.inf, -math.inf, math.nan)
    for exponent in ("0.5", "1.5", "2", "3", "-1", "-2", "-0.5", "0"):
        yield "power", f"a**{exponent}", bases, 15

    for factor in (41, 47, 55, 61):
        x = torch.randn(1, 1, 1, 3)
        yield "nearest", f"Upsample(scale_factor=(1, {factor}))", x, 0
        yield "nearest", f"Upsample((1, {3 * factor}))", x, 0
        yield "nearest", f"Upsample(scale_factor=({factor}, 1))", x.transpose(2, 3), 0

    odd = torch.randn(2, 5, 6, 5)
    yield "crop", "ConvTranspose2d(5, 4, 3, 2, 1, 1)", odd, 20
    yield "crop", "ConvTranspose2d(5, 4, 3, 2, 1)", odd, 20, (12, 10)
    yield "crop", "ConvTranspose2d(5, 4, 5, 2, 2)", odd, 45, (12, 9)
    yield "crop", "ConvTranspose2d(5, 4, 4, 3, (2, 1), 1)", odd, 20
    yield "output_padding", "ConvTranspose2d(5, 4, 3, 1, 1, 2, dilation=3)", odd, 45
    yield "output_padding", "ConvTranspose2d(5, 4, 3, 2, 3, 2, dilation=3)", odd, 45

    layers = (
        "Conv2d(3, 8, 3, padding=1, padding_mode='circular')",
        "LayerNorm((8, 6, 6))",
        "Softplus(2.0)",
        "ConvTranspose2d(8, 5, 3, 2, 1, 1)",
        "InstanceNorm2d(5, affine=True, track_running_stats=True)",
        "AvgPool2d(3, 2, 1, ceil_mode=True)",
        "Tanh()",
    )
    yield "network", f"Sequential({', '.join(layers)})", torch.randn(1, 3, 6, 6), 400
    picture = torch.randn(1, 3, 6, 6)
    picture[0, 1, 3, 2] = math.nan
    yield "network", "Sequential(ReLU(), MaxPool2d(2), Sigmoid(), Tanh())", picture, 15


def answer(text, x, terms, output_size=None):
    """The case's tensors, without their name."""
    exact = x if terms == 0 else x.double()
    if not text[0].isupper():
        return {"input": x, "output": eval(text, {"torch": torch, "a": exact}).float()}
    module = eval(text, vars(nn))
    for key, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(torch.randn(tensor.shape))
            if key.endswith("running_var"):
                tensor.abs_().add_(0.5)
    state = {key: tensor.clone() for key, tensor in module.state_dict().items()}
    module.eval().to(exact.dtype)
    y = module(exact) if output_size is None else module(exact, output_size)
    return {"input": x, "output": y.float(), **state}


@torch.no_grad()
def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    tensors, metadata = {}, {}
    for number, (row, text, x, terms, *output_size) in enumerate(cases()):
        name = f"{row}.{number:02}"
        about = {"module" if text[0].isupper() else "function": text, "terms": terms}
        if output_size:
            about["output_size"] = output_size[0]
        for key, tensor in answer(text, x, terms, *output_size).items():
            tensors[f"{name}.{key}"] = tensor.contiguous().clone()
        metadata[name] = json.dumps(about)
    write_safetensors(HERE / "peers.safetensors", tensors, metadata)


if __name__ == "__main__":
    main()
