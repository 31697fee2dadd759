#!/usr/bin/env bash
# Both of PyTorch 2.13's exporters to ONNX drop divisor_override of AvgPool2d without a word: the file has an ordinary
# AveragePool, which divides by the size of its window, so every output differs by a factor.
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
layer = nn.AvgPool2d(2, divisor_override=3).eval()
x = torch.ones(1, 1, 4, 4)
print("PyTorch:", layer(x)[0, 0, 0, 0].item())
for dynamo, more in ((False, {"opset_version": 17}), (True, {})):
    torch.onnx.export(layer, (x,), "model.onnx", dynamo=dynamo, input_names=["x"], **more)
    nodes = [node for node in onnx.load("model.onnx").graph.node if node.op_type == "AveragePool"]
    y = onnxruntime.InferenceSession("model.onnx").run(None, {"x": x.numpy()})[0]
    print(f"dynamo={dynamo}:", len(nodes), "AveragePool, which gives", y[0, 0, 0, 0])
    assert len(nodes) == 1 and y[0, 0, 0, 0] == 1
assert abs(layer(x)[0, 0, 0, 0].item() - 4 / 3) < 1e-6
PYTHON
echo
echo "An exported AvgPool2d(2, divisor_override=3) divides by 4."
