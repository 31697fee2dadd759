#!/usr/bin/env bash
# torch.export of PyTorch 2.13 exports and runs a module that returns what torch.max, sort, median or cummax gave
# along a dimension, as it came; torch.export.save then refuses it, since the class of such a result has no name under
# which it could be written. A tuple of the same two tensors is saved.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import io

import torch
from torch import nn

print("torch", torch.__version__)


class Along(nn.Module):
    def __init__(self, function, as_tuple):
        super().__init__()
        self.function, self.as_tuple = function, as_tuple

    def forward(self, x):
        found = self.function(x, dim=1)
        return tuple(found) if self.as_tuple else found


def saved(function, as_tuple):
    x = torch.randn(2, 3)
    program = torch.export.export(Along(function, as_tuple), (x,))
    assert torch.equal(program.module()(x)[0], function(x, dim=1)[0])
    try:
        torch.export.save(program, io.BytesIO())
        return "saved"
    except NotImplementedError as error:
        return f"{type(error).__name__}: {error}"


for function in (torch.max, torch.sort, torch.median, torch.cummax):
    as_it_is, as_tuple = saved(function, False), saved(function, True)
    print(f"{function.__name__} as it is: {as_it_is[:100]}; as a tuple: {as_tuple}")
    assert "No registered serialization name" in as_it_is and as_tuple == "saved"
PYTHON
echo
echo "A module that returns torch.max(x, dim=1) as it comes is exported and run, and cannot be saved."
