#!/usr/bin/env bash
# torch.export of PyTorch 2.13 takes one tensor that is given as two examples for one input: the program has both inputs,
# reads the last one in the place of either, and checks nothing. Called with two other tensors it gives another result
# than the module, without a word, before it was saved and after.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import io

import torch
from torch import nn

print("torch", torch.__version__)


class Difference(nn.Module):
    def forward(self, a, b):
        return a - 2 * b


example = torch.randn(3)
program = torch.export.export(Difference(), (example, example))
file = io.BytesIO()
torch.export.save(program, file)
file.seek(0)
a, b = torch.full((3,), 10.0), torch.full((3,), 1.0)
wanted = Difference()(a, b)
got = [each.module()(a, b) for each in (program, torch.export.load(file))]
print("inputs of the program:", [spec.arg.name for spec in program.graph_signature.input_specs])
print("10 - 2 * 1: the module gives", wanted.tolist(), "the program", got[0].tolist(), "and loaded", got[1].tolist())
assert wanted.tolist() == [8.0] * 3 and all(each.tolist() == [-1.0] * 3 for each in got)
PYTHON
echo
echo "A program that was exported with one tensor for both inputs computes with one of them."
