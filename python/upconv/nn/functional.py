"""Functions of values for forward(), named and called as in torch and torch.nn.functional: F.relu(x), F.cat([a, b], 1).

Most are made from the library's tables; those here are called otherwise in torch.nn.functional than in ATen.
"""

from collections.abc import Sequence as _Sequence

from .. import _core
from .._core.functional import *  # noqa: F403
from .._core.functional import clamp_min as _clamp_min
from .._core.functional import div as _div
from .._core.functional import leaky_relu as _leaky_relu
from .._core.functional import norm as _norm


def _refuse_training(training: bool) -> None:
    if training:
        raise _core.Error("expected training=False: networks here are as after eval(), so write training=self.training")


def dropout(input: _core.Value, p: float = 0.5, training: bool = True, inplace: bool = False) -> _core.Value:
    """x: networks here are as after eval(). Refuses training=True, which PyTorch has as the default."""
    _refuse_training(training)
    return input


dropout1d = dropout2d = dropout3d = dropout


def alpha_dropout(input: _core.Value, p: float = 0.5, training: bool = False, inplace: bool = False) -> _core.Value:
    """x: networks here are as after eval(). Refuses training=True."""
    _refuse_training(training)
    return input


feature_alpha_dropout = alpha_dropout


def normalize(input: _core.Value, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> _core.Value:
    """x divided by its p-norm along dim, or by eps where that is smaller."""
    return _div(input, _clamp_min(_norm(input, p, dim, True), eps))


def rrelu(
    input: _core.Value, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, inplace: bool = False
) -> _core.Value:
    """x where it is positive, the mean of lower and upper times x elsewhere. Refuses training=True."""
    _refuse_training(training)
    return _leaky_relu(input, (lower + upper) / 2, inplace)


def split(tensor: _core.Value, split_size_or_sections: int | _Sequence[int], dim: int = 0) -> tuple[_core.Value, ...]:
    """Parts of so many elements of dim each, or of as many as each of several sizes says."""
    return tensor.split(split_size_or_sections, dim)
