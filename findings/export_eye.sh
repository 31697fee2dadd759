#!/usr/bin/env bash
# Exported programs of PyTorch 2.13 in which torch.eye has 256 rows or more cannot be run after run_decompositions():
# the decomposition counts rows and columns in the smallest unsigned type that holds them, and for 16 bits the CPU has
# no arange. With 255 rows it counts in uint8 and is right; as exported, every size is.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch import nn

print("torch", torch.__version__)


class Identity(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size

    def forward(self, x):
        return x @ torch.eye(self.size)


def decomposed(size):
    x = torch.randn(2, size)
    program = torch.export.export(Identity(size), (x,))
    assert torch.equal(program.module()(x), x)
    ranges = []
    try:
        program = program.run_decompositions()
        ranges = [node.meta["val"].dtype for node in program.graph.nodes if "arange" in str(node.target)]
        assert torch.equal(program.module()(x), x)
        return f"right, ranges of {ranges[0]}"
    except NotImplementedError as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"


small, large = decomposed(255), decomposed(256)
print("255 rows:", small)
print("256 rows:", large)
assert small == "right, ranges of torch.uint8"
assert "arange" in large and "UInt16" in large
PYTHON
echo
echo "After run_decompositions() torch.eye of 255 rows is right, and of 256 rows fails on the CPU."
