#!/usr/bin/env bash
# torch.nn.init.trunc_normal_ of PyTorch 2.13 draws normal numbers again and again until all lie within the bounds. Up to
# some release before it drew one uniform number for each element and inverted the distribution, so a seed gave other
# values, and how many numbers it takes from the generator now depends on the values themselves: what is initialised
# after it changes with its bounds.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import math

import torch
from torch.nn import init

print("torch", torch.__version__)


def after(a, b):
    """trunc_normal_ of 64 elements, and the number that the generator gives next."""
    torch.manual_seed(0)
    values = init.trunc_normal_(torch.empty(64), 0.0, 1.0, a, b)
    return values, torch.rand(1).item()


wide, wide_next = after(-8.0, 8.0)
narrow, narrow_next = after(-1.0, 1.0)
torch.manual_seed(0)
normal = torch.randn(64)
torch.manual_seed(0)
low, high = math.erf(-8 / math.sqrt(2)), math.erf(8 / math.sqrt(2))
inverted = torch.empty(64).uniform_(low, high).erfinv_().mul_(math.sqrt(2)).clamp_(-8, 8)
print("wide bounds give randn's numbers:", torch.equal(wide, normal))
print("wide bounds give the inverted distribution's:", torch.allclose(wide, inverted))
print("elements within [-1, 1] that are randn's:", int((narrow == normal).sum()), "of", int((normal.abs() <= 1).sum()))
print("next number after wide and narrow bounds:", wide_next, narrow_next)
assert torch.equal(wide, normal) and not torch.allclose(wide, inverted)
assert int((narrow == normal).sum()) == int((normal.abs() <= 1).sum()) < 64
assert wide_next != narrow_next
PYTHON
