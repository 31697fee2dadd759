"""Arrays of NumPy on their way in and out."""

import threading

import numpy as np
import pytest
import upconv
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

IDENTITY = upconv.parse_module("LeakyReLU(1.0)")
SHAPES = arrays.array_shapes(max_dims=4, min_side=0, max_side=5)


@given(
    arrays.arrays(st.sampled_from([np.float16, np.float32, np.float64]), SHAPES, elements={"allow_subnormal": False})
)
def test_floats_become_float32(x):
    y = IDENTITY(x)
    assert y.dtype == np.float32 and y.shape == x.shape
    with np.errstate(over="ignore", under="ignore"):
        expected = x.astype(np.float32)
    kept = ~(np.abs(expected) < np.finfo(np.float32).tiny)  # denormal numbers may count as zero
    np.testing.assert_array_equal(y[kept], expected[kept])


@given(arrays.arrays(np.float32, SHAPES, elements={"allow_subnormal": False}), st.data())
def test_any_strides(x, data):
    x = x.transpose(data.draw(st.permutations(range(x.ndim))))
    x = x[tuple(slice(None, None, data.draw(st.sampled_from([1, 2, -1]))) for _ in range(x.ndim))]
    np.testing.assert_array_equal(IDENTITY(x), x)


@given(
    arrays.arrays(st.sampled_from([np.int8, np.int16, np.int32, np.int64, np.uint8]), (3,), elements=st.integers(0, 4))
)
def test_integers_are_indices(x):
    embedding = upconv.parse_module("Embedding(5, 2)")
    weight = np.arange(10, dtype=np.float32).reshape(5, 2)
    embedding.load_state_dict({"weight": weight})
    np.testing.assert_array_equal(embedding(x), weight[x])


def test_results_own_their_memory():
    results = [IDENTITY(np.full((4,), i, np.float32)) for i in range(3)]
    results[0][0] = 9
    assert [float(one[1]) for one in results] == [0, 1, 2]


def test_others_are_refused_by_name():
    for array, words in [
        (np.zeros(2, np.complex64), "got complex64"),
        (np.zeros(2, np.uint32), "got uint32"),
        ("text", "got str"),
        (None, "got NoneType"),
    ]:
        with pytest.raises(TypeError, match=words):
            IDENTITY(array)


def test_threads_share_a_network():
    net = upconv.parse_module("Conv2d(3, 8, 3, padding=1)")
    rng = np.random.default_rng(0)
    net.load_state_dict(
        {name: rng.standard_normal(x.shape, np.float32) for name, x in net.state_dict().items()}
        or {"weight": rng.standard_normal((8, 3, 3, 3), np.float32), "bias": rng.standard_normal(8, np.float32)}
    )
    xs = [rng.standard_normal((1, 3, 9 + i, 9), np.float32) for i in range(4)]
    expected = [net(x) for x in xs]
    wrong = []

    def work(i: int) -> None:
        wrong.extend(i for _ in range(50) if not np.array_equal(net(xs[i]), expected[i]))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
