"""Where other engines do not answer as PyTorch does; docs/peers.md has the rows in words.

    python3 -m venv build/peers
    build/peers/bin/pip install -r benchmarks/requirements.txt -r benchmarks/peers.txt
    build/peers/bin/python benchmarks/peers.py [REGEX]

Each row is a small valid network and an input. It goes to each engine by the ways that people take (WAYS), and what
comes back is put beside PyTorch's answer. A row says who differs and who refuses; where that is no longer so, the
script says so and exits with 1: then docs/peers.md has to change too. REGEX asks for some rows alone.
"""

import contextlib
import dataclasses
import importlib.metadata
import logging
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import machine
import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional as F

PACKAGES = ("torch", "onnx", "onnxscript", "onnxruntime", "openvino", "pnnx", "ncnn", "mnn")
NAN = float("nan")


def close(y, want):
    """Whether two answers agree: NaN where NaN is, else within 1e-4 of the largest."""
    with np.errstate(invalid="ignore"):
        same = (y == want) | (np.isnan(y) & np.isnan(want))
        return same | (np.abs(y - want) <= 1e-4 * max(1, np.abs(want[np.isfinite(want)]).max(initial=0)))


def tight(y, want):
    return np.abs(y - want) <= 1e-5 * (1 + np.abs(want))


def within_one(y, want):
    return np.abs(y) <= 1


def not_negative(y, want):
    return y >= 0


@dataclasses.dataclass
class Row:
    name: str
    net: nn.Module
    x: torch.Tensor
    differs: str  # the ways, as letters of WAYS, whose answer is another
    refuses: str = ""  # and those that end in an error
    ways: str = "rtonm"  # who is asked; PyTorch's newer exporter is slow
    right: Callable = close  # which outputs are right
    example: torch.Tensor = None  # what is exported, with height and width left open, where it is not the input
    file: onnx.ModelProto = None  # the network as an ONNX file that PyTorch did not write


