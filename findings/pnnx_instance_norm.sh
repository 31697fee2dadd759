#!/usr/bin/env bash
# pnnx 20261020 drops the running statistics of an InstanceNorm2d that tracks them: in eval PyTorch normalises by those,
# but what pnnx writes for ncnn normalises each picture by its own mean and variance. It says nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 pnnx==20261020 \
  ncnn==1.0.20261020
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import subprocess
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import ncnn
import numpy as np
import torch
from torch import nn

print("torch", torch.__version__, "pnnx", version("pnnx"), "ncnn", version("ncnn"))
torch.manual_seed(0)
norm = nn.InstanceNorm2d(8, track_running_stats=True)
norm.running_mean.fill_(0.5)
norm.running_var.fill_(4.0)
net = nn.Sequential(nn.ConvTranspose2d(4, 8, 4, 2, 1), norm).eval()
x = torch.randn(1, 4, 6, 6)
with torch.no_grad():
    tracked = net(x).numpy()
    own = nn.functional.instance_norm(net[0](x)).numpy()
    torch.jit.trace(net, x, check_trace=False).save("model.pt")
program = Path(find_spec("pnnx").submodule_search_locations[0]) / "pnnx"
subprocess.run([program, "model.pt", "inputshape=[1,4,6,6]", "fp16=0"], capture_output=True, check=True)
loaded = ncnn.Net()
assert loaded.load_param("model.ncnn.param") == 0 and loaded.load_model("model.ncnn.bin") == 0
extractor = loaded.create_extractor()
extractor.input("in0", ncnn.Mat(x[0].numpy()).clone())
y = np.array(extractor.extract("out0")[1])[None]
print("largest difference from PyTorch's answer:", np.abs(y - tracked).max())
print("from a norm by the picture's own statistics:", np.abs(y - own).max())
assert np.abs(y - tracked).max() > 0.1 and np.abs(y - own).max() < 0.02
PYTHON
echo
echo "What pnnx makes of InstanceNorm2d(track_running_stats=True) normalises by the picture's own statistics."
