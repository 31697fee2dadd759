"""The engines that compare.py puts beside each other: each a process of its own that answers JSON lines.

`python engines.py NAME` reads requests from stdin and answers each with one line on stdout:
  {"command": "version"}                                            -> {"version": "2.13.0"}
  {"command": "prepare", "row", "folder", "output", "threads", "accuracy", "precision"}
                                                                    -> {}, and the result is in the file "output"
  {"command": "run", "seconds"}                                     -> {"median_ms", "min_ms", "runs", ...}
or with {"error": "..."}. "folder" has the row's files (models.py). Between requests a process sleeps in read().
An engine's own package is imported when it is asked for, so that none runs another's threads.
"""

import contextlib
import importlib.metadata
import json
import os
import statistics
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
from models import inputs_of
from program import Program, network_arguments
from rows import Row, find_row

LEAST_RUNS = 3  # of a sample, or one where a run takes longer than LONG
LONG = 1.0  # seconds


class Engine:
    """An engine inside of this process: prepare() gets it ready and returns the result, once() is what is timed."""

    title = ""
    package = ""  # on PyPI
    about = ""  # how it is set up; a line of the report
    accuracy = "standard"  # upconv's option, which peers do not have
    precision = "float32"  # what it is to compute in, where it can

    def version(self) -> str:
        return importlib.metadata.version(self.package)

    def prepare(self, row: Row, folder: Path, threads: int) -> np.ndarray:
        raise NotImplementedError

    def once(self) -> None:
        raise NotImplementedError

    def seconds(self) -> float:
        """How long a run takes, or what counts of it."""
        before = time.perf_counter()
        self.once()
        return time.perf_counter() - before

    def run(self, seconds: float) -> dict:
        start = time.perf_counter()
        self.once()
        least = 1 if time.perf_counter() - start > LONG else LEAST_RUNS
        times = []
        start = time.perf_counter()
        while len(times) < least or time.perf_counter() - start < seconds:
            times.append(1e3 * self.seconds())
        return {"median_ms": statistics.median(times), "min_ms": min(times), "runs": len(times)}


class Upconv(Engine):
    title = "upconv"
    about = "`upconv bench`, which folds BatchNorm itself, tuned for throughput where the batch is more than 1"

    def __init__(self):
        self.program = Program()

    def version(self) -> str:
        return self.program.version()

    def prepare(self, row: Row, folder: Path, threads: int) -> np.ndarray:
        self.row, self.threads = row, threads
        self.weights = ["--weights", str(folder / "weights.safetensors")]
        y = folder / "y.npy"
        arguments = [*network_arguments(row, threads, self.accuracy), *self.weights]
        arguments += [word for file in inputs_of(row, folder) for word in ("--input", str(file))]
        self.program.call("run", *arguments, "--output", str(y))
        return np.load(y)

    def run(self, seconds: float) -> dict:
        found = self.program.bench(self.row, self.threads, seconds, *self.weights, accuracy=self.accuracy)
        if self.row.timed is None:
            return found
        layer = next(one for one in found["layers"] if one["path"] == str(self.row.timed))
        return found | {"median_ms": layer["ms"], "min_ms": layer["ms"], "layers": [layer]}


class PyTorch(Engine):
    title = "PyTorch"
    package = "torch"
    about = (
        "eager, channels-last, `inference_mode`, BatchNorm folded by `fuse_conv_bn_eval`; bfloat16 is the whole module"
    )
    timed = False  # whether one layer's time counts, not all layers'

    def prepare(self, row: Row, folder: Path, threads: int) -> np.ndarray:
        import export
        import torch
        from safetensors.torch import load_file

        torch.set_num_threads(threads)
        if row.network:
            net = export.build(row)
        else:
            net = torch.nn.Sequential(*(getattr(torch.nn, type(layer).__name__)(**vars(layer)) for layer in row.layers))
        net.load_state_dict(load_file(folder / "weights.safetensors"))
        self.torch = torch
        # Copies, since PyTorch's own memory begins at a multiple of 64 bytes.
        self.inputs = [torch.from_numpy(np.load(file)).clone() for file in inputs_of(row, folder)]
        self.load(net.eval(), threads)
        self.timed = row.timed is not None
        if self.timed:
            self.watch(self.net[row.timed])
        with torch.inference_mode():
            return self.net(*self.inputs).float().numpy()

    def watch(self, layer) -> None:
        """From now on a run takes as long as this layer of it."""

        def begin(*_) -> None:
            self.begun = time.perf_counter()

        def end(*_) -> None:
            self.taken = time.perf_counter() - self.begun

        layer.register_forward_pre_hook(begin)
        layer.register_forward_hook(end)

    def seconds(self) -> float:
        whole = super().seconds()
        return self.taken if self.timed else whole

    def load(self, net, threads: int) -> None:
        """The network that is timed, and the layout and type of its inputs."""
        import export

        channels_last = self.torch.channels_last
        self.net = export.fold(net).to(memory_format=channels_last)
        self.inputs = [x.contiguous(memory_format=channels_last) if x.dim() == 4 else x for x in self.inputs]
        if self.precision == "bfloat16":
            self.net = self.net.to(self.torch.bfloat16)
            self.inputs = [x.to(self.torch.bfloat16) if x.is_floating_point() else x for x in self.inputs]

    def once(self) -> None:
        with self.torch.inference_mode():
            self.net(*self.inputs)


