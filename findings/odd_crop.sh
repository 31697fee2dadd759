#!/usr/bin/env bash
# A ConvTranspose of an ONNX file that gives its output_shape, where the number of rows to crop is odd: with
# auto_pad=SAME_UPPER ONNX crops more at the end, and ONNX Runtime 1.32 does so. OpenVINO 2026.4.1 crops more at the
# beginning, as with SAME_LOWER: the picture is shifted by a pixel.
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
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__, "openvino", openvino.__version__)
weight = np.arange(1, 10, dtype=np.float32).reshape(1, 1, 3, 3)


def model(**arguments):
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], **arguments)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 6, 6])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, list("nchw"))
    graph = helper.make_graph([node], "g", [x], [y], [numpy_helper.from_array(weight, "w")])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    onnx.save(made, "model.onnx")
    return made


def runtime(x):
    return onnxruntime.InferenceSession("model.onnx").run(None, {"x": x})[0]


x = np.random.default_rng(0).standard_normal((1, 1, 6, 6)).astype(np.float32)
model()
whole = runtime(x)  # 13 x 13
ends = {"the last row": whole[:, :, :12, :12], "the first row": whole[:, :, 1:, 1:]}
for pad in ("SAME_UPPER", "SAME_LOWER"):
    made = model(output_shape=[12, 12], auto_pad=pad)
    for name, y in (
        ("ONNX's reference", ReferenceEvaluator(made).run(None, {"x": x})[0]),
        ("ONNX Runtime", runtime(x)),
        ("OpenVINO", openvino.Core().compile_model("model.onnx", "CPU")(x)[0]),
    ):
        crops = [end for end, part in ends.items() if np.allclose(y, part, atol=1e-3)]
        print(f"{pad}: {name} crops", *crops)
        assert crops == ["the last row" if pad == "SAME_UPPER" and name != "OpenVINO" else "the first row"]
PYTHON
echo
echo "OpenVINO crops the wrong end of a ConvTranspose with auto_pad=SAME_UPPER."