class Of(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


@contextlib.contextmanager
def silence():
    """Nothing on stdout and stderr, of libraries in C++ neither."""
    sys.stdout.flush()
    kept = [os.dup(1), os.dup(2)]
    with open(os.devnull, "w") as null:
        os.dup2(null.fileno(), 1), os.dup2(null.fileno(), 2)
        try:
            yield
        finally:
            sys.stdout.flush()
            for number, copy in enumerate(kept, 1):
                os.dup2(copy, number)
                os.close(copy)


def onnx_file(row, folder, dynamo):
    file = folder / "model.onnx"
    if row.file:
        onnx.save(row.file, file)
        return file
    names = {"input_names": ["x"], "output_names": ["y"]}
    if row.example is not None and dynamo:
        names["dynamic_shapes"] = ({2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC},)
    elif row.example is not None:
        names["dynamic_axes"] = {"x": {2: "h", 3: "w"}}
    if not dynamo:
        names["opset_version"] = 17
    example = row.x if row.example is None else row.example
    torch.onnx.export(row.net, (example,), str(file), dynamo=dynamo, **names)
    return file


def onnx_runtime(row, folder, dynamo=False):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    session = onnxruntime.InferenceSession(onnx_file(row, folder, dynamo), options, ["CPUExecutionProvider"])
    return session.run(None, {"x": row.x.numpy()})[0]


def onnx_runtime_dynamo(row, folder):
    return onnx_runtime(row, folder, dynamo=True)


def openvino_of(model, x):
    import openvino

    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    return openvino.Core().compile_model(model, "CPU", options)(x.numpy())[0].copy()


def openvino_torch(row, folder):
    import openvino

    example = row.x if row.example is None else row.example
    return openvino_of(openvino.convert_model(row.net, example_input=example), row.x)


def openvino_onnx(row, folder, dynamo=False):
    import openvino

    return openvino_of(openvino.Core().read_model(onnx_file(row, folder, dynamo)), row.x)


def openvino_dynamo(row, folder):
    return openvino_onnx(row, folder, dynamo=True)


def ncnn_net(net, x, folder, bf16=False):
    import ncnn

    torch.jit.trace(net, x, check_trace=False).save(folder / "model.pt")
    program = Path(find_spec("pnnx").submodule_search_locations[0]) / "pnnx"
    shape = str(list(x.shape)).replace(" ", "")
    command = [program, "model.pt", f"inputshape={shape}", "fp16=0"]
    subprocess.run(command, cwd=folder, capture_output=True, check=False)
    loaded = ncnn.Net()
    loaded.opt.num_threads = 1
    for name in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_packed", "bf16_storage"):
        setattr(loaded.opt, f"use_{name}", bf16 and name.startswith("bf16"))
    param, numbers = folder / "model.ncnn.param", folder / "model.ncnn.bin"
    if not param.exists():
        raise RuntimeError("pnnx writes no model")
    if loaded.load_param(str(param)) != 0 or loaded.load_model(str(numbers)) != 0:
        raise RuntimeError("ncnn does not load what pnnx wrote: " + param.read_text().split("\n", 2)[2])
    return loaded


def ncnn_answer(loaded, x):
    import ncnn

    extractor = loaded.create_extractor()
    extractor.input("in0", ncnn.Mat(x[0].numpy()).clone())
    failed, y = extractor.extract("out0")
    if failed:
        raise RuntimeError("ncnn gives no output")
    return np.array(y)[None]


def ncnn_pnnx(row, folder):
    return ncnn_answer(ncnn_net(row.net, row.x, folder), row.x)


def mnn_onnx(row, folder):
    """Not by the script mnnconvert: it runs pip, and reports to its makers (findings/mnnconvert.sh)."""
    import MNN

    converted = folder / "model.mnn"
    convert = "import sys, _tools; _tools.mnnconvert(['mnnconvert', *sys.argv[1:]])"
    arguments = ["-f", "ONNX", "--modelFile", onnx_file(row, folder, False), "--MNNModel", converted, "--bizCode", "x"]
    done = subprocess.run([sys.executable, "-c", convert, *arguments], capture_output=True, text=True, check=False)
    if not converted.exists():
        raise RuntimeError("MNN converts nothing: " + (done.stdout + done.stderr)[-200:])
    net = MNN.nn.load_module_from_file(str(converted), ["x"], ["y"])
    x = MNN.expr.placeholder(list(row.x.shape), MNN.expr.NCHW)
    x.write(np.ascontiguousarray(row.x.numpy()))
    y = MNN.expr.convert(net.forward(x), MNN.expr.NCHW)
    return np.array(y.read()).reshape(y.shape).copy()


WAYS = {
    "r": ("ONNX Runtime", onnx_runtime),
    "R": ("ONNX Runtime, dynamo=True", onnx_runtime_dynamo),
    "t": ("OpenVINO from PyTorch", openvino_torch),
    "o": ("OpenVINO from ONNX", openvino_onnx),
    "O": ("OpenVINO, dynamo=True", openvino_dynamo),
    "n": ("ncnn by pnnx", ncnn_pnnx),
    "m": ("MNN from ONNX", mnn_onnx),
}
BOTH = "rRtoOnm"


def told(y, want, wrong):
    """The worst of the outputs that are wrong, in words."""
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.where(wrong, np.nan_to_num(np.abs(y.astype(float) - want), nan=np.inf), -1)
    at = np.unravel_index(distance.argmax(), y.shape)
    place = ", ".join(str(i) for i in at)
    return f"{y[at]:.9g}, PyTorch {want[at]:.9g}, at ({place}); {wrong.sum()} of {wrong.size} differ"


def ask(row, want, run):
    """What became of a row: "", "differs" or "refuses", and the words."""
    try:
        with tempfile.TemporaryDirectory() as folder, silence():
            y = run(row, Path(folder))
    except Exception as error:
        return "refuses", f"{type(error).__name__}: " + " ".join(str(error).split())[:150]
    if y.shape != want.shape:
        return "differs", f"{list(y.shape)}, PyTorch {list(want.shape)}; its last output is {y.ravel()[-1]:.9g}"
    wrong = ~row.right(y, want)
    return ("differs", told(y, want, wrong)) if wrong.any() else ("", "as PyTorch")


@torch.no_grad()
def check(row):
    """Asks everybody; how many are not as the row says."""
    print(f"\n{row.name}: {row.net if not isinstance(row.net, Of) else 'a function'} of {list(row.x.shape)}")
    want = row.net.eval()(row.x).numpy()
    changed = 0
    for letter in row.ways:
        title, run = WAYS[letter]
        got, words = ask(row, want, run)
        expected = "differs" if letter in row.differs else "refuses" if letter in row.refuses else ""
        changed += got != expected
        note = "" if got == expected else "   <- CHANGED"
        print(f"  {title:26} {got + ': ' if got else ''}{words}{note}", flush=True)
    return changed


@torch.no_grad()
def bf16():
    """What OpenVINO says and does with bf16 in a tail of transposed convolutions, and what it costs ncnn, in turns.

    Not a row, since it needs a processor that has bf16. How many answers changed.
    """
    import openvino

    if "avx512_bf16" not in Path("/proc/cpuinfo").read_text():
        print("\nbf16: this processor has no avx512_bf16")
        return 0
    tail = []
    for inputs, outputs, act in ((128, 64, nn.ReLU()), (64, 32, nn.ReLU()), (32, 3, nn.Tanh())):
        tail += [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False), act]
    net, x = nn.Sequential(*tail).eval(), torch.randn(1, 128, 16, 16)
    model = openvino.convert_model(net, example_input=x)
    model.reshape([1, 128, 16, 16])
    compiled = {}
    for hint in ("f32", "bf16"):
        options = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"}
        compiled[hint] = openvino.Core().compile_model(model, "CPU", options)
    says = compiled["bf16"].get_property("INFERENCE_PRECISION_HINT").to_string()
    same = np.array_equal(compiled["bf16"](x.numpy())[0], compiled["f32"](x.numpy())[0])
    print(f"\nbf16 in a tail of transposed convolutions: OpenVINO says {says}; the bits are float32's: {same}")
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        runs = [ncnn_net(net, x, Path(one)), ncnn_net(net, x, Path(two), bf16=True)]
    times = [], []
    for _ in range(40):
        for taken, loaded in zip(times, runs):
            start = time.thread_time()  # its one thread's, whatever else runs here
            ncnn_answer(loaded, x)
            taken.append(1e3 * (time.thread_time() - start))
    ratios = sorted(b / a for a, b in zip(*times))
    print(
        f"  ncnn: float32 {statistics.median(times[0]):.3g} ms, bf16 storage {statistics.median(times[1]):.3g} ms, "
        f"ratio {statistics.median(ratios):.2g}, from {ratios[2]:.2g} to {ratios[-3]:.2g}"
    )
    return int(says != "bf16" or not same or ratios[2] < 1)


