"""A network of one function, and what a result is compared by."""

from typing import Any

import numpy as np
from upconv import nn

# A result is off by no more than so many roundings of float32 of its largest element: these add up a hundred products.
ROUNDINGS = 64 * float(np.finfo(np.float32).eps)


class Calls(nn.Module):
    """What a function gives of the values that stand for the arrays of a call."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


def call(function: Any, *args: Any, **kwargs: Any) -> Any:
    """What it computes of arrays."""
    return Calls(function)(*args, **kwargs)


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed + len(shape)).standard_normal(shape, np.float32)


def parts(result: Any) -> list[Any]:
    """A result's arrays, whatever holds them."""
    if isinstance(result, dict):
        result = list(result.values())
    return [part for one in result for part in parts(one)] if isinstance(result, (list, tuple)) else [result]


def check_close(got: Any, expected: Any, values: bool = True) -> None:
    """Whether arrays are equal in number, shape and type, and but for rounding in value. PyTorch's bool is float32."""
    assert len(parts(got)) == len(parts(expected))
    assert isinstance(got, (list, tuple)) == isinstance(expected, (list, tuple))
    for one, other in zip(parts(got), parts(expected)):
        one, other = np.asarray(one), np.asarray(other)
        assert one.shape == other.shape
        if other.dtype == np.bool_:
            other = other.astype(np.float32)
        assert one.dtype == other.dtype
        if values:
            scale = max(1.0, float(np.abs(other).max(initial=0, where=np.isfinite(other))))
            np.testing.assert_allclose(one, other, rtol=0, atol=ROUNDINGS * scale)
