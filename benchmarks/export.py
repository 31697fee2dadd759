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
from torch.nn.utils.fusion import fuse_conv_bn_eval


def build(row: rows.Row) -> torch.nn.Module:
    """The row's network, as its twin's own expression makes it, with PyTorch's first weights."""
    sys.path.append(str(ROOT / "tests/golden"))
    twin = importlib.import_module(f"twins.{row.network}")
    torch.manual_seed(0)
    return eval(row.twin, vars(twin)).eval()


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


def count(net: torch.nn.Module, all_inputs: tuple[torch.Tensor, ...]) -> dict:
    """Operations of a run's convolutions and linear layers; bytes of their weights, inputs and outputs, each once."""
    total = {"flops": 0, "bytes": 0}

    def add(module, inputs, y):
        x = inputs[0]
        if isinstance(module, torch.nn.Linear):
            products = y.numel() * module.in_features
        else:
            arguments = [module.in_channels, module.out_channels, module.kernel_size, module.stride, module.padding]
            if isinstance(module, torch.nn.ConvTranspose2d):
                layer = rows.ConvTranspose2d(*arguments, module.output_padding)
            else:
                layer = rows.Conv2d(*arguments)
            products = len(x) * layer.products(tuple(x.shape[2:])) // module.groups
        total["flops"] += 2 * products
        total["bytes"] += 4 * (x.numel() + module.weight.numel() + y.numel())

    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d | torch.nn.Linear):
            module.register_forward_hook(add)
    net(*all_inputs)
    return total


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
