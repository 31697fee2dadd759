#!/usr/bin/env bash
# torch.onnx.export(dynamo=True) of PyTorch 2.13, asked to leave height and width open, writes AdaptiveAvgPool2d as an
# AveragePool whose window fits the example alone. It says nothing, and the file takes pictures of other sizes, of which
# it gives another number of outputs. The older exporter refuses.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 onnx==1.23.2 \
  onnxscript==0.7.2 onnxruntime==1.32.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import onnx
import onnxruntime
import torch
from torch import nn

print("torch", torch.__version__, "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
layer = nn.AdaptiveAvgPool2d(3).eval()
open_sizes = ({2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC},)
example = torch.randn(1, 4, 6, 6)
torch.onnx.export(layer, (example,), "model.onnx", dynamo=True, input_names=["x"], dynamic_shapes=open_sizes)
graph = onnx.load("model.onnx").graph
sizes = [d.dim_param or d.dim_value for d in graph.input[0].type.tensor_type.shape.dim]
print("the file's input:", sizes, "its nodes:", [node.op_type for node in graph.node])
x = torch.randn(1, 4, 9, 12)
y = onnxruntime.InferenceSession("model.onnx").run(None, {"x": x.numpy()})[0]
print("of 9 x 12: PyTorch", list(layer(x).shape), "the file", list(y.shape))
assert isinstance(sizes[2], str) and isinstance(sizes[3], str)
assert list(layer(x).shape) == [1, 4, 3, 3] and list(y.shape) == [1, 4, 4, 6]
PYTHON
echo
echo "An AdaptiveAvgPool2d(3) exported with open sizes gives 4 x 6 outputs of a picture of 9 x 12."
