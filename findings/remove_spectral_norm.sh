#!/usr/bin/env bash
# torch.nn.utils.remove_spectral_norm of PyTorch 2.13 leaves its hook on load_state_dict behind: it looks among those hooks
# for an object of its own class, but PyTorch keeps each of them wrapped in another. The layer computes as it should and
# its state_dict() is plain, yet it refuses that same state_dict, asking for weight_orig and weight_u.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import torch
from torch import nn
from torch.nn.utils import remove_spectral_norm, spectral_norm

print("torch", torch.__version__)
torch.manual_seed(0)
layer = spectral_norm(nn.ConvTranspose2d(3, 2, 4)).eval()
x = torch.randn(1, 3, 5, 5)
before = layer(x)
remove_spectral_norm(layer)
print("computes the same without:", torch.equal(layer(x), before))
print("its state_dict has:", list(layer.state_dict()))
print("hooks before load_state_dict that are left:", len(layer._load_state_dict_pre_hooks))
try:
    layer.load_state_dict(layer.state_dict())
    refused = ""
except RuntimeError as error:
    refused = " ".join(str(error).split())
print("it loads its own state_dict:", refused or "yes")
assert torch.equal(layer(x), before) and sorted(layer.state_dict()) == ["bias", "weight"]
assert len(layer._load_state_dict_pre_hooks) == 1 and "weight_orig" in refused and "weight_u" in refused
PYTHON
echo
echo "After remove_spectral_norm a layer refuses the state_dict that it gives itself."
