#!/usr/bin/env bash
# torch.export of PyTorch 2.13, told that a size is 4 * Dim("h"), simplifies h // 4 * 4 to the size itself, and does not
# check when the program is called that the size is a multiple of 4: one that is not runs, and is not cropped.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import torch
from torch import nn
from torch.export import Dim

print("torch", torch.__version__)


class Crop(nn.Module):
    def forward(self, x):
        return x[:, :, : x.shape[2] // 4 * 4]


program = torch.export.export(Crop(), (torch.randn(1, 1, 16),), dynamic_shapes=({2: 4 * Dim("h", min=1, max=100)},))
x = torch.randn(1, 1, 18)
wanted, got = list(Crop()(x).shape), list(program.module()(x).shape)
print("operations:", [str(node.target) for node in program.graph.nodes if node.op == "call_function"])
print("ranges:", {str(size): str(bounds) for size, bounds in program.range_constraints.items()})
print("of 18 columns: the module gives", wanted, "the program", got)
assert wanted == [1, 1, 16] and got == [1, 1, 18]
PYTHON
echo
echo "A program for sizes of 4 * h takes 18, and gives 18 columns where the module gives 16."
