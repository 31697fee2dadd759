#!/usr/bin/env bash
# MNN 3.6.1's converter, the script mnnconvert that its wheel installs, runs `pip install -U aliyun-log-python-sdk`, of no
# pinned version, in the environment of whoever converts a model, unasked; with that package it reports the conversion
# to its makers. Here pip is a stand-in that writes down what it was asked for, so nothing is installed or sent.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 onnx==1.23.2 mnn==3.6.1
mkdir "$folder/bin"
printf '#!/bin/sh\necho "pip $*" >>"%s/asked"\nexit 1\n' "$folder" >"$folder/bin/pip"
chmod +x "$folder/bin/pip"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import onnx
from onnx import TensorProto, helper

print("mnn", version("mnn"), "onnx", onnx.__version__)
x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4, 6, 6]) for name in "xy")
graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "model.onnx")
PYTHON
PATH=$folder/bin:$PATH "$folder/venv/bin/mnnconvert" -f ONNX --modelFile model.onnx --MNNModel model.mnn --bizCode x \
  >"$folder/said" 2>&1 || true
[ -s model.mnn ]
echo "asked for: $(cat asked)"
grep -qF "pip install -U aliyun-log-python-sdk" asked
echo
echo "Converting a model with mnnconvert runs pip."
