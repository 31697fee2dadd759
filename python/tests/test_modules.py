"""Modules that Python writes: what they hold, how they are called, printed, saved, shared and dropped."""

import copy
import gc
import pickle
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest
import upconv
import upconv.nn.functional as F
from calls import call, random
from upconv import nn

X = random(2, 3, 8, 8)


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.act = nn.LeakyReLU(0.2)

    def forward(self, x):
        return x + self.act(self.conv(x))


class Net(nn.Module):
    def __init__(self, channels=3):
        super().__init__()
        self.head = nn.Conv2d(3, channels, 1)
        self.blocks = nn.ModuleList(Block(channels) for _ in range(2))
        self.ends = nn.ModuleDict({"tanh": nn.Tanh(), "sigmoid": nn.Sigmoid()})
        self.gamma = nn.Parameter(np.full(channels, 2, np.float32))
        self.register_buffer("shift", np.full((channels, 1, 1), 0.5, np.float32))
        self.channels = channels

    def forward(self, x, end="tanh", scale=1.0, added=None):
        x = self.head(x)
        for block in self.blocks:
            x = block(x)
        x = self.ends[end](x * self.gamma[:, None, None] + self.shift) * scale
        return x if added is None else x + added


PRINTED = """Net(
  (head): Conv2d(3, 3, kernel_size=(1, 1), stride=(1, 1))
  (blocks): ModuleList(
    (0-1): 2 x Block(
      (conv): Conv2d(3, 3, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
      (act): LeakyReLU(negative_slope=0.2)
    )
  )
  (ends): ModuleDict(
    (tanh): Tanh()
    (sigmoid): Sigmoid()
  )
)"""
KEYS = ["gamma", "shift", "head.weight", "head.bias", "blocks.0.conv.weight", "blocks.0.conv.bias",
        "blocks.1.conv.weight", "blocks.1.conv.bias"]  # fmt: skip


def test_prints_as_pytorch():
    assert str(Net()) == PRINTED == repr(Net())


def test_holds_what_was_assigned():
    net = Net()
    assert list(net.state_dict()) == KEYS
    assert [name for name, _ in net.named_parameters()] == [key for key in KEYS if key != "shift"]
    assert [name for name, _ in net.named_buffers()] == ["shift"] and len(net.buffers()) == 1
    assert [name for name, _ in net.named_children()] == ["head", "blocks", "ends"]
    paths = [name for name, _ in net.named_modules()]
    assert paths[:4] == ["", "head", "blocks", "blocks.0"] and paths[-1] == "ends.sigmoid"
    assert net.blocks[0] is net.blocks[0] and net.blocks[-1] is net.children()[1][1]
    assert isinstance(net.blocks[0], Block) and net.get_parameter("blocks.1.conv.bias").shape == (3,)
    assert net.training is False and net.eval() is net


def test_arguments_of_any_kind():
    net = Net()
    y = net(X)
    np.testing.assert_array_equal(net(x=X), y)
    np.testing.assert_array_equal(net(X, "tanh", 1.0), y)
    np.testing.assert_allclose(net(X, scale=3.0), 3 * y, rtol=1e-6)
    np.testing.assert_allclose(net(X, added=X), y + X, rtol=1e-5, atol=1e-6)
    assert not np.array_equal(net(X, end="sigmoid"), y)
    np.testing.assert_array_equal(net(X), y)
    with pytest.raises(TypeError, match="bogus"):
        net(X, bogus=1)
    with pytest.raises(TypeError, match="x"):
        net()
    with pytest.raises(KeyError, match="no such end"):
        net(X, end="no such end")


def test_results_of_any_structure():
    a, b = np.ones(2, np.float32), np.full(2, 3, np.float32)
    result = call(lambda x, y: {"pair": (x, y), "list": [x + y, 3, None, "text", {}], "int": x.long()}, a, b)
    assert list(result) == ["pair", "list", "int"] and isinstance(result["pair"], tuple)
    np.testing.assert_array_equal(result["pair"][1], b)
    np.testing.assert_array_equal(result["list"][0], a + b)
    assert result["list"][1:] == [3, None, "text", {}] and result["int"].dtype == np.int64
    given = call(lambda pair, more: pair[0] - more["b"], (b, 1), more={"b": a})
    np.testing.assert_array_equal(given, b - a)
    with pytest.raises(upconv.Error, match="gives no value"):
        call(lambda x: None, a)
    with pytest.raises(TypeError, match="what forward"):
        call(lambda x: object(), a)