def column(*values):
    """These values as channels of a picture of 2 x 2."""
    return torch.tensor(values).reshape(1, -1, 1, 1).repeat(1, 1, 2, 2)


def odd_crop():
    """A transposed convolution that is one row and one column too large, as other frameworks export it."""
    weight = torch.randn(1, 1, 3, 3)
    node = onnx.helper.make_node(
        "ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], output_shape=[12, 12], auto_pad="SAME_UPPER"
    )
    sizes = {name: [1, 1, n, n] for name, n in (("x", 6), ("y", 12))}
    x, y = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, size) for name, size in sizes.items())
    graph = onnx.helper.make_graph([node], "g", [x], [y], [onnx.numpy_helper.from_array(weight.numpy(), "w")])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return Of(lambda x: F.conv_transpose2d(x, weight, stride=2)[:, :, :12, :12]), model


def rows():
    torch.manual_seed(0)
    x = torch.randn(1, 16, 6, 6)
    broken = x.clone()
    broken[0, ::3, 2, 3] = NAN
    conv = nn.Conv2d(16, 16, 1)
    for net, differs in (
        (nn.ReLU(), "tom"),
        (nn.LeakyReLU(0.2), "m"),
        (Of(lambda x: torch.clamp(x, -0.5, 0.5)), "tonm"),
        (nn.MaxPool2d(2), "rtonm"),
        (nn.Tanh(), "nm"),
        (nn.Sigmoid(), "nm"),
    ):
        yield Row("NaN", net, broken, differs)
    line = torch.linspace(-20, 20, 40000).reshape(1, 1, 200, 200)
    yield Row("beyond 1", nn.Tanh(), line, "r", right=within_one)
    yield Row("Softplus' beta", nn.Softplus(2.0), x, "t", "n")
    ends = column(-100.0, -40.0, -20.0, -15.0, 0.0, 10.0, 89.0, 100.0)
    yield Row("Softplus below -14.5", nn.Softplus(), ends[:, :4], "to", right=not_negative)
    yield Row("Softplus above 88", nn.Softplus(), ends[:, 4:], "nm")
    yield Row("LogSigmoid below -104", nn.LogSigmoid(), column(-120.0, -50.0, 0.0, 120.0), "rtonm")
    yield Row("exact GELU", nn.GELU(), 4 * x, "m", right=tight)
    yield Row("average pooling, ceil_mode", nn.AvgPool2d(3, 2, 1, ceil_mode=True), x, "ton")
    yield Row("average pooling, divisor", nn.AvgPool2d(2, divisor_override=3), x, "rRom", "tn", ways="rRtonm")
    yield Row("max pooling, ceil_mode", nn.MaxPool2d(2, 3, ceil_mode=True), x, "onm")
    example = torch.randn(1, 16, 6, 6)
    adaptive = nn.AdaptiveAvgPool2d(3)
    yield Row("open sizes", adaptive, torch.randn(1, 16, 9, 12), "RO", "rom", ways=BOTH, example=example)
    yield Row("LayerNorm over (C, H, W)", nn.Sequential(conv, nn.LayerNorm((16, 6, 6))), x, "n")
    tracking = nn.InstanceNorm2d(16, track_running_stats=True)
    tracking.running_mean.normal_()
    tracking.running_var.uniform_(0.5, 2)
    yield Row("InstanceNorm2d with statistics", nn.Sequential(conv, tracking), x, "n")
    yield Row("circular padding", nn.Conv2d(16, 16, 3, padding=1, padding_mode="circular"), x, "n")
    yield Row("bicubic upsampling", nn.Upsample(scale_factor=2, mode="bicubic"), x, "m")
    antialias = Of(lambda x: F.interpolate(x, (4, 4), mode="bilinear", antialias=True))
    yield Row("antialiased resizing", antialias, x, "O", "ronm", ways=BOTH)
    yield Row("nearest-exact", nn.Sequential(conv, nn.Upsample(scale_factor=1.7, mode="nearest-exact")), x, "n", "rtom")
    for factor in (41, 47, 55, 61):
        yield Row("nearest upsampling", nn.Upsample(scale_factor=factor), torch.randn(1, 1, 3, 3), "rto")
    bases = column(0.0, -3.0, -2.0, -0.5, 0.5, 2.0)
    for exponent in (0.5, 3.0, -1.0):
        yield Row(f"power {exponent}", Of(lambda x, e=exponent: x**e), bases, "n")
    net, model = odd_crop()
    yield Row("odd crop", net, torch.randn(1, 1, 6, 6), "o", ways="ro", file=model)
    yield Row(
        "output_padding below dilation", nn.ConvTranspose2d(16, 8, 3, 1, 1, 2, dilation=3), x, "", "rR", ways="rRtonm"
    )


def main():
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    asked = re.compile(sys.argv[1] if len(sys.argv) > 1 else "")
    print("; ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES))
    print(f"{machine.describe()['processor']}; {time.strftime('%Y-%m-%d')}")
    changed = sum(check(row) for row in rows() if asked.search(row.name))
    if asked.search("bf16"):
        changed += bf16()
    print(f"\n{changed} answers are not as docs/peers.md has them" if changed else "\nall as docs/peers.md has it")
    return int(changed > 0)


if __name__ == "__main__":
    sys.exit(main())
