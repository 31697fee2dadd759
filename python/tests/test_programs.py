"""Compiled networks: where results go, what a program says of itself."""

import numpy as np
import pytest
import upconv


@pytest.fixture(scope="module")
def net():
    net = upconv.parse_module(
        "Sequential(Conv2d(3, 16, 3, padding=1), ReLU(), ConvTranspose2d(16, 3, 4, 2, 1), Tanh())"
    )
    rng = np.random.default_rng(0)
    shapes = {"0.weight": (16, 3, 3, 3), "0.bias": (16,), "2.weight": (16, 3, 4, 4), "2.bias": (3,)}
    net.load_state_dict({name: rng.standard_normal(shape, np.float32) * 0.2 for name, shape in shapes.items()})
    return net


X = np.random.default_rng(1).standard_normal((2, 3, 9, 7), np.float32)


def aligned(shape, dtype=np.float32):
    """An array that begins at a multiple of 64 bytes, as those of PyTorch do and those of NumPy may not."""
    bytes = np.zeros(int(np.prod(shape)) * np.dtype(dtype).itemsize + 64, np.uint8)
    skipped = -bytes.ctypes.data % 64
    return bytes[skipped : len(bytes) - 64 + skipped].view(dtype).reshape(shape)


def unaligned(shape):
    bytes = np.zeros(int(np.prod(shape)) * 4 + 128, np.uint8)
    skipped = -bytes.ctypes.data % 64 + 4
    return bytes[skipped : skipped + int(np.prod(shape)) * 4].view(np.float32).reshape(shape)


@pytest.mark.parametrize("make", [aligned, unaligned])
def test_out_is_written_in_place(net, make):
    program = upconv.compile(net, X)
    out = make((2, 3, 18, 14))
    assert program.run(X, out=out) is out
    np.testing.assert_array_equal(out, program(X))


def test_results_are_not_reused(net):
    program = upconv.compile(net, X)
    first = program.run(X)
    copy = first.copy()
    program.run(-X)
    np.testing.assert_array_equal(first, copy)


def test_out_must_fit(net):
    program = upconv.compile(net, X)
    with pytest.raises(ValueError, match=r"out 0: expected shape \(2, 3, 18, 14\), got \(2, 3, 18, 15\)"):
        program.run(X, out=np.zeros((2, 3, 18, 15), np.float32))
    with pytest.raises(TypeError, match="out 0: expected float32, got float64"):
        program.run(X, out=np.zeros((2, 3, 18, 14)))
    with pytest.raises(ValueError, match="out 0: expected an array in row-major order"):
        program.run(X, out=np.zeros((3, 2, 18, 14), np.float32).transpose(1, 0, 2, 3))
    with pytest.raises(ValueError, match="out: expected 1 arrays, got 2"):
        program.run(X, out=[aligned((2, 3, 18, 14))] * 2)
    constant = aligned((2, 3, 18, 14))
    constant.flags.writeable = False
    with pytest.raises(TypeError, match="out 0: expected an array that can be written to, got ndarray"):
        program.run(X, out=constant)
    with pytest.raises(upconv.Error, match=r"is float32 \(2, 3, 9, 7\), got float32 \(1, 3"):
        program.run(X[:1])


def test_several_inputs_and_outputs():
    class Both(upconv.nn.Module):
        def forward(self, a, b):
            return a + b, a * b

    a, b = X, X[::-1]
    program = upconv.compile(Both(), a, b)
    out = [aligned(a.shape), np.zeros(a.shape, np.float32)]
    assert program.run((a, b), out=out) is out
    np.testing.assert_array_equal(out[0], a + b)
    np.testing.assert_array_equal(out[1], a * b)
    for one, expected in zip(program.run([a, b]), out, strict=True):
        np.testing.assert_array_equal(one, expected)


def test_what_a_program_says(net):
    program = upconv.compile(net, X, threads=1, accuracy="exact")
    assert program.threads == 1
    assert program.isa in str(program)
    last = program.steps()[-1]
    assert (last.path, last.operation, last.shape) == ("2", "ConvTranspose2d", (2, 3, 18, 14))
    assert last.flops == 2 * 2 * 9 * 7 * 16 * 3 * 16
    assert last.bytes > 0 and program.packed_bytes >= 16 * 3 * 16 * 4 and program.arena_bytes >= 0
    assert "ConvTranspose2d (2, 3, 18, 14)" in repr(last)


def test_profiles(net):
    program = upconv.compile(net, X)
    profile = program.profile(X)
    assert len(profile.steps) == len(program.steps())
    assert 0 < sum(profile.steps) <= profile.seconds * 1.01
    assert all(begin <= end for _, _, _, begin, end in profile.tiles)
    assert {step for step, *_ in profile.tiles} == set(range(len(program.steps())))


def test_options_are_words(net):
    for name, value, words in [
        ("tune", "fast", "tune: expected one of latency, throughput, measured, got fast"),
        ("accuracy", "loose", "accuracy: expected one of exact, standard, fast, got loose"),
        ("precision", "half", "precision: expected one of float32, bfloat16, got half"),
        ("isa", "neon9", "isa: this machine has .*, got neon9"),
    ]:
        with pytest.raises(ValueError, match=words):
            upconv.compile(net, X, **{name: value})
    with pytest.raises(upconv.Error, match="direct"):
        upconv.compile(net, X, algorithm="magic")
    expected = upconv.compile(net, X, isa="scalar")(X)
    np.testing.assert_allclose(upconv.compile(net, X)(X), expected, rtol=0, atol=1e-5)


def test_precision(net):
    def compiled(**options):
        return upconv.compile(net, X, isa="scalar", **options)  # which multiplies bfloat16 on every machine

    exact = compiled()(X)
    rounded = compiled(precision="bfloat16", round_inputs=True)
    assert {step.precision for step in rounded.steps()} == {"float32", "bfloat16"}
    assert "bfloat16" in str(rounded)
    difference = np.abs(rounded(X) - exact).max()
    assert 0 < difference < 2**-5 * np.abs(exact).max()
    usual = compiled(precision="bfloat16")  # what enters is not rounded, nor is a layer of three outputs
    assert {step.precision for step in usual.steps()} == {"float32"}
    told = compiled(precision="bfloat16", round_inputs=True, float32=["0"])
    np.testing.assert_array_equal(told(X), exact)
    with pytest.raises(upconv.Error, match='"nine" names no layer'):
        compiled(precision="bfloat16", float32=["nine"])
    net.set_options(precision="bfloat16", round_inputs=True, isa="scalar")
    np.testing.assert_array_equal(net(X), rounded(X))


def test_measured_choices_are_kept(net, tmp_path):
    measured = upconv.compile(net, X, tune="measured", tuning_seconds=0.1, threads=1)
    measured.save_choices(tmp_path / "choices.txt")
    told = upconv.compile(net, X, choices=tmp_path / "choices.txt", threads=1)
    assert [step.algorithm for step in told.steps()] == [step.algorithm for step in measured.steps()]
    np.testing.assert_array_equal(told(X), measured(X))
    lines = (tmp_path / "choices.txt").read_text().splitlines()
    assert lines[0].startswith("# layer | accuracy") and "| standard | 1 |" in lines[1]
    (tmp_path / "broken.txt").write_text(lines[1].replace("| standard |", "| rough |"))
    with pytest.raises(upconv.Error, match=r"broken\.txt:1: expected exact, standard or fast"):
        upconv.compile(net, X, choices=str(tmp_path / "broken.txt"))
    with pytest.raises(upconv.Error, match=r"nothing\.txt"):
        net.set_options(choices=tmp_path / "nothing.txt")