class OnnxRuntime(Engine):
    title = "ONNX Runtime"
    package = "onnxruntime"
    about = "CPU provider, all graph optimisations, input and output bound beforehand"

    def prepare(self, row: Row, folder: Path, threads: int) -> np.ndarray:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(folder / "model.onnx", options, ["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        for file in inputs_of(row, folder):
            self.binding.bind_ortvalue_input(file.stem, onnxruntime.OrtValue.ortvalue_from_numpy(np.load(file)))
        y = onnxruntime.OrtValue.ortvalue_from_shape_and_type(self.session.get_outputs()[0].shape, np.float32)
        self.binding.bind_ortvalue_output("y", y)
        self.once()
        return y.numpy()

    def once(self) -> None:
        self.session.run_with_iobinding(self.binding)


class OpenVino(Engine):
    title = "OpenVINO"
    package = "openvino"
    about = "CPU, inference precision f32, or bf16 as a hint, latency hint: one request that has all threads"

    def prepare(self, row: Row, folder: Path, threads: int) -> np.ndarray:
        import openvino

        core = openvino.Core()
        hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
        hints["INFERENCE_PRECISION_HINT"] = "bf16" if self.precision == "bfloat16" else "f32"
        compiled = core.compile_model(core.read_model(folder / "model.onnx"), "CPU", hints)
        self.request = compiled.create_infer_request()
        for i, file in enumerate(inputs_of(row, folder)):
            self.request.set_input_tensor(i, openvino.Tensor(np.load(file)))
        self.once()
        return self.request.get_output_tensor().data.copy()

    def once(self) -> None:
        self.request.start_async()
        self.request.wait()


class Ncnn(Engine):
    title = "ncnn"
    package = "ncnn"
    about = (
        "fp16 off, bf16 packed and stored where rows are of it; a batch is one ncnn.Mat, whose images ncnn takes one "
        "after another; pnnx converts networks"
    )

    def prepare(self, row: Row, folder: Path, threads: int) -> np.ndarray:
        import ncnn

        self.net = ncnn.Net()
        self.net.opt.num_threads = threads
        for name in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_packed", "bf16_storage"):
            setattr(self.net.opt, f"use_{name}", self.precision == "bfloat16" and name.startswith("bf16"))
        param, numbers = str(folder / "model.ncnn.param"), str(folder / "model.ncnn.bin")
        if self.net.load_param(param) != 0 or self.net.load_model(numbers) != 0:
            raise RuntimeError("ncnn does not load its model")
        self.inputs = []
        self.batch = row.input[0]
        for x in (np.load(file) for file in inputs_of(row, folder)):
            images = x if x.dtype == np.float32 else x.astype(np.int32).reshape(-1, 1)
            self.inputs.append((ncnn.Mat(images[0]) if self.batch == 1 else ncnn.Mat(images, 0)).clone())
        y = self.once()
        return np.stack([np.array(y if self.batch == 1 else y.batch(i)) for i in range(self.batch)])

    def once(self):
        extractor = self.net.create_extractor()
        for i, x in enumerate(self.inputs):
            extractor.input(f"in{i}", x)
        failed, y = extractor.extract("out0")
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


class FromPython(PyTorch):
    title = "upconv from Python"
    package = "upconv"
    about = "`upconv.from_torch`, called with tensors of PyTorch, as its users call it"

    def version(self) -> str:
        import upconv

        return upconv.__version__

    def load(self, net, threads: int) -> None:
        import upconv

        self.net = upconv.from_torch(net, self.inputs, dynamic=False)
        tune = "throughput" if self.inputs[0].shape[0] > 1 else "latency"
        self.net.set_options(threads=threads, tune=tune, accuracy=self.accuracy)

    def once(self) -> None:
        self.net(*self.inputs)


class TorchCompile(PyTorch):
    title = "torch.compile"
    about = "the network that eager PyTorch runs here, compiled by inductor, mode max-autotune-no-cudagraphs"

    def load(self, net, threads: int) -> None:
        super().load(net, threads)
        self.net = self.torch.compile(self.net, mode="max-autotune-no-cudagraphs")


# What benchmarks/python.py compares besides.
PYTHONS = {"python": FromPython, "torch.compile": TorchCompile}


def answer(engine: Engine, request: dict) -> dict:
    command = request.pop("command")
    if command == "version":
        return {"version": engine.version()}
    if command == "prepare":
        engine.accuracy, engine.precision = request["accuracy"], request["precision"]
        y = engine.prepare(find_row(request["row"]), Path(request["folder"]), request["threads"])
        np.save(request["output"], y)
        return {}
    return engine.run(**request)


def serve(name: str) -> None:
    with os.fdopen(os.dup(1), "w") as answers, contextlib.redirect_stdout(sys.stderr):
        os.dup2(2, 1)  # what libraries print must not come between the answers
        engine = (ENGINES | PYTHONS)[name]()
        for line in sys.stdin:
            try:
                reply = answer(engine, json.loads(line))
            except Exception as error:
                reply = {"error": textwrap.shorten(f"{type(error).__name__}: {error}", 200)}
            print(json.dumps(reply), file=answers, flush=True)


if __name__ == "__main__":
    serve(sys.argv[1])
