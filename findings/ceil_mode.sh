#!/usr/bin/env bash
# A MaxPool of window 2, stride 3 and ceil_mode=1 over 6 x 6: ONNX ignores windows that begin beyond the picture, as
# PyTorch does, and ONNX Runtime gives 2 x 2. OpenVINO 2026.4.1 gives 3 x 3, the last row and column being the lowest
# float, the largest of nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 \
  openvino==2026.4.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__, "openvino", openvino.__version__)
node = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], strides=[3, 3], ceil_mode=1)
x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 6, 6])
y = helper.make_tensor_value_info("y", TensorProto.FLOAT, list("nchw"))
opset = [helper.make_opsetid("", 22)]
model = helper.make_model(helper.make_graph([node], "g", [x], [y]), opset_imports=opset, ir_version=10)
onnx.checker.check_model(model)
onnx.save(model, "model.onnx")
x = np.random.default_rng(0).standard_normal((1, 1, 6, 6)).astype(np.float32)
answers = {
    "ONNX's reference": ReferenceEvaluator(model).run(None, {"x": x})[0],
    "ONNX Runtime": onnxruntime.InferenceSession("model.onnx").run(None, {"x": x})[0],
    "OpenVINO": openvino.Core().compile_model("model.onnx", "CPU")(x)[0],
}
for name, y in answers.items():
    print(f"{name}: {y.shape[2]} x {y.shape[3]}, last output {y.ravel()[-1]}")
assert answers["ONNX Runtime"].shape == (1, 1, 2, 2)
assert answers["OpenVINO"].shape == (1, 1, 3, 3) and answers["OpenVINO"].ravel()[-1] < -1e38
PYTHON
echo
echo "OpenVINO's MaxPool with ceil_mode has a row and a column of windows that see no pixel."
