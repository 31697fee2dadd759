#!/usr/bin/env bash
# torch.export.save of PyTorch 2.13 writes the memory of a buffer that is negated lazily, as the imaginary part of a
# conjugated tensor is, and forgets that it is: the loaded program computes with the other sign. The program before it
# was saved is right, and so is what torch.save writes of the same buffer.
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


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        spectrum = torch.complex(torch.ones(3), torch.arange(1.0, 4.0))
        self.register_buffer("weight", spectrum.conj().imag)

    def forward(self, x):
        return x * self.weight


net, x = Scaled(), torch.ones(3)
program = torch.export.export(net, (x,))
exported, saved = io.BytesIO(), io.BytesIO()
torch.export.save(program, exported)
torch.save(net.state_dict(), saved)
exported.seek(0), saved.seek(0)
loaded = torch.export.load(exported).module()(x)
print("the buffer is negated lazily:", net.weight.is_neg())
print("the module gives", net(x).tolist(), "the program", program.module()(x).tolist(), "and loaded", loaded.tolist())
print("torch.save keeps", torch.load(saved)["weight"].tolist())
assert net.weight.is_neg() and torch.equal(program.module()(x), net(x)) and torch.equal(loaded, -net(x))
PYTHON
echo
echo "A lazily negated buffer has the other sign after torch.export.save and torch.export.load."
