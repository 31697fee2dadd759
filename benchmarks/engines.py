"""The engines that compare.py puts beside each other: each a process of its own that answers JSON lines.

`python engines.py NAME` reads requests from stdin and answers each with one line on stdout:
  {"command": "version"}                                            -> {"version": "2.13.0"}
  {"command": "prepare", "row", "weights", "input", "output", "threads", "accuracy"}
                                                                    -> {}, and the result is in the file "output"
  {"command": "run", "seconds"}                                     -> {"median_ms", "min_ms", "runs", ...}
or with {"error": "..."}. Between requests a process sleeps in read().
An engine's own package is imported when it is asked for, so that none runs another's threads.
"""

import contextlib
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time

import numpy as np
from paths import PROGRAM
from rows import BatchNorm2d, ConvTranspose2d, ReLU, Row, Tanh, find_row, pair
from safetensors.numpy import load_file

LEAST_RUNS = 3  # of a sample, however long one takes


class Engine:
    """An engine inside of this process: prepare() gets it ready and returns the result, once() is what is timed."""

    title = ""
    package = ""  # on PyPI
    about = ""  # how it is set up; a line of the report
    accuracy = "standard"  # upconv's option, which peers do not have

    def version(self) -> str:
        return importlib.metadata.version(self.package)

    def prepare(self, row: Row, weights: str, x: str, threads: int) -> np.ndarray:
        raise NotImplementedError

    def once(self) -> None:
        raise NotImplementedError

    def run(self, seconds: float) -> dict:
        self.once()
        times = []
        start = time.perf_counter()
        while len(times) < LEAST_RUNS or time.perf_counter() - start < seconds:
            before = time.perf_counter()
            self.once()
            times.append(1e3 * (time.perf_counter() - before))
        return {"median_ms": statistics.median(times), "min_ms": min(times), "runs": len(times)}


