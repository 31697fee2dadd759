"""What a row is to the engines: files that each of them reads.

`make` leaves in a folder:
  weights.safetensors                       a state_dict in float32: upconv, PyTorch
  model.onnx                                BatchNorm folded; from the inputs' names to "y": ONNX Runtime, OpenVINO
  model.ncnn.param, model.ncnn.bin          likewise, from "in0" to "out0", as pnnx names them: ncnn
  x.npy, and labels.npy where there are classes   the inputs, one after another, as ncnn's "in0" and "in1"
A stack of layers is written here; a whole network is exported by PyTorch, in a process of its own (export.py).
"""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
from paths import ROOT
from rows import BatchNorm2d, ConvTranspose2d, ReLU, Row, Tanh, is_conv, pair
from safetensors.numpy import load_file, save_file


def make(row: Row, folder: Path) -> dict:
    """The files; what is known of the row: the operations and bytes of one run."""
    random = np.random.default_rng(1)
    np.save(folder / "x.npy", random.standard_normal(row.input, dtype=np.float32))
    if row.classes:
        np.save(folder / "labels.npy", random.integers(row.classes, size=row.input[0]))
    if row.network:
        command = [sys.executable, Path(__file__).with_name("export.py"), row.name, folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"it cannot be exported: {done.stderr.strip().splitlines()[-1]}")
        return json.loads((folder / "size.json").read_text())
    save_file(weights_of(row), folder / "weights.safetensors")
    convs = folded(row)
    (folder / "model.onnx").write_bytes(onnx_model(row, convs))
    param, numbers = ncnn_model(convs)
    (folder / "model.ncnn.param").write_text(param)
    (folder / "model.ncnn.bin").write_bytes(numbers)
    return {"flops": row.flops(), "bytes": row.bytes()}


def inputs_of(row: Row, folder: Path) -> list[Path]:
    """The files of the inputs, named as they are in model.onnx."""
    return [folder / "x.npy"] + ([folder / "labels.npy"] if row.classes else [])


def weights_of(row: Row) -> dict[str, np.ndarray]:
    """A Sequential's state_dict in float32: the shipped numbers, or random ones that keep values near 1."""
    if row.weights:
        shipped = load_file(ROOT / "examples/weights" / row.weights)
        return {
            name.removeprefix("main."): array.astype(np.float32) if array.dtype == np.float16 else array
            for name, array in shipped.items()
        }
    random = np.random.default_rng(0)
    state = {}
    for i, layer in enumerate(row.layers):
        if isinstance(layer, BatchNorm2d):
            raise ValueError(f"{row.name}: a network with BatchNorm2d needs a file of weights")
        if is_conv(layer):
            shape = layer.weight_shape()
            products = layer.in_channels * math.prod(shape[2:])
            if isinstance(layer, ConvTranspose2d):
                products /= math.prod(pair(layer.stride))
            state[f"{i}.weight"] = random.standard_normal(shape, dtype=np.float32) / np.float32(math.sqrt(products))
            if layer.bias:
                state[f"{i}.bias"] = random.standard_normal(layer.out_channels, dtype=np.float32)
    return state


def folded(row: Row) -> list[tuple]:
    """The row as convolutions alone, for engines that are given a graph: layer, weight, bias, activation."""
    state = weights_of(row)
    convs = []
    for i, layer in enumerate(row.layers):
        if is_conv(layer):
            convs.append([layer, state[f"{i}.weight"], state.get(f"{i}.bias"), None])
        elif isinstance(layer, BatchNorm2d):
            mean, variance, gamma, beta = (
                state[f"{i}.{name}"] for name in ("running_mean", "running_var", "weight", "bias")
            )
            scale = gamma / np.sqrt(variance + np.float32(1e-5))
            conv, weight, bias, _ = convs[-1]
            out_axis = (1, -1, 1, 1) if isinstance(conv, ConvTranspose2d) else (-1, 1, 1, 1)
            convs[-1][1] = weight * scale.reshape(out_axis)
            convs[-1][2] = beta + ((0 if bias is None else bias) - mean) * scale
        else:
            convs[-1][3] = layer
    return [tuple(conv) for conv in convs]


def onnx_model(row: Row, convs: list[tuple]) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    nodes, initializers, value = [], [], "x"
    for i, (layer, weight, bias, activation) in enumerate(convs):
        inputs = [value, f"weight{i}"] + ([] if bias is None else [f"bias{i}"])
        initializers += [numpy_helper.from_array(array, name) for array, name in zip((weight, bias), inputs[1:])]
        value = f"conv{i}"
        transposed = isinstance(layer, ConvTranspose2d)
        sizes = {"output_padding": pair(layer.output_padding)} if transposed else {}
        nodes.append(
            helper.make_node(
                "ConvTranspose" if transposed else "Conv",
                inputs,
                [value],
                kernel_shape=pair(layer.kernel_size),
                strides=pair(layer.stride),
                pads=2 * pair(layer.padding),
                **sizes,
            )
        )
        if activation is not None:
            nodes.append(helper.make_node({ReLU: "Relu", Tanh: "Tanh"}[type(activation)], [value], [f"act{i}"]))
            value = f"act{i}"
    nodes[-1].output[0] = "y"
    last, size = row.sizes()[-1]
    shape = (row.input[0], last.out_channels, *last.output_size(size))
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, row.input)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)]
    graph = helper.make_graph(nodes, "row", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def ncnn_model(convs: list[tuple]) -> tuple[str, bytes]:
    """The texts of its .param and .bin files, as pnnx writes them: ReLU inside of its convolution, Tanh after."""
    layers, numbers = [], b""
    for layer, weight, bias, activation in convs:
        (kh, kw), (sh, sw), (ph, pw) = map(pair, (layer.kernel_size, layer.stride, layer.padding))
        text = f"0={layer.out_channels} 1={kw} 11={kh} 3={sw} 13={sh} 4={pw} 14={ph}"
        if isinstance(layer, ConvTranspose2d):
            oph, opw = pair(layer.output_padding)
            text = f"Deconvolution {text} 18={opw} 19={oph}"
            weight = weight.swapaxes(0, 1)
        else:
            text = f"Convolution {text}"
        layers.append(f"{text} 5={int(bias is not None)} 6={weight.size} 9={int(type(activation) is ReLU)}")
        numbers += bytes(4) + np.ascontiguousarray(weight).tobytes()  # 4 zeros: float32
        numbers += b"" if bias is None else bias.tobytes()
        if type(activation) is Tanh:
            layers.append("TanH")
    values = ["in0", *(f"value{i}" for i in range(1, len(layers))), "out0"]
    lines = ["Input in0 0 1 in0"]
    for i, text in enumerate(layers):
        kind, *parameters = text.split()
        lines.append(" ".join([kind, f"layer{i}", "1 1", values[i], values[i + 1], *parameters]))
    return f"7767517\n{len(lines)} {len(values)}\n" + "\n".join(lines) + "\n", numbers
