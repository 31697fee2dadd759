"""What networks may mean that their archives hardly say, for exported.py: right, or refused in words that say why."""

import torch
import torch.nn.functional as F
from exported import Case, Refused
from exported_operations import integers, randn
from torch import nn
from torch.export import Dim
from torch.nn.utils import weight_norm

AUTO = Dim.AUTO


class Of(nn.Module):
    """One function of the inputs."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *xs):
        return self.function(*xs)


def of(name, function, xs, **options):
    return Case(name, lambda: Of(function), xs, bare=True, **options)


class Minus(nn.Module):
    def forward(self, a, b):
        return a - 2 * b


def inputs():
    """One tensor for two inputs; inputs that nothing uses; constants among them; more and other sizes."""
    x, y = randn(2, 3), randn(3, 2).reshape(2, 3)
    merged = "nothing uses a, and b is of the same type"
    yield Case("merged", Minus, (x, x), calls=[Refused((x, y), merged)], call_example=False)
    sizes = {"a": {0: AUTO}, "b": {0: AUTO}}
    yield Case("merged_dynamic", Minus, (x, x), sizes, [Refused((x, y), merged)], call_example=False)
    yield Case("not_merged", Minus, (x, x.clone()), sizes, [(y, x)])

    class Second(nn.Module):
        def forward(self, a, b, c):
            return b * 2

    xs = (randn(4), randn(2, 3), integers(2, 3))
    yield Case("unused_inputs", Second, xs)

    class Buffer(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", x)

        def forward(self, a):
            return a - self.mean * 0.5

    case = Case("merged_buffer", Buffer, (x,), calls=[Refused((y,), "nothing uses mean, and a is")], call_example=False)
    yield case

    class Constants(nn.Module):
        def forward(self, x, scale, times, none, mode, flag, y):
            x = x * scale if flag else x
            return (x.repeat(times, 1) if none is None and mode == "rows" else x) + y

    constants = (x, 2.5, 2, None, "rows", True, randn(1, 3))
    yield Case("constants", Constants, constants)

    class Number(nn.Module):
        def forward(self, x, k):
            return x * k

    words = "is a number that may change"
    yield Case("dynamic_number", Number, (x, 5), {"x": None, "k": AUTO}, refused=words)
    yield of("double", lambda x: x + 1, (x.double(),), refused="of float64; upconv computes in float32")
    yield Case("half", lambda: nn.Linear(3, 2).half(), (x.half(),), refused="of float16; upconv computes in float32")


def sizes():
    """Batches and sizes that were exported, and others."""
    x = randn(1, 2, 4, 6)
    words = "expected 1, got 2: the program was exported for this size alone; export it with dynamic_shapes"
    yield of("static_batch", lambda x: F.relu(x).flatten(1), (x,), calls=[Refused((randn(2, 2, 4, 6),), words)])

    class Quarters(nn.Module):
        def forward(self, x):
            n, c, h, w = x.shape
            return F.interpolate(x, (h // 4 * 4, w)) + 1

    derived = {"x": {2: 4 * Dim("quarter")}}
    yield Case(
        "derived",
        Quarters,
        (randn(1, 2, 8, 6),),
        derived,
        [(randn(1, 2, 12, 6),), Refused((randn(1, 2, 18, 6),), "got 18")],
    )

    class Tall(nn.Module):
        def forward(self, x):
            return x + 1 if x.shape[2] > x.shape[3] + 2 else x - 1

    tall, wide = randn(1, 1, 7, 4), randn(1, 1, 6, 4)
    guard = {"x": {2: AUTO, 3: AUTO}}
    words = "fails, with 6 and 6: the program was not exported for these sizes; ignore_guards runs it all the same"
    yield Case("guarded", Tall, (tall,), guard, [(randn(1, 1, 9, 2),), Refused((wide,), words)])
    words = "the program asserts what is not so"
    deferred = {"prefer_deferred_runtime_asserts_over_guards": True}
    yield Case("asserted", Tall, (tall,), guard, [(randn(1, 1, 9, 2),), Refused((wide,), words)], export=deferred)

    class Mixed(nn.Module):
        def forward(self, x, k, d):
            return x + 1 if x.shape[0] * k > d["a"][0].shape[1] + 1 else x - 1

    given = (randn(5), 2, {"a": [randn(2, 3)]})
    nested = ({0: AUTO}, None, {"a": [{1: AUTO}]})
    calls = [(randn(4), 2, {"a": [randn(2, 6)]}), Refused((randn(3), 2, {"a": [randn(2, 7)]}), "fails, with ")]
    yield Case("guarded_nested", Mixed, given, nested, calls)
    yield Case("guarded_strict", Mixed, given, nested, calls, export={"strict": True})
    few = {"xs": ({0: Dim("n", min=2, max=4)},)}
    words = "is 5, and the program was exported for 2 to 4"
    yield of(
        "range", lambda x: x * x.shape[0], (randn(3),), dynamic=few, calls=[(randn(4),), Refused((randn(5),), words)]
    )


def training():
    """What is left of training, of modes and of control flow."""
    x = randn(2, 3, 4, 5)
    options = {"training": True, "refused": "export after .eval()"}
    yield Case("training_dropout", lambda: nn.Dropout(0.5), (x,), **options)
    yield Case("training_batch_norm", lambda: nn.BatchNorm2d(3), (x,), training=True, refused="parameter or buffer")
    yield Case("training_untracked", lambda: nn.BatchNorm2d(3, track_running_stats=False), (x,), training=True)

    class Without(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(5, 4)

        def forward(self, x):
            with torch.no_grad():
                y = self.linear(x)
            return y + 1

    words = "take torch.no_grad() out of forward() and export under it, or export with run_decompositions()"
    yield Case("no_grad", Without, (x,), refused=words)
    yield Case("no_grad_inlined", Without, (x,), forms=("functional",))

    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(5, 4)

        def forward(self, x):
            with torch.autocast("cpu", torch.bfloat16):
                return self.linear(x)

    yield Case("autocast", Mixed, (x,), refused="export without autocast")
    yield Case("autocast_inlined", Mixed, (x,), forms=("functional",), refused="its result is of bfloat16")

    class Either(nn.Module):
        def forward(self, x):
            return torch.cond(x.sum() > 0, lambda x: x.sin(), lambda x: x.cos(), (x,))

    yield Case("condition", Either, (x,), refused="or without control flow")
    yield of("random", lambda x: x + torch.randn_like(x), (x,), refused="randn_like")


def memory():
    """What is written over."""
    x = randn(2, 6)

    def view(x):
        y = x * 2
        y.view(-1).relu_()
        return y + 1

    written = "something wrote over its memory in place"
    yield of("in_place_on_view", view, (x,), refused=written)

    def index(x):
        y = x.clone()
        y[:, 0] = 0
        return y + 1

    yield of("in_place_on_column", index, (x,), refused=written)

    def chunks(x):
        a, b = (x + 1).chunk(2, 1)
        a.mul_(2)
        return a + b

    yield of("in_place_on_chunk", chunks, (x,), refused=written)

    def given(x):
        y = x.add_(1)
        return y * 2, y

    yield of("in_place_on_input", given, (x,), forms=("", "functional"))

    def seen(x):
        y = x * 2
        z = y.relu_()
        return y, z

    yield of("in_place_seen", seen, (x,))

    class Counted(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("count", torch.zeros(()))

        def forward(self, x):
            self.count.add_(1)
            return x * self.count

    kept = "parameter or buffer"
    yield Case("mutated_buffer", Counted, (x,), refused=kept)
    yield Case("mutated_buffer_functional", Counted, (x,), forms=("functional",), refused="parameters and buffers stay")

    class Assigned(Counted):
        def forward(self, x):
            self.count = self.count + 1
            return x * self.count

    yield Case("assigned_buffer", Assigned, (x,), refused=kept)


class Tied(nn.Module):
    """Tied and expanded parameters, views of them, other layouts, buffers that are not saved, constants."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4, bias=False), nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.wide = nn.Parameter(torch.tensor([0.5]).expand(4))
        self.conv = nn.Conv2d(4, 3, 3, padding=1).to(memory_format=torch.channels_last)
        self.register_buffer("gain", randn(3, 1, 1), persistent=False)
        self.register_buffer("steps", torch.tensor([2, 0, 1]))
        self.register_buffer("mask", torch.tensor([True, False, True]))
        self.shift = randn(3, 1, 1)
        self.unused = nn.Parameter(randn(7))

    def forward(self, x):
        y = self.second(F.relu(self.first(x.permute(0, 2, 3, 1))) + self.wide).permute(0, 3, 1, 2)
        y = self.conv(y)[:, self.steps] * self.gain + self.shift + torch.tensor(0.25)
        return torch.where(self.mask[:, None, None], y, -y)


