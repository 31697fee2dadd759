"""What compare.py measures, and what upconv promises of it.

A row is a stack of layers, or a whole network with modules of its own, at one size of input; a group is rows that are
judged together. To add a row, write it into a group; to promise something, give the row a `promise` (the least ratio of
the fastest peer's time to upconv's), `promises` (of a certain peer's) or a `promised_peak` (the least part of what the
machine multiplies and adds in registers), or the group a `promised_mean` (the least geometric mean of its rows'
ratios). Promises hold for every number of threads that the group is measured on. The twelve layers are those of
shapes.h; nothing is tuned on the uneven ones.
"""

import math
from dataclasses import dataclass, field, replace


def pair(value):
    """One number for height and width, or two, as PyTorch takes them."""
    return value if isinstance(value, tuple) else (value, value)


# Layers with PyTorch's names and arguments; str() is what one types in Python, and what upconv reads.


@dataclass(frozen=True)
class ConvTranspose2d:
    in_channels: int
    out_channels: int
    kernel_size: int | tuple[int, int]
    stride: int | tuple[int, int] = 1
    padding: int | tuple[int, int] = 0
    output_padding: int | tuple[int, int] = 0
    bias: bool = False

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        numbers = zip(size, *map(pair, (self.stride, self.padding, self.kernel_size, self.output_padding)))
        return tuple((i - 1) * s - 2 * p + k + op for i, s, p, k, op in numbers)

    def weight_shape(self) -> tuple[int, int, int, int]:
        return (self.in_channels, self.out_channels, *pair(self.kernel_size))

    def products(self, size: tuple[int, int]) -> int:
        """Multiplications for one image; those that would fall outside of the output are none."""
        along = 1
        numbers = zip(size, self.output_size(size), *map(pair, (self.stride, self.padding, self.kernel_size)))
        for i, o, s, p, k in numbers:
            along *= sum(0 <= x * s - p + tap < o for x in range(i) for tap in range(k))
        return along * self.in_channels * self.out_channels


