"""Random modules with weights and an input, from a seed: what bits.py gives to two programs.

A module is one layer or a Sequential of several, so that norms are folded, activations fused, paddings and resampling
taken up by what follows, and layouts met. Most are valid, some are not: a program's refusal is a result too. The files
are .safetensors and .npy, written here, so that nothing but Python itself is needed.
"""

import json
import math
import random
from array import array
from dataclasses import dataclass, field
from pathlib import Path

CHANNELS = (1, 3, 4, 5, 8, 12, 16, 17, 20, 24, 32, 33, 40, 48, 64, 64, 72, 96, 128)
MOST_PRODUCTS = 5e7  # of a convolution; the scalar instruction set is measured too
MOST_NUMBERS = 4e5  # that a layer may put out


@dataclass
class Module:
    """One or more layers; `shape` is what a picture is after the last, without its batch."""

    random: random.Random
    batch: int
    input: tuple[int, ...]
    shape: tuple[int, ...]
    layers: list[str] = field(default_factory=list)
    parameters: list[dict[str, tuple[tuple[int, ...], str]]] = field(default_factory=list)  # name: shape, kind

    @property
    def spec(self) -> str:
        return self.layers[0] if self.alone else f"Sequential({', '.join(self.layers)})"

    @property
    def alone(self) -> bool:
        return len(self.layers) == 1

    def add(self, layer: str, **parameters) -> None:
        self.layers.append(layer)
        self.parameters.append(parameters)

    def write(self, folder: Path) -> list[str]:
        """Both files; the arguments that name them."""
        header, data = {}, b""
        for i, parameters in enumerate(self.parameters):
            for name, (shape, kind) in parameters.items():
                values = numbers(self.random, shape, kind)
                offsets = [len(data), len(data) + len(values)]
                key = name if self.alone else f"{i}.{name}"
                dtype = "I64" if kind == "count" else "F32"
                header[key] = {"dtype": dtype, "shape": list(shape), "data_offsets": offsets}
                data += values
        text = json.dumps(header).encode()
        (folder / "weights.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
        shape = (self.batch, *self.input) if self.batch else self.input
        words = repr({"descr": "<f4", "fortran_order": False, "shape": shape}).encode()
        words = words.ljust(-(-(len(words) + 11) // 64) * 64 - 11) + b"\n"
        values = numbers(self.random, shape, "normal")
        (folder / "x.npy").write_bytes(b"\x93NUMPY\1\0" + len(words).to_bytes(2, "little") + words + values)
        weights = ["--weights", str(folder / "weights.safetensors")] if header else []
        return [*weights, "--input", str(folder / "x.npy")]

    def input_shape(self) -> str:
        return ",".join(map(str, (self.batch, *self.input) if self.batch else self.input))


NORMAL = [random.Random(0).gauss(0, 1) for _ in range(4099)]


def numbers(source: random.Random, shape: tuple[int, ...], kind: str) -> bytes:
    """Normal ones; of weights, so small that values keep their size; of variances, positive ones; or an integer."""
    if kind == "count":
        return bytes(8)
    values = source.choices(NORMAL, k=math.prod(shape))
    if kind == "weight":
        scale = 1 / math.sqrt(max(1, math.prod(shape[1:])))
        values = [scale * value for value in values]
    elif kind == "positive":
        values = [abs(value) + 0.25 for value in values]
    return array("f", values).tobytes()


def both(source: random.Random, *choices: int):
    """A number, or one for height and one for width."""
    return source.choice(choices) if source.random() < 0.6 else (source.choice(choices), source.choice(choices))


def pair(value) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


def fits(*shape: float) -> bool:
    return min(shape) >= 1 and math.prod(shape) <= MOST_NUMBERS


def add_convolution(module: Module, transposed: bool) -> None:
    source, (IC, height, width) = module.random, module.shape
    divisors = [groups for groups in (1, 2, 3, 4, IC) if IC % groups == 0]
    for _ in range(50):
        groups = 1 if source.random() < 0.75 else source.choice(divisors)
        OC = groups * source.choice([count for count in CHANNELS if count <= 128 // groups] or [1])
        kernel = both(source, 1, 2, 3, 3, 4, 4, 5, 6, 7)
        stride = both(source, 1, 1, 2, 2, 3, 4)
        padding = both(source, 0, 1, 1, 2, 3)
        dilation = both(source, 2, 3) if source.random() < 0.15 else 1
        mode = "zeros" if source.random() < 0.8 else source.choice(("reflect", "replicate", "circular"))
        bias = source.random() < 0.7
        output_padding = both(source, 0, 1) if transposed and source.random() < 0.5 else 0
        if min(pair(stride)) == 1 and source.random() < 0.95:
            output_padding = 0
        if transposed and source.random() < 0.97:
            mode = "zeros"
        if not transposed and pair(stride) == (1, 1) and source.random() < 0.2:
            padding = source.choice(("same", "valid"))
        sides = {"same": (0, 0), "valid": (0, 0)}.get(padding) or pair(padding)
        axes = list(zip((height, width), pair(kernel), pair(stride), sides, pair(dilation), pair(output_padding)))
        if transposed:
            size = [(i - 1) * s - 2 * p + d * (k - 1) + op + 1 for i, k, s, p, d, op in axes]
        elif padding == "same":
            size = [height, width]
        else:
            size = [(i + 2 * p - d * (k - 1) - 1) // s + 1 for i, k, s, p, d, _ in axes]
        taps = math.prod(pair(kernel)) * IC * OC / groups
        pixels = height * width if transposed else math.prod(size)
        if fits(OC, *size) and taps * pixels <= MOST_PRODUCTS:
            break
    else:
        return
    text = f"{IC}, {OC}, kernel_size={kernel}, stride={stride}, padding={padding!r}"
    text += f", output_padding={output_padding}" if transposed else ""
    text += f", dilation={dilation}, groups={groups}, bias={bias}, padding_mode={mode!r}"
    shape = (IC, OC // groups) if transposed else (OC, IC // groups)
    parameters = {"weight": ((*shape, *pair(kernel)), "weight")}
    if bias:
        parameters["bias"] = ((OC,), "normal")
    module.add(f"{'ConvTranspose2d' if transposed else 'Conv2d'}({text})", **parameters)
    module.shape = (OC, *size)


def add_norm(module: Module) -> None:
    source, (C, _, W) = module.random, module.shape
    kind = source.choice(("BatchNorm2d", "BatchNorm2d", "InstanceNorm2d", "GroupNorm", "LayerNorm"))
    shape = (W,) if kind == "LayerNorm" and source.random() < 0.5 else module.shape
    affine, tracked = source.random() < 0.7, source.random() < 0.8
    parameters = {}
    if affine:
        sizes = shape if kind == "LayerNorm" else (C,)
        parameters = {"weight": (sizes, "normal"), "bias": (sizes, "normal")}
    if kind in ("BatchNorm2d", "InstanceNorm2d"):
        if tracked:
            parameters |= {"running_mean": ((C,), "normal"), "running_var": ((C,), "positive")}
            parameters["num_batches_tracked"] = ((), "count")
        text = f"{C}, affine={affine}, track_running_stats={tracked}"
    elif kind == "GroupNorm":
        text = f"{source.choice([n for n in (1, 2, 4, 8) if C % n == 0])}, {C}, affine={affine}"
    else:
        text = f"{shape}, elementwise_affine={affine}"
    module.add(f"{kind}({text})", **parameters)


def add_activation(module: Module) -> None:
    source = module.random
    texts = ["ReLU()", "ReLU()", "LeakyReLU(0.2)", "Tanh()", "Sigmoid()", "ELU(0.7)", "SiLU()", "GELU()"]
    texts += ["GELU('tanh')", "Softplus(2.0, 15.0)", "Hardtanh(-0.5, 0.75)", "ReLU6()", "Hardsigmoid()", "Hardswish()"]
    texts += ["Mish()", "Softmax(dim=1)", "Softmax(dim=-1)", "Identity()", "Dropout(0.3)", "PReLU"]
    text = source.choice(texts)
    if text == "PReLU":
        count = source.choice((1, module.shape[0]))
        module.add(f"PReLU({count})", weight=((count,), "normal"))
    else:
        module.add(text)


def add_resampling(module: Module) -> None:
    source, (C, H, W) = module.random, module.shape
    if C % 4 == 0 and source.random() < 0.4:
        factor = 3 if C % 9 == 0 else 2
        module.add(f"PixelShuffle({factor})")
        module.shape = (C // factor**2, H * factor, W * factor)
        return
    mode = source.choice(("nearest", "nearest", "nearest-exact", "bilinear"))
    corners = f", align_corners={source.choice((True, False))}" if mode == "bilinear" else ""
    if source.random() < 0.7:
        factors = both(source, 2, 2, 3) if C * H * W < MOST_NUMBERS / 10 else 1
        size = tuple(i * f for i, f in zip((H, W), pair(factors)))
        values = tuple(map(float, factors)) if isinstance(factors, tuple) else float(factors)
        module.add(f"Upsample(scale_factor={values}, mode={mode!r}{corners})")
    else:
        size = (source.randint(1, 24), source.randint(1, 24))
        module.add(f"Upsample(size={size}, mode={mode!r}{corners})")
    module.shape = (C, *size)


def add_padding(module: Module) -> None:
    source, (C, H, W) = module.random, module.shape
    kind = source.choice(("ReflectionPad2d", "ReplicationPad2d", "ZeroPad2d", "ConstantPad2d"))
    least = -1 if source.random() < 0.2 else 0
    left, right, top, bottom = (source.randint(least, 3) for _ in range(4))
    value = f", {source.choice((0, 1.5, -2))}" if kind == "ConstantPad2d" else ""
    module.add(f"{kind}(({left}, {right}, {top}, {bottom}){value})")
    module.shape = (C, H + top + bottom, W + left + right)


def add_pool(module: Module) -> None:
    source, (C, H, W) = module.random, module.shape
    if source.random() < 0.3:
        size = (source.randint(1, 7), source.choice((None, source.randint(1, 7))))
        module.add(f"AdaptiveAvgPool2d({size})")
        module.shape = (C, size[0], size[1] or W)
        return
    kernel, stride = both(source, 2, 3), both(source, 1, 2, 3)
    padding, ceil = source.choice((0, 0, 1)), source.random() < 0.3
    size = []
    for i, k, s in zip((H, W), pair(kernel), pair(stride)):
        o = (i + 2 * padding - k + (s - 1 if ceil else 0)) // s + 1
        size.append(o - 1 if ceil and (o - 1) * s >= i + padding else o)
    text = f"{kernel}, stride={stride}, padding={padding}, ceil_mode={ceil}"
    if source.random() < 0.5:
        text += f", count_include_pad={source.choice((True, False))}"
        module.add(f"AvgPool2d({text})")
    else:
        module.add(f"MaxPool2d({text})")
    module.shape = (C, *size)


def add_linear(module: Module) -> None:
    """Of the last dimension, or of all after a Flatten and back to a picture."""
    source, (C, H, W) = module.random, module.shape
    outputs = source.choice((1, 6, 16, 24, 48))
    flat = math.prod(module.shape) <= 2000 and source.random() < 0.7
    inputs = math.prod(module.shape) if flat else W
    bias = source.random() < 0.7
    parameters = {"weight": ((outputs, inputs), "weight")} | ({"bias": ((outputs,), "normal")} if bias else {})
    if flat:
        module.add("Flatten()")
    module.add(f"Linear({inputs}, {outputs}, bias={bias})", **parameters)
    if flat:
        module.add(f"Unflatten(1, ({outputs}, 1, 1))")
    module.shape = (outputs, 1, 1) if flat else (C, H, outputs)


def random_module(seed: int) -> Module:
    source = random.Random(seed)
    shape = (source.choice(CHANNELS), source.randint(1, 20), source.randint(1, 20))
    count = source.choice((1, 1, 2, 3, 4, 5, 6))
    batch = source.choice((0, 1, 1, 2) if count == 1 else (1, 1, 1, 2, 3, 5))
    module = Module(source, batch, shape, shape)
    kinds = {
        lambda: add_convolution(module, True): 8,
        lambda: add_convolution(module, False): 5,
        lambda: add_norm(module): 4,
        lambda: add_activation(module): 7,
        lambda: add_resampling(module): 2,
        lambda: add_padding(module): 2,
        lambda: add_pool(module): 1,
        lambda: add_linear(module): 1,
    }
    for _ in range(count):
        if fits(*module.shape):
            source.choices(list(kinds), list(kinds.values()))[0]()
    if not module.layers:
        module.add("Identity()")
    return module