def test_input_and_constants_as_results():
    y = call(lambda x: x, X)
    np.testing.assert_array_equal(y, X)
    assert not np.shares_memory(y, X)
    both = call(lambda x: (x, x), X)
    np.testing.assert_array_equal(both[0], both[1])
    np.testing.assert_array_equal(call(lambda x: np.arange(3), X), np.arange(3))
    np.testing.assert_array_equal(call(lambda: F.ones(2)), np.ones(2))
    parameter = nn.Parameter(X)
    np.testing.assert_array_equal(call(lambda x: parameter, X), X)


class Mine(Exception):
    pass


def test_exceptions_come_through():
    error = Mine("text")

    def fails(x):
        raise error

    for net in (call, lambda f, x: nn.Sequential(nn.ReLU(), Outer(f))(x), lambda f, x: Outer(Outer(f))(x)):
        with pytest.raises(Mine) as caught:
            net(fails, X)
        assert caught.value is error
        assert any(entry.name == "fails" for entry in caught.traceback)
    np.testing.assert_array_equal(call(lambda x: x, X), X)


class Outer(nn.Module):
    """Calls what it is given, which may be a child."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)


def test_init_must_be_called():
    class Assigns(nn.Module):
        def __init__(self):
            self.act = nn.ReLU()

    class Forgets(nn.Module):
        def __init__(self):
            self.number = 3

        def forward(self, x):
            return x

    for make in (Assigns, lambda: Forgets()(X)):
        with pytest.raises(TypeError, match=r"super\(\).__init__\(\)"):
            make()


class Shifted(nn.LeakyReLU):
    def forward(self, x):
        return super().forward(x) + 1


class Scaled(nn.Conv2d):
    def __init__(self, channels):
        super().__init__(channels, channels, 3, padding=1)
        self.act = nn.ReLU()
        self.scale = nn.Parameter(np.float32([2]))

    def forward(self, x):
        return self.act(super().forward(x)) * self.scale


def test_layers_can_be_derived_from():
    np.testing.assert_allclose(Shifted(0.5)(X), np.where(X > 0, X, X / 2) + 1, rtol=1e-6)
    assert str(Shifted(0.5)) == "Shifted(negative_slope=0.5)"
    net, plain = Scaled(3), nn.Conv2d(3, 3, 3, padding=1)
    assert list(net.state_dict()) == ["weight", "bias", "scale"]
    plain.load_state_dict({key: value for key, value in net.state_dict().items() if key != "scale"})
    np.testing.assert_allclose(net(X), 2 * np.maximum(plain(X), 0), rtol=1e-5, atol=1e-6)
    assert str(net).splitlines()[1:3] == [
        "  3, 3, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1)",
        "  (act): ReLU()",
    ]
    assert str(nn.Sequential(Shifted())) == "Sequential(\n  (0): Shifted(negative_slope=0.01)\n)"


def test_layers_keep_their_arguments():
    conv = nn.Conv2d(3, 4, 3, padding="same", bias=False)
    assert (conv.in_channels, conv.out_channels, conv.kernel_size, conv.padding) == (3, 4, (3, 3), "same")
    assert conv.bias is None and conv.weight.shape == (4, 3, 3, 3)
    conv.stride = (1, 1)
    for change in (
        lambda: setattr(conv, "stride", (2, 2)),
        lambda: setattr(conv, "weight", nn.Parameter(np.zeros((4, 3, 3, 3), np.float32))),
        lambda: setattr(conv, "weight", None),
        lambda: setattr(conv, "bias", nn.Parameter(np.zeros(4, np.float32))),
        lambda: delattr(conv, "weight"),
        lambda: setattr(Scaled(3), "weight", nn.Parameter(np.zeros((3, 3, 3, 3), np.float32))),
    ):
        with pytest.raises(TypeError, match="is the layer's own"):
            change()
    conv.weight.copy_(np.zeros((4, 3, 3, 3), np.float32))
    np.testing.assert_array_equal(conv(X), np.zeros((2, 4, 8, 8)))
    scaled = Scaled(3)
    scaled.scale = nn.Parameter(np.float32([0]))
    np.testing.assert_array_equal(scaled(X), np.zeros((2, 3, 8, 8)))


def test_extra_repr():
    class Named(nn.Module):
        def extra_repr(self):
            return "a, b=3"

    assert str(Named()) == "Named(a, b=3)"


def test_shared_children():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(8, 8)
            self.second = self.first

        def forward(self, x):
            return self.second(self.first(x))

    net = Twice()
    assert net.first is net.second
    assert list(net.state_dict()) == ["first.weight", "first.bias", "second.weight", "second.bias"]
    assert [name for name, _ in net.named_parameters()] == ["first.weight", "first.bias"]
    assert len(net.modules()) == 2 and len(net.children()) == 2
    weight, bias = 2 * np.eye(8, dtype=np.float32), np.zeros(8, np.float32)
    net.load_state_dict({f"{child}.{key}": value for child in ("first", "second")
                         for key, value in (("weight", weight), ("bias", bias))})  # fmt: skip
    np.testing.assert_array_equal(net(X), 4 * X)
    # The same module in two networks.
    other = nn.Sequential(net.first, nn.ReLU())
    np.testing.assert_array_equal(other(X), np.maximum(2 * X, 0))
    net.first.get_parameter("bias").copy_(np.ones(8, np.float32))
    np.testing.assert_array_equal(other(X), np.maximum(2 * X + 1, 0))
    np.testing.assert_array_equal(net(X), 2 * (2 * X + 1) + 1)


def test_children_are_reassigned_and_deleted():
    net = Net()
    net.load_state_dict({key: np.ones_like(value) for key, value in net.state_dict().items()})
    net(X)
    net.head = nn.Identity()
    assert [name for name, _ in net.named_children()] == ["head", "blocks", "ends"]
    assert "head.weight" not in net.state_dict()
    before = net(X)
    net.gamma = nn.Parameter(np.zeros(3, np.float32))
    np.testing.assert_allclose(net(X), np.tanh(np.ones_like(X)), rtol=1e-6)
    assert not np.array_equal(net(X), before)
    net.shift = np.zeros((3, 1, 1), np.float32)
    assert [name for name, _ in net.named_buffers()] == ["shift"]
    np.testing.assert_array_equal(net(X), 0 * X)
    net.head = None
    assert net.head is None and len(net.children()) == 2
    with pytest.raises(TypeError, match="NoneType"):
        net(X)
    del net.blocks
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'blocks'"):
        _ = net.blocks
    del net.shift, net.gamma
    assert net.state_dict() == {}
    with pytest.raises(AttributeError, match="nothing"):
        del net.nothing


def test_members_keep_their_places():
    class Many(nn.Module):
        def __init__(self):
            super().__init__()
            for name in "abc":
                setattr(self, name, nn.Linear(1, 1))
                setattr(self, "p" + name, nn.Parameter(np.zeros(1, np.float32)))
                self.register_buffer("b" + name, np.zeros(1, np.float32))

    net = Many()
    keys = list(net.state_dict())  # parameters before buffers, and both before children
    assert keys[:8] == ["pa", "pb", "pc", "ba", "bb", "bc", "a.weight", "a.bias"]
    net.b, net.pb = nn.Linear(1, 1), nn.Parameter(np.ones(1, np.float32))
    net.bb = np.ones(1, np.float32)
    assert list(net.state_dict()) == keys
    assert (net.pb is net.__dict__["pb"]) and np.asarray(net.bb) == 1 and np.asarray(net.get_parameter("pb")) == 1


def test_only_modules_and_parameters_take_their_places():
    net = Net()
    for name, value, words in [
        ("head", 3, "head must stay a Module or become None, got int"),
        ("gamma", np.zeros(3), "gamma must stay a Parameter or become None, got ndarray"),
        ("shift", "text", "shift: expected an array"),
    ]:
        with pytest.raises(TypeError, match=words):
            setattr(net, name, value)
    assert list(net.state_dict()) == KEYS
    net.channels = "anything"
    assert net.channels == "anything"
    for make in (
        lambda: nn.ModuleList([3]),
        lambda: nn.Sequential(nn.ReLU(), 3),
        lambda: nn.ModuleDict({"a": None}),
        lambda: net.add_module("a", 3),
        lambda: net.register_module("a", np.tanh),
    ):
        with pytest.raises(TypeError, match="expected a Module"):
            make()
    with pytest.raises(TypeError, match="expected a Parameter"):
        net.register_parameter("a", X)
    with pytest.raises(upconv.Error, match="dot"):
        net.add_module("a.b", nn.ReLU())


def test_children_of_what_was_parsed_stay():
    net = upconv.parse_module("Sequential((a): ReLU(), (b): Linear(2, 3))")
    assert str(net.a) == "ReLU()" and net.b.weight.shape == (3, 2)
    for change in (lambda: setattr(net, "a", nn.Tanh()), lambda: delattr(net, "a")):
        with pytest.raises(TypeError, match="read from"):
            change()
    # It may be a child, and be called there.
    whole = nn.Sequential(net, nn.ReLU())
    assert list(whole.state_dict()) == ["0.b.weight", "0.b.bias"]
    np.testing.assert_array_equal(whole(np.ones((1, 2), np.float32)), np.maximum(net(np.ones((1, 2), np.float32)), 0))


def test_containers():
    a, b, c = nn.ReLU(), nn.Tanh(), nn.Sigmoid()
    net = nn.Sequential(a, b).append(c)
    assert len(net) == 3 and list(net) == [a, b, c] and net[-1] is c and net[1] is b
    np.testing.assert_array_equal(net[:2](X), b(a(X)))
    assert str(net[1:]) == "Sequential(\n  (1): Tanh()\n  (2): Sigmoid()\n)"
    named = nn.Sequential({"first": a, "second": b})
    assert named.first is a and [name for name, _ in named.named_children()] == ["first", "second"]
    listed = nn.ModuleList(module for module in (a, b))
    listed.extend([c, c])
    assert len(listed) == 4 and listed[2] is listed[3] and list(listed[1:3]) == [b, c]
    with pytest.raises(IndexError):
        listed[4]
    with pytest.raises(upconv.Error, match="forward"):
        listed(X)
    table = nn.ModuleDict({"a": a})
    table["b"] = b
    table.update({"c": c, "a": c})
    assert len(table) == 3 and "a" in table and table["a"] is c
    assert sorted(table) == sorted(table.keys()) == ["a", "b", "c"]
    assert dict(table.items())["b"] is b and b in table.values()
    del table["a"]
    assert "a" not in table
    for missing in (lambda: table["a"], lambda: table.__delitem__("a")):
        with pytest.raises((KeyError, AttributeError)):
            missing()
    assert table.pop("b") is b and list(table) == ["c"]
    assert list(nn.ModuleDict([("x", a), ("y", b)])) == ["x", "y"] and len(nn.ModuleDict()) == 0
    net[1] = a
    assert list(net) == [a, a, c] and net.insert(1, b) is net and list(net) == [a, b, a, c]
    del net[0]
    assert list(net) == [b, a, c] and net.pop() is c and net.pop(0) is b and [*net.named_children()] == [("0", a)]
    del listed[1:3]
    listed[-1] = b
    assert list(listed) == [a, b] and [name for name, _ in listed.named_children()] == ["0", "1"]
    nested = nn.ModuleList([nn.ModuleDict({"x": nn.ModuleList([nn.Linear(2, 2)])})])
    assert list(nested.state_dict()) == ["0.x.0.weight", "0.x.0.bias"]


def test_weights_go_to_files_and_back(tmp_path):
    net, other = Net(), Net()
    rng = np.random.default_rng(0)
    weights = {key: rng.standard_normal(value.shape, np.float32) for key, value in net.state_dict().items()}
    net.load_state_dict(weights)
    path: Path = tmp_path / "net.safetensors"
    upconv.save_safetensors(path, net.state_dict())
    assert not np.array_equal(other(X), net(X))
    other.load(path)
    np.testing.assert_array_equal(other(X), net(X))
    for key, value in other.state_dict().items():
        np.testing.assert_array_equal(value, weights[key])
    weights["gamma"][:] = 0  # it took copies
    np.testing.assert_array_equal(other(X), net(X))
    del weights["gamma"]
    with pytest.raises(upconv.Error, match="gamma"):
        other.load_state_dict(weights)
    other.load_state_dict(weights, strict=False)
    with pytest.raises(upconv.Error, match=r"head\.bias"):
        other.load_state_dict(weights | {"head.bias": np.zeros(4, np.float32), "gamma": np.ones(3, np.float32)})
    np.testing.assert_array_equal(other(X), net(X))
    with pytest.raises(upconv.Error, match="none.safetensors"):
        other.load(tmp_path / "none.safetensors")


def test_parameters_are_arrays():
    parameter = nn.Parameter(X)
    np.testing.assert_array_equal(np.asarray(parameter), X)
    assert parameter.copy_(2 * X) is parameter
    np.testing.assert_array_equal(parameter, 2 * X)
    assert repr(parameter) == "Parameter(shape=(2, 3, 8, 8), dtype=float32)"
    assert len(parameter) == 2 and parameter.size(-1) == 8 and parameter.dim() == 4
    assert len({parameter: 1, nn.Parameter(X): 2}) == 2
    with pytest.raises(upconv.Error, match="shape"):
        parameter.copy_(X[:1])


def test_threads_call_one_module():
    net = Net()
    inputs = [random(1 + i, 3, 6 + i, 8, seed=i) for i in range(4)]
    ends = ["tanh", "sigmoid", "tanh", "sigmoid"]
    expected = [net(x, end=end) for x, end in zip(inputs, ends)]
    wrong = []

    def work(i):
        try:
            for _ in range(40):
                if not np.array_equal(net(inputs[i], end=ends[i]), expected[i]):
                    wrong.append(i)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def used_net():
    net = Net()
    net(X)
    return net


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_dropped_modules_end():
    net = used_net()
    all = [weakref.ref(one) for one in (net, net.head, net.blocks, net.blocks[0], net.ends["tanh"])]
    del net
    gc.collect()
    assert [one() for one in all] == [None] * len(all)

    class Knows(nn.Module):
        def __init__(self):
            super().__init__()
            self.own = [self]
            self.function = lambda: self

    one = weakref.ref(Knows())
    gc.collect()
    assert one() is None
    # A child that is kept outlives its network.
    head = used_net().head
    gc.collect()
    assert head(X).shape == X.shape


def test_memory_does_not_grow():
    for _ in range(50):
        used_net()
    gc.collect()
    before = resident_bytes()
    for _ in range(1000):
        used_net()
    gc.collect()
    assert resident_bytes() - before < 4 << 20


def test_copies_are_refused():
    for copied in (copy.copy, copy.deepcopy, pickle.dumps):
        for one in (Net(), nn.ReLU(), nn.Parameter(X)):
            with pytest.raises(TypeError, match=f"cannot pickle '{type(one).__name__}' object"):
                copied(one)


def test_children_are_called_outside_of_forward():
    net = Net()
    y = net.head(X)
    np.testing.assert_array_equal(net.blocks[1](y), net.children()[1][1](y))
    np.testing.assert_allclose(
        net(X), net.ends["tanh"](2 * net.blocks[1](net.blocks[0](y)) + np.float32(0.5)), rtol=1e-5, atol=1e-6
    )
    with pytest.raises(TypeError, match="input 0: expected an array"):
        net.head(3.0)
    with pytest.raises(TypeError, match="by position"):
        net.head(x=X)


def test_values_end_with_their_forward():
    kept = []
    call(lambda x: kept.append(x) or x, X)
    (value,) = kept
    for use in (
        lambda: value.shape,
        lambda: value[0],
        lambda: nn.ReLU()(value),
        lambda: call(lambda x: x + value, X),
        lambda: call(lambda x: value, X),
        lambda: call(lambda x: nn.ReLU()(value) + x, X),
        lambda: call(lambda x: F.relu(value), X),
        lambda: call(lambda x: F.cat([x, value]), X),
    ):
        with pytest.raises(upconv.Error, match="forward\\(\\) that is over"):
            use()
    with pytest.raises(upconv.Error, match="outside of a module's forward"):
        value + 1
    assert "over" in repr(value)


def test_nothing_depends_on_numbers():
    for function in (
        lambda x: x if x.sum() > 0 else -x,
        lambda x: x if x.sum() else -x,
        lambda x: max(x[0], x[1]),
        lambda x: not x,
        lambda x: 1 in x,
        lambda x: x.relu() and x,
    ):
        with pytest.raises(TypeError, match="no numbers"):
            call(function, X)
    for function in (float, int, np.asarray, lambda x: range(x)):
        with pytest.raises(TypeError):
            call(lambda x, function=function: x + function(x.sum()), X)


def test_sizes_may_decide():
    net = Outer(lambda x: x.flatten(1) if x.size(0) > 1 else x)
    assert net(X).shape == (2, 192) and net(X[:1]).shape == (1, 3, 8, 8)


def test_calls_see_what_changed():
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = 1.0

        def forward(self, x):
            return x * self.factor

    net = Counts()
    np.testing.assert_array_equal(net(X), X)
    net.factor = 2.0
    np.testing.assert_array_equal(net(X), 2 * X)
    net.set_options(threads=1, accuracy="exact")
    np.testing.assert_array_equal(net(X), 2 * X)
    net.forward = lambda x: x - 1
    np.testing.assert_array_equal(net(X), X - 1)


def test_programs_of_modules():
    net = Net()
    program = upconv.compile(net, X, threads=1)
    np.testing.assert_array_equal(program(X), net(X))
    assert any(step.path.startswith("blocks.1") for step in program.steps())
