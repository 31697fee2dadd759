"""Whole networks: PyTorch builds a network's twin of tests/golden/twins and exports it for the other engines.

`python export.py ROW FOLDER` leaves the files of models.py, from the input that is there; PyTorch's own process builds
the twin again.
"""

import importlib
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import rows
import torch
from models import inputs_of
from paths import ROOT
from safetensors.torch import save_file
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.overrides import TorchFunctionMode


def build(row: rows.Row) -> torch.nn.Module:
    """The row's network, as its twin's own expression makes it, with PyTorch's first weights, spectral norm folded."""
    sys.path.append(str(ROOT / "tests/golden"))
    twin = importlib.import_module(f"twins.{row.network}")
    torch.manual_seed(0)
    net = eval(row.twin, vars(twin)).eval()
    spectral = importlib.import_module("spectral")
    for module in net.modules():
        spectral.settle(module)
        for _ in spectral.hooks(module):
            torch.nn.utils.remove_spectral_norm(module)
            module._load_state_dict_pre_hooks.clear()  # which PyTorch 2.13 leaves there, asking for weight_orig
    return First(net) if row.first else net


class First(torch.nn.Module):
    """The first of a network's results, under the network's own names."""

    def __init__(self, net: torch.nn.Module):
        super().__init__()
        self.net = net

    def forward(self, *inputs):
        return self.net(*inputs)[0]

    def state_dict(self, *arguments, **more):
        return self.net.state_dict(*arguments, **more)

    def load_state_dict(self, state: dict, **more):
        return self.net.load_state_dict(state, **more)


def fold(net: torch.nn.Module) -> torch.nn.Module:
    """The network with each BatchNorm2d that follows a convolution in a Sequential taken up by it."""
    for sequence in [module for module in net.modules() if isinstance(module, torch.nn.Sequential)]:
        for i in range(1, len(sequence)):
            conv, norm = sequence[i - 1], sequence[i]
            transposed = isinstance(conv, torch.nn.ConvTranspose2d)
            if isinstance(norm, torch.nn.BatchNorm2d) and (transposed or isinstance(conv, torch.nn.Conv2d)):
                sequence[i - 1] = fuse_conv_bn_eval(conv, norm, transpose=transposed)
                sequence[i] = torch.nn.Identity()
    return net


class Counting(TorchFunctionMode):
    """Adds up the operations of convolutions and linear functions, and the bytes of their weights, inputs, outputs."""

    def __init__(self):
        super().__init__()
        self.total = {"flops": 0, "bytes": 0}

    def __torch_function__(self, function, types, args=(), kwargs=None):
        y = function(*args, **(kwargs or {}))
        if function in (F.conv1d, F.conv_transpose1d, F.conv2d, F.conv_transpose2d, F.linear):
            self.add(function, y, *args, **(kwargs or {}))
        return y

    def add(self, function, y, x, weight, bias=None, stride=1, padding=0, *rest, groups=1, **more):
        if function is F.linear:
            products = y.numel() * x.shape[-1]
        elif function in (F.conv1d, F.conv_transpose1d):  # of long rows, so those with the zeros beside them count too
            pixels = y if function is F.conv1d else x
            products = pixels.numel() * (weight.numel() // len(weight))
        else:  # behind padding come dilation and groups, or output_padding and groups
            arguments = [x.shape[1], y.shape[1], tuple(weight.shape[2:]), stride, padding]
            if function is F.conv_transpose2d:
                layer = rows.ConvTranspose2d(*arguments, rest[0] if rest else more.get("output_padding", 0))
            else:
                layer = rows.Conv2d(*arguments)
            products = len(x) * layer.products(tuple(x.shape[2:])) // (rest[1] if len(rest) > 1 else groups)
        self.total["flops"] += 2 * products
        self.total["bytes"] += 4 * (x.numel() + weight.numel() + y.numel())


def count(net: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> dict:
    """What Counting finds in a run."""
    with Counting() as counting:
        net(*inputs)
    return counting.total


def export_ncnn(net: torch.nn.Module, inputs: tuple[torch.Tensor, ...], folder: Path) -> None:
    """By pnnx, which is given one image: ncnn takes a batch one after another. If it fails, ncnn alone does."""
    torch.jit.trace(net, tuple(x[:1] for x in inputs), check_trace=False).save(folder / "model.pt")
    program = Path(find_spec("pnnx").submodule_search_locations[0]) / "pnnx"
    shapes = [str([1, *x.shape[1:]]).replace(" ", "") + ("" if x.is_floating_point() else "i64") for x in inputs]
    command = [program, "model.pt", f"inputshape={','.join(shapes)}", "fp16=0"]
    subprocess.run(command, cwd=folder, stdout=sys.stderr, check=False)


@torch.no_grad()
def export(row: rows.Row, folder: Path) -> None:
    files = inputs_of(row, folder)
    net, inputs = build(row), tuple(torch.from_numpy(np.load(file)) for file in files)
    save_file({name: array.contiguous() for name, array in net.state_dict().items()}, folder / "weights.safetensors")
    net = fold(net)
    names = {"input_names": [file.stem for file in files], "output_names": ["y"]}
    torch.onnx.export(net, inputs, str(folder / "model.onnx"), dynamo=False, opset_version=17, **names)
    if "ncnn" not in row.without:
        export_ncnn(net, inputs, folder)
    (folder / "size.json").write_text(json.dumps(count(net, inputs)))


if __name__ == "__main__":
    export(rows.find_row(sys.argv[1]), Path(sys.argv[2]))