class Named(nn.Module):
    """Names that clash and that Python has no names for."""

    def __init__(self):
        super().__init__()
        self.add_module("1", nn.Linear(3, 3))
        self.add_module("w\u00e9/x", nn.Linear(3, 3))
        self.add_module("w_x", nn.Linear(3, 3))
        self.p_w_x_weight = nn.Parameter(randn(3))
        self.b_x = nn.Parameter(randn(3))
        self.register_buffer("x", randn(3))

    def forward(self, p_w_x_weight, b_x, x):
        y = getattr(self, "1")(p_w_x_weight) + getattr(self, "w\u00e9/x")(b_x) + self.w_x(x)
        return y * self.p_w_x_weight + self.b_x - self.x


class Normed(nn.Module):
    """A weight that is folded when it is loaded."""

    def __init__(self):
        super().__init__()
        self.conv = weight_norm(nn.Conv2d(3, 4, 3))
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x):
        return self.norm(self.conv(x)) * (self.norm.weight.sum() + 1)


class Outputs(nn.Module):
    """All that may be given."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(randn(2, 3))
        self.constant = randn(2)

    def forward(self, x, pair):
        y = x * 2
        return {"x": x, "w": self.weight, "y": (y, y, None, 3, 2.5, "s", True), "c": self.constant, "p": [pair[1]]}


def several(program, file):
    torch.export.pt2_archive._package.package_pt2(file, exported_programs={"one": program, "two": doubled()})


def doubled():
    return torch.export.export(Of(lambda x: x * 2), (randn(2, 3),))


def state():
    """Weights: their names, their layouts, what becomes of them."""
    yield Case("tied", Tied, (randn(2, 4, 3, 5),), state=True)
    yield Case("names", Named, (randn(2, 3), randn(4, 3)[:2], randn(1, 3)), state=True)
    yield Case("normed", Normed, (randn(2, 3, 5, 5),), {"x": {0: AUTO}}, state=True)
    yield Case("outputs", Outputs, (randn(2, 3), (randn(2), randn(4))))
    words = "a number, not a tensor"
    rows = {"xs": ({0: AUTO},)}
    refused = [Refused((randn(2, 3),), words)]
    yield of(
        "size_as_output", lambda x: (x, x.shape[0]), (randn(2, 3),), dynamic=rows, calls=refused, call_example=False
    )
    yield of("several", lambda x: x + 1, (randn(2, 3),), save=several, refused="one, two")


def cases():
    yield from inputs()
    yield from sizes()
    yield from training()
    yield from memory()
    yield from state()