@dataclass(frozen=True)
class Conv2d:
    in_channels: int
    out_channels: int
    kernel_size: int | tuple[int, int]
    stride: int | tuple[int, int] = 1
    padding: int | tuple[int, int] = 0
    bias: bool = False

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        numbers = zip(size, *map(pair, (self.stride, self.padding, self.kernel_size)))
        return tuple((i + 2 * p - k) // s + 1 for i, s, p, k in numbers)

    def weight_shape(self) -> tuple[int, int, int, int]:
        return (self.out_channels, self.in_channels, *pair(self.kernel_size))

    def products(self, size: tuple[int, int]) -> int:
        """Multiplications for one image; those with the zeros beside it are none."""
        along = 1
        numbers = zip(size, self.output_size(size), *map(pair, (self.stride, self.padding, self.kernel_size)))
        for i, o, s, p, k in numbers:
            along *= sum(0 <= y * s - p + tap < i for y in range(o) for tap in range(k))
        return along * self.in_channels * self.out_channels


def is_conv(layer) -> bool:
    return isinstance(layer, ConvTranspose2d | Conv2d)


@dataclass(frozen=True)
class BatchNorm2d:
    num_features: int


@dataclass(frozen=True)
class ReLU:
    inplace: bool = True


@dataclass(frozen=True)
class Tanh:
    pass


@dataclass(frozen=True)
class Row:
    name: str
    layers: tuple
    input: tuple[int, ...]  # N, C, H, W, or as the network has it
    promise: float | None = None  # of the fastest peer
    promises: dict[str, float] = field(default_factory=dict)  # of a peer, by its name in ENGINES
    promised_peak: float | None = None
    accuracy: str = ""  # upconv's, where the row has one of its own
    weights: str = ""  # a file of examples/weights whose keys begin with "main."; random numbers where there is none
    network: str = ""  # in place of layers: the name that upconv and the file of tests/golden/twins have
    twin: str = ""  # what makes it there
    classes: int = 0  # a network that paints one of so many classes has them as a second input: int64 (N)
    first: bool = False  # its twin gives several results, of which the first one counts
    without: tuple[str, ...] = ()  # peers that cannot run it
    long: bool = False  # a run takes seconds
    precision: str = "float32"  # upconv's, and that of the peers that have it
    timed: int | None = None  # the layer whose time is taken, where it is not that of a whole run

    @property
    def rounds_inputs(self) -> bool:
        """Whether a layer alone, which otherwise would read what the network is given as it is, rounds that too."""
        return self.precision == "bfloat16" and (len(self.layers) == 1 or self.timed is not None)

    @property
    def spec(self) -> str:
        return self.network or f"Sequential({', '.join(map(str, self.layers))})"

    def inputs(self) -> list[tuple[int, ...]]:
        """The shapes of all inputs."""
        return [self.input] + ([(self.input[0],)] if self.classes else [])

    def sizes(self) -> list[tuple[ConvTranspose2d | Conv2d, tuple[int, int]]]:
        """Every convolution that is timed and the height and width that come to it."""
        size, found = self.input[2:], []
        for i, layer in enumerate(self.layers):
            if is_conv(layer):
                if self.timed in (None, i):
                    found.append((layer, size))
                size = layer.output_size(size)
        return found

    def flops(self) -> int:
        return 2 * self.input[0] * sum(layer.products(size) for layer, size in self.sizes())

    def bytes(self) -> int:
        """What has to be moved at least: each convolution's weights, input and output, once."""
        floats = 0
        for layer, size in self.sizes():
            floats += math.prod(layer.weight_shape())
            floats += self.input[0] * layer.in_channels * math.prod(size)
            floats += self.input[0] * layer.out_channels * math.prod(layer.output_size(size))
        return 4 * floats


@dataclass(frozen=True)
class Group:
    name: str
    rows: tuple[Row, ...]
    promised_mean: float | None = None
    threads: tuple[int, ...] = ()  # numbers of threads that it is measured on; none is any
    precision: str = "float32"  # of its rows; others than float32 are measured where the machine is fast with them

    def measured_on(self, threads: int) -> bool:
        return not self.threads or threads in self.threads


def layer(name: str, conv: ConvTranspose2d | Conv2d, *size: int, batch: int = 1, **more) -> Row:
    """A row of one layer; `size` is the height and width of its input, or one number for both."""
    return Row(name, (conv,), (batch, conv.in_channels, size[0], size[-1]), **more)


def conv3x3(channels: int, size: int) -> tuple[Row, Row]:
    """A layer with Winograd's usual algorithms, and with those that round more, as ncnn's do."""
    conv = Conv2d(channels, channels, 3, 1, 1)
    name = f"{channels}-{channels} conv k3s1 {size}x{size}"
    return (
        layer(name, conv, size, promises={"pytorch": 1.6}),
        layer(f"{name}, fast", conv, size, accuracy="fast", promises={"ncnn": 1.0}),
    )


def network(name: str, twin: str, *shape: int, batch: int = 1, form: str = "", promise: float = 1.1, **more) -> Row:
    """A row of a whole network: `twin` makes it in tests/golden/twins/NAME.py, `shape` is one input's."""
    return Row(f"{name}{form}, batch {batch}", (), (batch, *shape), promise, network=name, twin=twin, **more)


def dcgan(batch: int, promise: float) -> Row:
    """The generator of examples/dcgan.h with the weights that come with it."""
    layers = (
        ConvTranspose2d(100, 512, 4), BatchNorm2d(512), ReLU(),
        ConvTranspose2d(512, 256, 4, 2, 1), BatchNorm2d(256), ReLU(),
        ConvTranspose2d(256, 128, 4, 2, 1), BatchNorm2d(128), ReLU(),
        ConvTranspose2d(128, 64, 4, 2, 1), BatchNorm2d(64), ReLU(),
        ConvTranspose2d(64, 3, 4, 2, 1), Tanh(),
    )  # fmt: skip
    return Row(f"DCGAN, batch {batch}", layers, (batch, 100, 1, 1), promise, weights="dcgan.safetensors")


STYLEGAN2 = "Generator(512, 512, 256, 3, 16384, 512, 1.0)"
BIGGAN = "Generator(96, 120, 128, 1000, [16, 16, 8, 4, 2, 1], 3)"

GROUPS = (
    Group(
        "layers",
        (
            layer("100-512 k4s1 1x1", ConvTranspose2d(100, 512, 4), 1),
            layer("512-256 k4s2 4x4", ConvTranspose2d(512, 256, 4, 2, 1), 4),
            layer("256-128 k4s2 8x8", ConvTranspose2d(256, 128, 4, 2, 1), 8),
            layer("128-64 k4s2 16x16", ConvTranspose2d(128, 64, 4, 2, 1), 16),
            layer("64-3 k4s2 32x32", ConvTranspose2d(64, 3, 4, 2, 1), 32),
            layer("128-64 k4s2 64x64", ConvTranspose2d(128, 64, 4, 2, 1), 64, promise=1.9, promised_peak=1.5),
            layer("256-128 k4s2 64x64", ConvTranspose2d(256, 128, 4, 2, 1), 64, promise=1.9, promised_peak=1.5),
            layer("128-64 k3s2op1 64x64", ConvTranspose2d(128, 64, 3, 2, 1, 1), 64, promise=1.4),
            layer("128-64 k2s2 64x64", ConvTranspose2d(128, 64, 2, 2), 64),
            layer("128-64 k5s2op1 32x32", ConvTranspose2d(128, 64, 5, 2, 2, 1), 32, promise=1.6),
            layer("64-32 k8s4 32x32", ConvTranspose2d(64, 32, 8, 4, 2), 32, promise=1.6),
            layer("128-128 k3s1 32x32", ConvTranspose2d(128, 128, 3, 1, 1), 32, promise=1.6),
        ),
        promised_mean=1.8,
    ),
    Group(
        "batches",
        (
            layer("256-128 k4s2 8x8, batch 16", ConvTranspose2d(256, 128, 4, 2, 1), 8, batch=16, promise=1.7),
            layer("128-64 k4s2 16x16, batch 16", ConvTranspose2d(128, 64, 4, 2, 1), 16, batch=16, promise=1.7),
        ),
    ),
    Group(
        "uneven layers",
        (
            layer("100-72 k4s2 27x35", ConvTranspose2d(100, 72, 4, 2, 1), 27, 35, promise=1.0),
            layer("90-50 k3s2op1 41x29", ConvTranspose2d(90, 50, 3, 2, 1, 1), 41, 29, promise=1.0),
            layer("150-70 k5s2op1 21x25, batch 3", ConvTranspose2d(150, 70, 5, 2, 2, 1), 21, 25, batch=3, promise=1.0),
            layer("72-40 k6s3 19x23, batch 3", ConvTranspose2d(72, 40, 6, 3, 1), 19, 23, batch=3, promise=1.0),
            layer("56-24 k8s4 17x21", ConvTranspose2d(56, 24, 8, 4, 2), 17, 21, promise=1.0),
            layer("66-98 k3s1 33x37", ConvTranspose2d(66, 98, 3, 1, 1), 33, 37, promise=1.0),
        ),
        promised_mean=1.5,
    ),
    Group("networks", tuple(dcgan(batch, promise=2.0) for batch in (1, 16, 64))),
    Group(
        "few output channels",
        (
            layer("64-3 k4s2 64x64", ConvTranspose2d(64, 3, 4, 2, 1), 64, promise=1.5),
            layer("64-3 k4s2 128x128", ConvTranspose2d(64, 3, 4, 2, 1), 128, promise=1.5),
            layer("32-3 conv k9s1 256x256", Conv2d(32, 3, 9, 1, 4), 256, promise=2.0),
        ),
    ),
    Group("Conv2d layers", (*conv3x3(256, 64), *conv3x3(128, 64), *conv3x3(64, 128))),
    Group(
        "whole networks",
        (
            network("conditional_dcgan", "ConditionalDcgan(100, 10, 32, 1, 128)", 100, classes=10),
            network("conditional_dcgan", "ConditionalDcgan(100, 10, 32, 1, 128)", 100, batch=8, classes=10),
            network("pix2pix", "UnetGenerator()", 3, 256, 256),
            network("pix2pix", "UnetGenerator()", 3, 256, 256, batch=8),
            network("cyclegan", "ResnetGenerator()", 3, 256, 256),
            network("cyclegan", "ResnetGenerator()", 3, 256, 256, batch=8, long=True),
            network("fast_neural_style", "TransformerNet()", 3, 256, 256),
            network("fast_neural_style", "TransformerNet()", 3, 256, 256, batch=8),
            network("esrgan", "RRDBNet(64, 23, 32)", 3, 64, 64),
            network("esrgan", "RRDBNet(64, 23, 32)", 3, 64, 64, batch=8, long=True),
            network("taesd", "twin(64)", 4, 32, 32),
            network("taesd", "twin(64)", 4, 32, 32, batch=8),
            network("vae", "VaeDecoder(128, [512, 256, 128, 64, 32])", 128),
            network("vae", "VaeDecoder(128, [512, 256, 128, 64, 32])", 128, batch=8),
        ),
        promised_mean=1.5,
        threads=(2,),
    ),
    Group(
        "networks of functions",
        (
            network("stylegan2", STYLEGAN2, 512, promise=1.5, without=("ncnn",)),
            network("stylegan2", f"unfused({STYLEGAN2})", 512, form=" unfused", promise=1.5, without=("ncnn",)),
            network("biggan", BIGGAN, 120, classes=1000, without=("ncnn",)),
            network("sagan", "Generator(128, 64, 1000)", 128, classes=1000, without=("ncnn",)),
            network("sngan", "Generator(128, 256)", 128),
            network("cgan_pd", "Generator(10, 128, 256)", 128, classes=10),
            network("fastgan", "Generator(64, 256, 3, 256)", 256, first=True),
            network("srresnet", "Generator(2, 64)", 3, 64, 64),
        ),
        threads=(2,),
    ),
    Group(
        "sound",  # one second of it at 22.05 kHz
        (
            network("hifigan", "generator('v1')", 80, 86, promise=1.5),
            network("hifigan_v3", "generator('v3')", 80, 86, promise=1.5),
        ),
    ),
)


def in_bfloat16(row: Row, promise: float | None) -> Row:
    """The same, with what layers multiply rounded; promised is a ratio to the fastest peer of bfloat16."""
    more = {"promise": promise, "promises": {}, "promised_peak": None, "precision": "bfloat16"}
    return replace(row, name=f"{row.name}, bfloat16", without=(*row.without, "onnxruntime"), **more)


def between_layers(row: Row) -> Row:
    """The row's layer in bfloat16 as it stands inside of a network, between two of kernel size 1: what it reads was
    stored by the one before, channels-last, and what it makes is stored for the one behind. Only its own time counts,
    which PyTorch's hooks tell; engines that are given a graph tell none."""
    conv = row.layers[0]
    layers = (Conv2d(conv.in_channels, conv.in_channels, 1), conv, Conv2d(conv.out_channels, 32, 1))
    inside = replace(row, layers=layers, timed=1, without=("onnxruntime", "openvino", "ncnn"))
    return replace(in_bfloat16(inside, promise=1.0), name=f"{row.name} between layers, bfloat16")


IN_BFLOAT16 = ("pix2pix, batch 1", "cyclegan, batch 1", "esrgan, batch 1", "taesd, batch 1")

GROUPS += (
    Group(
        "bfloat16",
        tuple(
            in_bfloat16(row, promise=1.0)
            for group in GROUPS
            for row in group.rows
            if group.name in ("layers", "networks") or row.name in IN_BFLOAT16
        ),
        promised_mean=1.5,
        precision="bfloat16",
    ),
    Group(
        "bfloat16 between layers",
        tuple(between_layers(row) for row in GROUPS[0].rows if row.layers[0].out_channels > 3),
        promised_mean=1.5,
        precision="bfloat16",
    ),
)


def find_row(name: str) -> Row:
    return next(row for group in GROUPS for row in group.rows if row.name == name)
