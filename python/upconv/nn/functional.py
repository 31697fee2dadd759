"""Functions of values for forward(), named and called as in torch and torch.nn.functional: F.relu(x), F.cat([a, b], 1).

Most are made from the library's tables; those here are called otherwise in torch.nn.functional than in ATen.
"""

from __future__ import annotations

from .._core import Value
from .._core.functional import *  # noqa: F403
from .._core.functional import clamp_min, div, leaky_relu, linalg_vector_norm


def dropout(input: Value, p: float = 0.5, training: bool = False, inplace: bool = False) -> Value:
    """x: networks here are as after eval()."""
    return input


alpha_dropout = dropout1d = dropout2d = dropout3d = feature_alpha_dropout = dropout


def normalize(input: Value, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Value:
    """x divided by its p-norm along dim, or by eps where that is smaller."""
    return div(input, clamp_min(linalg_vector_norm(input, p, dim, True), eps))


def rrelu(
    input: Value, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, inplace: bool = False
) -> Value:
    """x where it is positive, the mean of lower and upper times x elsewhere."""
    return leaky_relu(input, (lower + upper) / 2, inplace)
