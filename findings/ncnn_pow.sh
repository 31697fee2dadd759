#!/usr/bin/env bash
# ncnn 1.0.20261020 takes a power as the exponential of a multiple of the logarithm, on x86 with vectors: of zero and of
# negative numbers every power is 2.4e38, though 0**0.5 is 0, (-2)**2 is 4 and (-2)**3 is -8.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 ncnn==1.0.20261020
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version
from pathlib import Path

import ncnn
import numpy as np

print("ncnn", version("ncnn"))
bases = np.array([0, -2, -0.5, 0.5, 2, 4], np.float32)


def power(exponent):
    """A network of one layer, BinaryOp's kind 6 with a number: in0 to that power. 16 channels fill a vector."""
    Path("model.param").write_text(f"7767517\n2 2\nInput in0 0 1 in0\nBinaryOp pow 1 1 in0 out0 0=6 1=1 2={exponent}\n")
    Path("model.bin").write_bytes(b"")
    net = ncnn.Net()
    assert net.load_param("model.param") == 0 and net.load_model("model.bin") == 0
    extractor = net.create_extractor()
    x = np.repeat(bases, 16).reshape(-1, 16).T.reshape(16, 1, -1)
    extractor.input("in0", ncnn.Mat(np.ascontiguousarray(x)).clone())
    return np.array(extractor.extract("out0")[1])[0, 0]


answers = {exponent: power(exponent) for exponent in (0.5, 2.0, 3.0)}
for exponent, y in answers.items():
    print("to the power", exponent, dict(zip(bases.tolist(), y.tolist())))
for exponent, y in answers.items():
    assert (y[:3] > 1e38).all() and np.allclose(y[3:], bases[3:] ** exponent)
PYTHON
echo
echo "In ncnn the square root of zero, written as a power, is 2.4e38."