class Upconv(Engine):
    title = "upconv"
    about = "`upconv bench`, which folds BatchNorm itself, tuned for throughput where the batch is more than 1"

    def version(self) -> str:
        return subprocess.run([PROGRAM, "--version"], check=True, capture_output=True, text=True).stdout.split()[-1]

    def call(self, command: str, *arguments: str) -> str:
        done = subprocess.run([PROGRAM, command, *self.common, *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())
        return done.stdout

    def prepare(self, row: Row, weights: str, x: str, threads: int) -> np.ndarray:
        self.common = [row.spec, "--weights", weights, "--threads", str(threads)]
        tune = "throughput" if row.input[0] > 1 else "latency"
        self.input = ["--input", ",".join(map(str, row.input)), "--tune", tune, "--accuracy", self.accuracy]
        with tempfile.TemporaryDirectory() as folder:
            y = f"{folder}/y.npy"
            self.call("run", "--input", x, "--output", y)
            return np.load(y)

    def run(self, seconds: float) -> dict:
        return json.loads(self.call("bench", *self.input, "--seconds", str(seconds), "--json"))


class PyTorch(Engine):
    title = "PyTorch"
    package = "torch"
    about = "eager, channels-last, `inference_mode`, BatchNorm folded by `fuse_conv_bn_eval`"

    def prepare(self, row: Row, weights: str, x: str, threads: int) -> np.ndarray:
        import torch
        from safetensors.torch import load_file
        from torch.nn.utils.fusion import fuse_conv_bn_eval

        torch.set_num_threads(threads)
        net = torch.nn.Sequential(*(getattr(torch.nn, type(layer).__name__)(**vars(layer)) for layer in row.layers))
        net.load_state_dict(load_file(weights))
        folded = []
        for module in net.eval():
            if isinstance(module, torch.nn.BatchNorm2d):
                folded[-1] = fuse_conv_bn_eval(folded[-1], module, transpose=True)
            else:
                folded.append(module)
        self.torch = torch
        self.net = torch.nn.Sequential(*folded).to(memory_format=torch.channels_last)
        self.x = torch.from_numpy(np.load(x)).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            return self.net(self.x).numpy()

    def once(self) -> None:
        with self.torch.inference_mode():
            self.net(self.x)


def folded(row: Row, weights: str) -> list[tuple[ConvTranspose2d, np.ndarray, np.ndarray | None, object]]:
    """The row as convolutions alone, for engines that are given a graph: layer, weight, bias, activation."""
    state = load_file(weights)
    convs = []
    for i, layer in enumerate(row.layers):
        if isinstance(layer, ConvTranspose2d):
            convs.append([layer, state[f"{i}.weight"], state.get(f"{i}.bias"), None])
        elif isinstance(layer, BatchNorm2d):
            mean, variance, gamma, beta = (
                state[f"{i}.{name}"] for name in ("running_mean", "running_var", "weight", "bias")
            )
            scale = gamma / np.sqrt(variance + np.float32(1e-5))
            _, weight, bias, _ = convs[-1]
            convs[-1][1] = weight * scale[:, None, None]
            convs[-1][2] = beta + ((0 if bias is None else bias) - mean) * scale
        else:
            convs[-1][3] = layer
    return [tuple(conv) for conv in convs]


def onnx_model(row: Row, weights: str) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    nodes, initializers, value = [], [], "x"
    for i, (layer, weight, bias, activation) in enumerate(folded(row, weights)):
        inputs = [value, f"weight{i}"] + ([] if bias is None else [f"bias{i}"])
        initializers += [numpy_helper.from_array(array, name) for array, name in zip((weight, bias), inputs[1:])]
        value = f"conv{i}"
        nodes.append(
            helper.make_node(
                "ConvTranspose", inputs, [value],
                kernel_shape=pair(layer.kernel_size), strides=pair(layer.stride), pads=2 * pair(layer.padding),
                output_padding=pair(layer.output_padding),
            )  # fmt: skip
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


class OnnxRuntime(Engine):
    title = "ONNX Runtime"
    package = "onnxruntime"
    about = "CPU provider, all graph optimisations, input and output bound beforehand"

    def prepare(self, row: Row, weights: str, x: str, threads: int) -> np.ndarray:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(onnx_model(row, weights), options, ["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        self.binding.bind_ortvalue_input("x", onnxruntime.OrtValue.ortvalue_from_numpy(np.load(x)))
        y = onnxruntime.OrtValue.ortvalue_from_shape_and_type(self.session.get_outputs()[0].shape, np.float32)
        self.binding.bind_ortvalue_output("y", y)
        self.once()
        return y.numpy()

    def once(self) -> None:
        self.session.run_with_iobinding(self.binding)


class OpenVino(Engine):
    title = "OpenVINO"
    package = "openvino"
    about = "CPU, inference precision f32, latency hint: one request that has all threads"

    def prepare(self, row: Row, weights: str, x: str, threads: int) -> np.ndarray:
        import openvino

        core = openvino.Core()
        hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
        compiled = core.compile_model(core.read_model(onnx_model(row, weights)), "CPU", hints)
        self.request = compiled.create_infer_request()
        self.request.set_input_tensor(openvino.Tensor(np.load(x)))
        self.once()
        return self.request.get_output_tensor().data.copy()

    def once(self) -> None:
        self.request.start_async()
        self.request.wait()


class Ncnn(Engine):
    title = "ncnn"
    package = "ncnn"
    about = "fp16 and bf16 off; a batch is one ncnn.Mat, whose images ncnn takes one after another"

    def prepare(self, row: Row, weights: str, x: str, threads: int) -> np.ndarray:
        import ncnn

        self.net = ncnn.Net()
        self.net.opt.num_threads = threads
        for name in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_packed", "bf16_storage"):
            setattr(self.net.opt, f"use_{name}", False)
        graph, numbers = self.model(row, weights)
        with tempfile.NamedTemporaryFile() as file:
            file.write(numbers)
            file.flush()
            if self.net.load_param_mem(graph) != 0 or self.net.load_model(file.name) != 0:
                raise RuntimeError("ncnn does not load its model")
        images = np.load(x)
        self.batch = len(images)
        self.x = (ncnn.Mat(images[0]) if self.batch == 1 else ncnn.Mat(images, 0)).clone()
        y = self.once()
        return np.stack([np.array(y if self.batch == 1 else y.batch(i)) for i in range(self.batch)])

    @staticmethod
    def model(row: Row, weights: str) -> tuple[str, bytes]:
        """The texts of its .param and .bin files, as pnnx writes them: ReLU inside of its convolution, Tanh after."""
        layers, numbers = [], b""
        for layer, weight, bias, activation in folded(row, weights):
            (kh, kw), (sh, sw), (ph, pw) = map(pair, (layer.kernel_size, layer.stride, layer.padding))
            oph, opw = pair(layer.output_padding)
            layers.append(
                f"Deconvolution 0={layer.out_channels} 1={kw} 11={kh} 3={sw} 13={sh} 4={pw} 14={ph} 18={opw} 19={oph} "
                f"5={int(bias is not None)} 6={weight.size} 9={int(type(activation) is ReLU)}"
            )
            numbers += bytes(4) + np.ascontiguousarray(weight.swapaxes(0, 1)).tobytes()  # 4 zeros: float32
            numbers += b"" if bias is None else bias.tobytes()
            if type(activation) is Tanh:
                layers.append("TanH")
        values = ["x", *(f"value{i}" for i in range(1, len(layers))), "y"]
        lines = ["Input x 0 1 x"]
        for i, text in enumerate(layers):
            kind, *parameters = text.split()
            lines.append(" ".join([kind, f"layer{i}", "1 1", values[i], values[i + 1], *parameters]))
        return f"7767517\n{len(lines)} {len(values)}\n" + "\n".join(lines) + "\n", numbers

    def once(self):
        extractor = self.net.create_extractor()
        extractor.input("x", self.x)
        failed, y = extractor.extract("y")
        if failed:
            raise RuntimeError("ncnn gives no output")
        return y


ENGINES = {
    "upconv": Upconv,
    "pytorch": PyTorch,
    "onnxruntime": OnnxRuntime,
    "openvino": OpenVino,
    "ncnn": Ncnn,
}


def answer(engine: Engine, request: dict) -> dict:
    command = request.pop("command")
    if command == "version":
        return {"version": engine.version()}
    if command == "prepare":
        engine.accuracy = request["accuracy"]
        y = engine.prepare(find_row(request["row"]), request["weights"], request["input"], request["threads"])
        np.save(request["output"], y)
        return {}
    return engine.run(**request)


def serve(name: str) -> None:
    with os.fdopen(os.dup(1), "w") as answers, contextlib.redirect_stdout(sys.stderr):
        os.dup2(2, 1)  # what libraries print must not come between the answers
        engine = ENGINES[name]()
        for line in sys.stdin:
            try:
                reply = answer(engine, json.loads(line))
            except Exception as error:
                reply = {"error": textwrap.shorten(f"{type(error).__name__}: {error}", 200)}
            print(json.dumps(reply), file=answers, flush=True)


if __name__ == "__main__":
    serve(sys.argv[1])
