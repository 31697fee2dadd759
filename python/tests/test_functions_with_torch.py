"""Every function of nn.functional and every method of Value beside the one of PyTorch that has its name."""

import ast
import inspect
import operator
from typing import Any

import numpy as np
import pytest
import upconv
import upconv.nn.functional as F
from calls import call, check_close, random
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from upconv import nn

torch = pytest.importorskip("torch")
TF = torch.nn.functional

X, Y = random(2, 3, 4, 5), random(2, 3, 4, 5, seed=1)
PICTURES, ROWS, MATRIX, VECTOR = random(2, 4, 6, 6), random(2, 4, 12), random(3, 4), random(5)
POSITIVE, UNIT, CHANNELS = np.abs(X) + 0.1, np.tanh(X) * 0.9, np.abs(random(4)) + 0.5
SOME = np.where(X > 1, np.inf, np.where(X < -1, np.nan, X)).astype(np.float32)
PLACES = np.array([[0, 2, 1], [1, 1, 0]])


class Mask:
    """Truths, which are given as float32 and compared where they are used."""

    def __init__(self, array):
        self.array = np.asarray(array, np.float32)


def given_by(*args: Any, **kwargs: Any) -> Any:
    return args, kwargs


def same(*names: str, calls: Any) -> dict[str, Any]:
    return {name: calls for name in names}


g = given_by
ONE = [g(X), g(input=X)]
PAIRS = [g(X, Y), g(X, other=Y[0]), g(X[:, :, :1], Y)]
WITH_NUMBERS = [*PAIRS, g(X, 2), g(input=X, other=0.5)]
COMPARED = [g(X, Y), g(X, other=X), g(X, 0), g(X, other=0.25)]
TRUTHS = [g(Mask(X > 0), Mask(Y > 0)), g(Mask(X > 0), other=Mask(Y[0] > 0))]
REDUCED = [g(X), g(X, 1), g(X, -1, True), g(X, (1, 2), keepdim=True), g(input=X, dim=[0, -1]), g(X, axis=2)]
SPREAD = [
    g(X), g(X, 1), g(X, (1, 2), False), g(X, 0, True, True),
    g(X, dim=-1, correction=0), g(X, dim=(2, 3), unbiased=False, keepdim=True), g(X, correction=2),
]  # fmt: skip
EXTREME = [g(X), g(X, 1), g(X, -1, True), g(X, dim=0, keepdim=True), g(X, Y), g(X, other=Y[0])]
MOVED = [g(X, 1, 3), g(X, -1, 0), g(X, source=0, destination=2), g(X, (0, 1), (2, 3))]
SIZES = [g(2, 3), g((2, 3)), g([2, 3], dtype=torch.float32), g(size=(4,)), g(2, dtype=torch.int64), g(())]
LIKE = [g(X), g(PLACES), g(X, dtype=torch.int64), g(input=PLACES, dtype=torch.float32)]
NEW = [g(X, (2, 3)), g(X, 2, 3), g(PLACES, size=(4,)), g(X, (2,), dtype=torch.int64)]
SHAPES = [g(X, (6, 20)), g(X, (-1,)), g(X, [2, 3, 20])]
CUBES = [random(2, 3, 4), random(2, 4, 5), random(2, 3, 5)]
HEADS = [random(2, 3, 7, 4), random(2, 3, 6, 4, seed=1), random(2, 3, 6, 4, seed=2)]
POOLED = [
    g(PICTURES, 2), g(PICTURES, 3, 2), g(PICTURES, (2, 3), (1, 2), (1, 1)), g(PICTURES, 2, stride=None, padding=1),
    g(input=PICTURES, kernel_size=4, stride=3, ceil_mode=True),
]  # fmt: skip
POOLED_ROWS = [g(ROWS, 3), g(ROWS, 3, 2, 1), g(input=ROWS, kernel_size=5, stride=3, ceil_mode=True)]
CONV = [random(8, 4, 3, 3), random(8)]
CONV_ROWS = [random(8, 4, 3), random(8)]

# What each is given: by position and by keyword, as PyTorch spells it.
FUNCTIONS: dict[str, list[Any]] = {
    **same("abs", "atan", "ceil", "cos", "cosh", "erf", "erfc", "exp", "exp2", "expm1", "floor", "frac", "isfinite",
           "isinf", "isnan", "neg", "positive", "reciprocal", "round", "sgn", "sigmoid", "sign", "sin", "sinc", "sinh",
           "square", "tan", "tanh", "trunc", "asinh", "ravel", "clone", "detach", calls=[*ONE, g(X[0, 0])]),
    **same("log", "log10", "log1p", "log2", "rsqrt", "sqrt", calls=[g(POSITIVE), g(input=POSITIVE)]),
    **same("acos", "asin", "atanh", calls=[g(UNIT), g(input=UNIT)]),
    **same("isnan", "isinf", "isfinite", calls=[g(SOME), g(input=SOME)]),
    "acosh": [g(POSITIVE + 1)],
    "nan_to_num": [g(SOME), g(SOME, 1.0, 2.0, -3.0), g(input=SOME, nan=-1.0, posinf=5.0)],
    "logit": [g(POSITIVE / 10), g(UNIT, 0.1), g(input=UNIT, eps=0.25)],
    **same("relu", "relu6", "silu", "mish", "hardswish", "hardsigmoid", "selu",
           calls=[*ONE, g(X, False), g(X, inplace=False)]),
    **same("softsign", "tanhshrink", "logsigmoid", calls=ONE),
    "leaky_relu": [g(X), g(X, 0.2), g(X, 0.2, False), g(input=X, negative_slope=-0.5)],
    "elu": [g(X), g(X, 0.5), g(input=X, alpha=2.0)],
    "celu": [g(X), g(X, 0.5), g(input=X, alpha=2.0)],
    "gelu": [g(X), g(X, approximate="tanh"), g(input=X, approximate="none")],
    "softplus": [g(X), g(X, 2), g(X, 2, 0.5), g(input=X, beta=0.5, threshold=1)],
    "hardtanh": [g(X), g(X, -0.5, 0.25), g(input=X, min_val=0.0, max_val=0.5)],
    "hardshrink": [g(X), g(X, 0.25), g(input=X, lambd=1.0)],
    "softshrink": [g(X), g(X, 0.25), g(input=X, lambd=1.0)],
    "threshold": [g(X, 0.1, 20), g(input=X, threshold=-0.5, value=0.0)],
    "glu": [g(PICTURES), g(PICTURES, 1), g(input=PICTURES, dim=-2)],
    "prelu": [g(PICTURES, CHANNELS), g(input=PICTURES, weight=CHANNELS[:1])],
    "rrelu": [g(X), g(X, 0.1, 0.2), g(input=X, lower=0.2, upper=0.4, training=False)],
    **same("softmax", "log_softmax", "softmin", calls=[g(X, 1), g(input=X, dim=-1)]),
    **same("dropout", "dropout1d", "dropout2d", "dropout3d",
           calls=[g(X[0], 0.5, False), g(input=X[0], p=0.2, training=False, inplace=False)]),
    **same("alpha_dropout", "feature_alpha_dropout", calls=[g(X[0]), g(X[0], 0.5, False), g(input=X[0], p=0.2)]),
    **same("add", "sub", "subtract",
           calls=[*WITH_NUMBERS, g(X, Y, alpha=2), g(input=X, other=3, alpha=0.5), g(PLACES, 1),
                  g(PLACES, X[0, 0, 0, :3])]),
    "rsub": [g(X, Y), g(X, 2), g(input=X, other=1.5, alpha=2)],
    **same("mul", "multiply", calls=[*WITH_NUMBERS, g(PLACES, 2), g(PLACES, PLACES)]),
    **same("div", "divide", "true_divide",
           calls=[g(X, POSITIVE), g(X, 2), g(input=X, other=POSITIVE[0]), g(PLACES, 2)]),
    "floor_divide": [g(X, POSITIVE), g(X, 2), g(input=X, other=0.25), g(PLACES, 2)],
    "remainder": [g(X, POSITIVE), g(X, 0.75), g(input=X, other=-2), g(PLACES, 2)],
    "fmod": [g(X, POSITIVE), g(X, 0.75), g(input=X, other=-2)],
    "pow": [g(X, 2), g(POSITIVE, 0.5), g(POSITIVE, Y), g(2.0, X), g(input=X, exponent=3), g(2, exponent=Y)],
    **same("maximum", "minimum", "atan2", calls=PAIRS),
    **same("eq", "ne", "lt", "le", "gt", "ge", calls=[*COMPARED, g(PLACES, 1), g(PLACES, PLACES)]),
    **same("logical_and", "logical_or", "logical_xor", calls=[*TRUTHS, g(X, Y), g(input=PLACES, other=PLACES)]),
    "logical_not": [g(Mask(X > 0)), g(X), g(input=PLACES)],
    **same("bitwise_and", "bitwise_or", "bitwise_xor", calls=TRUTHS),
    "bitwise_not": [g(Mask(X > 0)), g(input=Mask(Y > 0))],
    **same("clamp", "clip", calls=[g(X, -0.5, 0.5), g(X, 0), g(X, max=0.25), g(input=X, min=-1, max=1)]),
    "clamp_min": [g(X, 0.25), g(input=X, min=0)],
    "clamp_max": [g(X, 0.25), g(input=X, max=0)],
    "addcmul": [g(X, Y, Y), g(X, Y, Y, value=0.5), g(input=X, tensor1=Y, tensor2=Y[0])],
    "addcdiv": [g(X, Y, POSITIVE), g(input=X, tensor1=Y, tensor2=POSITIVE, value=2)],
    "lerp": [g(X, Y, 0.25), g(X, Y, UNIT), g(input=X, end=Y, weight=0.75)],
    "where": [g(Mask(X > 0), X, Y), g(Mask(X > 0), X, 0.5), g(Mask(X > 0), 0.5, X), g(Mask(X > 0), 1.0, 2.0),
              g(condition=Mask(X > 0), input=X, other=Y[0])],
    "masked_fill": [g(X, Mask(X > 0), 2.0), g(input=X, mask=Mask(Y[0] > 0), value=-np.inf)],
    **same("mean", "sum", calls=[*REDUCED, g(X, None), g(X, keepdims=True, axis=1), g(X, dtype=torch.float32)]),
    **same("amax", "amin", calls=[*REDUCED, g(X, ()), g(X, None)]),
    **same("max", "min", calls=[*EXTREME, g(np.array(3, np.float32), 0)]),
    **same("argmax", "argmin", calls=[g(X), g(X, 1), g(X, -1, True), g(input=X, dim=0, keepdim=True)]),
    **same("var", "std", calls=[*SPREAD, g(X, False), g(X, unbiased=False)]),
    **same("var_mean", "std_mean", calls=SPREAD),
    "logsumexp": [g(X, 1), g(X, (1, 2), True), g(input=X, dim=-1, keepdim=True)],
    **same("any", "all", calls=[g(Mask(X > -1)), g(X), g(X, 1), g(Mask(X > -1), -1, True), g(input=X, dim=0)]),
    "norm": [g(X), g(X, 1), g(X, 2, 1), g(X, 3, (1, 2), True), g(input=X, p=float("inf"), dim=-1), g(X, dim=0)],
    "normalize": [g(X), g(X, 1, 2), g(X, 2.0, -1, 1e-3), g(input=X, p=3, dim=0, eps=0.5)],
    "cosine_similarity": [g(X, Y), g(X, Y, -1), g(x1=X, x2=Y, dim=2, eps=1e-3)],
    **same("cumsum", "cumprod", calls=[g(X, 1), g(input=X, dim=-1), g(X, 0, dtype=torch.float32)]),
    **same("mm", calls=[g(MATRIX, random(4, 5)), g(input=MATRIX, mat2=random(4, 2))]),
    "bmm": [g(CUBES[0], CUBES[1]), g(input=CUBES[0], mat2=CUBES[1])],
    "matmul": [g(MATRIX, random(4, 5)), g(X, Y.swapaxes(2, 3).copy()), g(input=random(4), other=random(4)),
               g(MATRIX, random(4)), g(random(4), X)],
    "mv": [g(MATRIX, random(4)), g(input=MATRIX, vec=random(4))],
    "dot": [g(VECTOR, VECTOR), g(input=VECTOR, tensor=VECTOR)],
    "vdot": [g(VECTOR, VECTOR), g(input=VECTOR, other=VECTOR)],
    "outer": [g(VECTOR, VECTOR), g(input=VECTOR, vec2=random(3))],
    "addmm": [g(random(3, 5), MATRIX, random(4, 5)), g(random(5), MATRIX, random(4, 5), beta=2, alpha=0.5),
              g(input=random(3, 5), mat1=MATRIX, mat2=random(4, 5), beta=0)],
    "baddbmm": [g(CUBES[2], CUBES[0], CUBES[1]),
                g(input=CUBES[2], batch1=CUBES[0], batch2=CUBES[1], beta=0.5, alpha=2)],
    "einsum": [g("ij,jk->ik", MATRIX, random(4, 5)), g("bchw,bc->bhw", [X, X[:, :, 0, 0]]), g("ii->i", random(3, 3))],
    "linear": [g(X, random(7, 5)), g(X, random(7, 5), random(7)), g(input=X, weight=random(7, 5), bias=None)],
    "conv2d": [g(PICTURES, *CONV), g(PICTURES, CONV[0]), g(PICTURES, *CONV, 2, 1), g(PICTURES, *CONV, (1, 2), (0, 1)),
               g(PICTURES, *CONV, 1, "same"), g(PICTURES, random(8, 2, 3, 3), None, 1, 2, 2, 2),
               g(input=PICTURES, weight=CONV[0], bias=CONV[1], stride=2, padding=1, dilation=2, groups=1)],
    "conv1d": [g(ROWS, *CONV_ROWS), g(ROWS, CONV_ROWS[0]), g(ROWS, *CONV_ROWS, 2, 1),
               g(ROWS, *CONV_ROWS, padding="same"),
               g(input=ROWS, weight=random(8, 2, 3), bias=None, stride=2, padding=1, dilation=2, groups=2)],
    "conv_transpose2d": [g(PICTURES, random(4, 8, 3, 3), random(8)), g(PICTURES, random(4, 2, 4, 4), None, 2, 1, 1, 2),
                         g(input=PICTURES, weight=random(4, 8, 3, 3), bias=random(8), stride=(2, 3), padding=1,
                           output_padding=(1, 0), groups=1, dilation=2)],
    "conv_transpose1d": [g(ROWS, random(4, 8, 3), random(8)), g(ROWS, random(4, 2, 4), None, 2, 1, 1, 2),
                         g(input=ROWS, weight=random(4, 8, 3), bias=random(8), stride=2, padding=1, output_padding=1,
                           groups=1, dilation=2)],
    "embedding": [g(PLACES, random(3, 7)), g(PLACES, random(3, 7), None), g(input=PLACES, weight=random(3, 7)),
                  g(PLACES, random(3, 7), padding_idx=1)],
    "batch_norm": [g(PICTURES, random(4), CHANNELS), g(PICTURES, random(4), CHANNELS, random(4), random(4)),
                   g(input=PICTURES, running_mean=random(4), running_var=CHANNELS, weight=CHANNELS, bias=None,
                     training=False, momentum=0.5, eps=0.1), g(ROWS, None, None, training=True)],
    "instance_norm": [g(PICTURES), g(PICTURES, None, None, CHANNELS, random(4)),
                      g(input=PICTURES, running_mean=random(4), running_var=CHANNELS, use_input_stats=False, eps=0.1)],
    "group_norm": [g(PICTURES, 2), g(PICTURES, 2, CHANNELS, random(4)), g(input=PICTURES, num_groups=4, eps=0.1)],
    "layer_norm": [g(X, (5,)), g(X, [4, 5], random(4, 5), random(4, 5)), g(input=X, normalized_shape=(5,), eps=0.1)],
    "rms_norm": [g(X, (5,)), g(X, [4, 5], random(4, 5)), g(input=X, normalized_shape=(5,), weight=VECTOR, eps=0.1)],
    "max_pool2d": [*POOLED, g(PICTURES, 2, 2, 0, 2)],
    "max_pool1d": [*POOLED_ROWS, g(ROWS, 3, None, 0, 2)],
    "avg_pool2d": [*POOLED, g(PICTURES, 3, 2, 1, False, False), g(PICTURES, 2, divisor_override=3)],
    "avg_pool1d": [*POOLED_ROWS, g(ROWS, 3, 2, 1, False, False)],
    "lp_pool2d": [g(PICTURES, 2, 2), g(PICTURES, 2.0, (2, 3), 1, True), g(input=PICTURES, norm_type=2, kernel_size=2)],
    "adaptive_avg_pool2d": [g(PICTURES, 3), g(PICTURES, (2, None)), g(input=PICTURES, output_size=(4, 5))],
    "adaptive_max_pool2d": [g(PICTURES, 3), g(PICTURES, (2, 5)), g(PICTURES, (2, None)),
                            g(PICTURES, output_size=(4, 5))],
    **same("adaptive_avg_pool1d", "adaptive_max_pool1d", calls=[g(ROWS, 5), g(input=ROWS, output_size=7)]),
    "interpolate": [g(PICTURES, 9), g(PICTURES, (8, 5)), g(PICTURES, None, 2),
                    g(PICTURES, None, (1.5, 2.0), "bilinear"),
                    g(PICTURES, scale_factor=2, mode="bicubic", align_corners=True), g(ROWS, None, 3, "linear", False),
                    g(input=PICTURES, size=None, scale_factor=1.7, mode="bilinear", recompute_scale_factor=True),
                    g(PICTURES, size=7, mode="nearest-exact")],
    "pad": [g(X, (1, 2)), g(X, (1, 2, 3, 0), "reflect"), g(X, (1, 1, 0, 2), "replicate"), g(X, (1, 0), value=2.0),
            g(X, (1, 0, 2, 1), mode="circular"), g(input=X, pad=(0, 1, 2, 0, 1, 1), mode="constant", value=-1.0),
            g(X, (-1, 1))],
    "pixel_shuffle": [g(PICTURES, 2), g(input=PICTURES, upscale_factor=2)],
    "pixel_unshuffle": [g(PICTURES, 2), g(input=PICTURES, downscale_factor=3)],
    "channel_shuffle": [g(PICTURES, 2), g(PICTURES, groups=4)],
    "unfold": [g(PICTURES, 3), g(PICTURES, (2, 3), 1, 1, 2),
               g(input=PICTURES, kernel_size=2, dilation=2, stride=(1, 2))],
    "fold": [g(random(2, 12, 4), 4, 2, stride=2), g(random(2, 12, 9), (4, 4), (2, 2)),
             g(input=random(2, 12, 9), output_size=(4, 4), kernel_size=2, padding=1, stride=2)],
    "scaled_dot_product_attention": [
        g(*HEADS), g(*HEADS, random(7, 6)), g(*HEADS, Mask(random(7, 6) > -1)), g(*HEADS, None, 0.0, True),
        g(query=HEADS[0], key=HEADS[1], value=HEADS[2], attn_mask=None, dropout_p=0.0, is_causal=False, scale=0.3),
        g(random(2, 6, 7, 4), HEADS[1], HEADS[2], enable_gqa=True)],
    "one_hot": [g(PLACES, 4), g(PLACES, num_classes=3)],
    "reshape": [*SHAPES, g(input=X, shape=(5, -1))],
    "flatten": [g(X), g(X, 1), g(X, 1, 2), g(input=X, start_dim=-2, end_dim=-1)],
    "unflatten": [g(X, 2, (2, 2)), g(input=X, dim=-2, sizes=(-1, 2))],
    "permute": [g(X, (0, 2, 3, 1)), g(input=X, dims=[3, -2, 1, 0])],
    "transpose": [g(X, 1, 2), g(input=X, dim0=0, dim1=-1)],
    "swapaxes": [g(X, 1, 2), g(input=X, axis0=0, axis1=-1)],
    **same("moveaxis", "movedim", calls=MOVED),
    "t": [g(MATRIX), g(VECTOR)],
    "adjoint": [g(X), g(input=MATRIX)],
    "select": [g(X, 1, 2), g(input=X, dim=-1, index=-2)],
    "narrow": [g(X, 1, 1, 2), g(input=X, dim=-1, start=-3, length=2)],
    "squeeze": [g(X[:, :1]), g(X[:, :1], 1), g(X[:, :1], 2), g(X[:1, :1], (0, 1)), g(input=X[:, :1], dim=-3)],
    "unsqueeze": [g(X, 0), g(input=X, dim=-1)],
    "broadcast_to": [g(X[:, :1], (2, 3, 4, 5)), g(input=X, size=(1, 2, -1, 4, 5))],
    "tile": [g(X, (2,)), g(input=MATRIX, dims=(2, 1, 3))],
    "repeat_interleave": [g(X, 2), g(X, 3, 1), g(input=X, repeats=2, dim=-1)],
    **same("cat", "concat", "concatenate",
           calls=[g([X, Y]), g((X, Y), 1), g(tensors=[X, Y[:, :1]], dim=1), g([PLACES, X[0, 0, :, :3]], -2)]),
    "stack": [g([X, Y]), g((X, Y), 1), g(tensors=[X, Y], dim=-1)],
    "chunk": [g(X, 2), g(X, 1), g(X, 3, -1), g(input=X, chunks=2, dim=1)],
    "split": [g(X, 1), g(X, 2, -1), g(X, [1, 2], 1), g(X[:1], 1), g(tensor=X, split_size_or_sections=2, dim=2)],
    "split_with_sizes": [g(X, [1, 1]), g(input=X, split_sizes=(1, 2), dim=1)],
    "unbind": [g(X), g(X, 1), g(X[:1]), g(input=X, dim=-1)],
    "index_select": [g(X, 1, PLACES[0]), g(input=X, dim=-1, index=PLACES[1])],
    "gather": [g(MATRIX, 1, PLACES), g(input=MATRIX, dim=0, index=PLACES)],
    "index_put": [g(X, [Mask(X > 0)], np.float32(2)), g(input=X, indices=[Mask(X > 0)], values=np.float32(-1))],
    "slice_scatter": [g(X, X[:, 1:] * 2, 1, 1), g(input=X, src=X[..., ::2] * 2, dim=-1, start=0, end=5, step=2)],
    "select_scatter": [g(X, Y[:, 0], 1, 2), g(input=X, src=Y[0], dim=0, index=-1)],
    "flip": [g(X, (1,)), g(input=X, dims=[-1, 0])],
    "roll": [g(X, 2), g(X, 1, 1), g(X, (1, -2), (2, 3)), g(input=X, shifts=-1, dims=-1)],
    **same("tril", "triu", calls=[g(X), g(X, 1), g(input=X, diagonal=-1)]),
    "diag": [g(MATRIX), g(MATRIX, 1), g(VECTOR), g(input=MATRIX, diagonal=-1)],
    "diagonal": [g(X), g(X, 1), g(X, 0, 2, 3), g(input=X, offset=-1, dim1=-2, dim2=-1)],
    "fill": [g(X, 2), g(X, np.float32(3)), g(input=X, value=0.5)],
    **same("zeros", "ones", calls=SIZES),
    **same("zeros_like", "ones_like", calls=LIKE),
    "empty": SIZES,
    "empty_like": LIKE,
    "full": [g((2, 3), 0.5), g((2,), 1), g([2], True), g(size=(2, 3), fill_value=2, dtype=torch.float32)],
    "full_like": [g(X, 0.5), g(input=PLACES, fill_value=2), g(X, 2, dtype=torch.int64)],
    "arange": [g(5), g(1, 5), g(5, 1, -2), g(0.5, 2.5, 0.5), g(4, dtype=torch.float32), g(start=1, end=6, step=2)],
    "linspace": [g(-1, 1, 5), g(start=0.0, end=2.0, steps=4)],
    "eye": [g(3), g(3, 4), g(n=2), g(2, dtype=torch.int64)],
    "meshgrid": [g(VECTOR, VECTOR[:3], indexing="ij"),
                 g(VECTOR, indexing="ij"), g([VECTOR, VECTOR[:3]], indexing="xy")],
}  # fmt: skip

# Where methods are called otherwise than functions, or there is no function.
METHODS: dict[str, list[Any]] = {
    "view": [*SHAPES, g(X, 6, 20), g(X, -1), g(X, 2, -1, 5)],
    "reshape": [*SHAPES, g(X, 6, 20), g(X, -1), g(X, shape=(5, -1))],
    "view_as": [g(X, X.reshape(6, 20)), g(X, other=X)],
    "permute": [g(X, 0, 2, 3, 1), g(X, (0, 2, 3, 1)), g(X, dims=(3, -2, 1, 0))],
    "expand": [g(X[:, :1], 2, 3, 4, 5), g(X[:, :1], (2, 3, -1, 5)), g(X[:, :1], -1, 3, -1, -1)],
    "expand_as": [g(X[:, :1], Y), g(X[:, :1], other=Y)],
    "broadcast_to": [g(X[:, :1], (2, 3, 4, 5)), g(X, size=(1, 2, -1, 4, 5))],
    "repeat": [g(X, 2, 1, 1, 1), g(X, (1, 2, 1, 2)), g(MATRIX, 2, 3, 1)],
    "tile": [g(X, 2), g(X, 2, 1), g(X, dims=(1, 2))],
    "flip": [g(X, 1), g(X, 0, -1), g(X, (1, 2)), g(X, dims=(0,))],
    "split": [g(X, 1), g(X, 2, -1), g(X, [1, 2], 1), g(X, split_size=2, dim=2)],
    "unfold": [g(X, 3, 2, 1), g(X, -1, 2, 2), g(X, dimension=2, size=3, step=1)],
    **same("relu", "hardshrink", calls=[g(X)]),
    "contiguous": [g(X), g(X, memory_format=torch.contiguous_format)],
    "type_as": [g(X, PLACES), g(PLACES, other=X)],
    "to": [
        g(X, torch.int64),
        g(PLACES, torch.float32),
        g(X, dtype=torch.bool),
        g(X, PLACES),
        g(X, torch.float),
        g(X, "cpu"),
        g(X, torch.device("cpu"), torch.int64),
        g(X, device="cpu", dtype=torch.int64),
    ],
    **same("float", "long", "bool", calls=[g(X), g(PLACES)]),
    "int": [g(X)],
    **same("new_zeros", "new_ones", "new_empty", calls=NEW),
    "new_full": [g(X, (2, 3), 0.5), g(PLACES, size=(2,), fill_value=3)],
    "size": [g(X), g(X, 1), g(X, dim=-1)],
    **same("dim", "numel", calls=[g(X)]),
}

PROPERTIES = {"T": MATRIX, "mT": X, "mH": X, "shape": X, "ndim": X}
WITHOUT_VALUES = {"empty", "empty_like", "new_empty"}  # whose elements may be any
# int32 is computed as int64.
OTHER_TYPE = {"int"}


def public(owner: Any) -> set[str]:
    return {name for name in dir(owner) if not name.startswith("_")}


def torch_function(name: str) -> Any:
    """F.name or torch.name."""
    return getattr(TF, name, None) or getattr(torch, name)


def in_torch(argument: Any) -> Any:
    if isinstance(argument, Mask):
        return torch.from_numpy(argument.array) != 0
    if isinstance(argument, (list, tuple)):
        return type(argument)(in_torch(one) for one in argument)
    return torch.as_tensor(argument) if isinstance(argument, (np.ndarray, np.float32)) else argument


def in_upconv(argument: Any, arrays: list[Any]) -> Any:
    """A function of the values that stand for `arrays`, to which the argument's own are added."""
    if isinstance(argument, (list, tuple)):
        all = [in_upconv(one, arrays) for one in argument]
        return lambda values: type(argument)(one(values) for one in all)
    if isinstance(argument, (Mask, np.ndarray)):
        arrays.append(argument.array if isinstance(argument, Mask) else argument)
        place = len(arrays) - 1
        return lambda values: values[place] != 0 if isinstance(argument, Mask) else values[place]
    return lambda values: argument


def compare(ours: Any, theirs: Any, case: Any, name: str) -> None:
    args, kwargs = case
    expected = theirs(*in_torch(list(args)), **{key: in_torch(value) for key, value in kwargs.items()})
    arrays: list[Any] = []
    positional = in_upconv(tuple(args), arrays)
    named = {key: in_upconv(value, arrays) for key, value in kwargs.items()}

    def forward(*values):
        result = ours(*positional(values), **{key: value(values) for key, value in named.items()})
        return [F.full((), one) if isinstance(one, int) else one for one in result] if name == "size" else result

    if name in ("size", "dim", "numel") and not isinstance(expected, torch.Tensor):
        seen = []
        call(lambda x, *rest: seen.append(ours(*positional((x, *rest)), **{k: v((x,)) for k, v in named.items()})) or x,
             *arrays)  # fmt: skip
        assert seen == [expected] or seen == [tuple(expected)]
        return
    if name in OTHER_TYPE:
        expected = expected.long()
    got = call(forward, *(arrays or [X]))
    check_close(got, expected, values=name not in WITHOUT_VALUES)


def ids(cases: dict[str, list[Any]]) -> list[Any]:
    return [pytest.param(name, case, id=f"{name}-{i}") for name, all in cases.items() for i, case in enumerate(all)]


def as_methods() -> dict[str, list[Any]]:
    """Functions' cases whose first argument is the value."""
    all = dict(METHODS)
    for name in public(nn.Value) - set(all) - set(PROPERTIES):
        cases = [(args, kwargs) for args, kwargs in FUNCTIONS.get(name, []) if args or "input" in kwargs]
        all[name] = [
            (args, kwargs)
            if args
            else ((kwargs["input"],), {key: value for key, value in kwargs.items() if key != "input"})
            for args, kwargs in cases
            if not isinstance((args or [kwargs["input"]])[0], (int, float))
        ]
    all.pop("dtype"), all.pop("device")
    return all


@pytest.mark.parametrize("name, case", ids(FUNCTIONS))
def test_functions(name, case):
    compare(getattr(F, name), torch_function(name), case, name)


@pytest.mark.parametrize("name, case", ids(as_methods()))
def test_methods(name, case):
    def ours(x, *args, **kwargs):
        return getattr(x, name)(*args, **kwargs)

    compare(ours, ours, case, name)


def test_every_function_has_a_case():
    assert public(F) == set(FUNCTIONS)
    assert all(FUNCTIONS.values())


def test_every_method_has_a_case():
    assert public(nn.Value) - set(PROPERTIES) - {"dtype", "device"} == set(as_methods())
    assert not [name for name, cases in as_methods().items() if not cases]
    assert not [name for name in public(nn.Value) if not hasattr(torch.Tensor, name)]


def test_parameters_have_the_methods_of_values():
    own = {"__array__", "copy_", "__array_namespace__"}
    assert public(nn.Value) - public(nn.Parameter) == set()
    assert public(nn.Parameter) - public(nn.Value) <= own


@pytest.mark.parametrize("name", PROPERTIES)
def test_properties(name):
    x = PROPERTIES[name]
    expected = getattr(torch.from_numpy(x), name)
    if isinstance(expected, torch.Tensor):
        check_close(call(lambda v: getattr(v, name), x), expected)
    else:
        seen = []
        call(lambda v: seen.append(getattr(v, name)) or v, x)
        assert seen == [expected]


def test_types_are_words():
    seen = []
    call(lambda x, i: seen.extend([x.dtype, i.dtype, (x > 0).dtype]) or x, X, PLACES)
    assert [f"torch.{word}" for word in seen] == ["torch.float32", "torch.int64", "torch.bool"]


# Parameters of PyTorch's that are missing here, which are refused by name.
MISSING = {
    "embedding": ["max_norm", "norm_type", "scale_grad_by_freq", "sparse"],
    "interpolate": ["antialias"],
    "normalize": ["out"],
    "norm": ["out"],
    "softmax": ["_stacklevel"],
    "log_softmax": ["_stacklevel"],
    "softmin": ["_stacklevel", "dtype"],
}
# Of these PyTorch decides the dimension by itself where none is given, and warns; norm's "fro" is 2 of a vector.
OTHER_DEFAULT = {"softmax": ["dim"], "log_softmax": ["dim"], "norm": ["p"]}


def signature_of(function: Any) -> dict[str, Any]:
    """Names and defaults of parameters."""
    if not hasattr(function, "__nb_signature__"):
        return {name: one.default for name, one in inspect.signature(function).parameters.items()}
    text = function.__nb_signature__[0][0]
    arguments = ast.parse(text + ": pass").body[0].args
    names = [argument.arg for argument in arguments.args]
    defaults = [inspect.Parameter.empty] * (len(names) - len(arguments.defaults))
    defaults += [ast.literal_eval(default) for default in arguments.defaults]
    return dict(zip(names, defaults))


def python_functions() -> list[str]:
    found = []
    for name in FUNCTIONS:
        function = torch_function(name)
        if inspect.isfunction(function) and "args" not in inspect.signature(function).parameters:
            found.append(name)
    return found


@pytest.mark.parametrize("name", [name for name in python_functions() if name not in ("meshgrid",)])
def test_signatures(name):
    ours, theirs = signature_of(getattr(F, name)), signature_of(torch_function(name))
    for missing in MISSING.get(name, []):
        theirs.pop(missing)
    assert list(ours) == list(theirs)
    for parameter in set(ours) - set(OTHER_DEFAULT.get(name, [])):
        assert ours[parameter] == theirs[parameter], parameter


BINARY = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "eq", "ne", "lt", "le", "gt", "ge"]
LOGIC = ["and_", "or_", "xor"]


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("other", [2, 0.75, np.float32(1.5), np.int64(2), np.float64(0.5), POSITIVE, POSITIVE[0, 0]])
def test_operators_with_numbers_and_arrays(name, other):
    function = getattr(operator, name)
    x = torch.from_numpy(POSITIVE)
    fixed = (
        torch.from_numpy(other) if isinstance(other, np.ndarray) else other.item() if hasattr(other, "item") else other
    )
    check_close(call(lambda v: function(v, other), POSITIVE), function(x, fixed))
    check_close(call(lambda v: function(other, v), POSITIVE), function(fixed, x))
    if isinstance(other, np.ndarray):
        parameter = nn.Parameter(other)
        for one in (fixed, parameter):
            check_close(call(lambda v, one=one: function(v, one), POSITIVE), function(x, fixed))
        check_close(call(lambda v: function(parameter, v), POSITIVE), function(fixed, x))
        check_close(call(lambda v: function(parameter, parameter) + 0 * v, other), function(fixed, fixed).float())


@pytest.mark.parametrize("name", LOGIC)
def test_operators_of_truths(name):
    function = getattr(operator, name)
    x, y = torch.from_numpy(X) > 0, torch.from_numpy(Y) > 0
    check_close(call(lambda a, b: function(a > 0, b > 0), X, Y), function(x, y))
    for truth in (True, False):
        check_close(call(lambda a, truth=truth: function(a > 0, truth), X), function(x, truth))
        check_close(call(lambda a, truth=truth: function(truth, a > 0), X), function(truth, x))
    check_close(call(lambda a: ~(a > 0), X), ~x)


def test_operators_of_matrices():
    a, b = MATRIX, random(4, 5)
    expected = torch.from_numpy(a) @ torch.from_numpy(b)
    for function in (lambda x: x @ b, lambda x: x @ nn.Parameter(b), lambda x: x @ torch.from_numpy(b)):
        check_close(call(function, a), expected)
    for function in (lambda x: a @ x, lambda x: nn.Parameter(a) @ x):
        check_close(call(function, b), expected)


def test_signs():
    check_close(call(lambda x: [-x, +x, abs(x)], X), [-X, X, np.abs(X)])


def test_what_is_no_operand():
    for other in (None, "text", [1.0], object()):
        with pytest.raises(TypeError, match="unsupported operand"):
            call(lambda x, other=other: x + other, X)
        with pytest.raises(TypeError, match="unsupported operand"):
            call(lambda x, other=other: other - x, X)
        assert call(lambda x, other=other: [x, x == other, x != other], X)[1:] == [False, True]


FEW = settings(max_examples=60, deadline=None)
NUMBERS = st.floats(-4, 4, width=32).filter(lambda x: x == 0 or abs(x) > 1e-3)
SHAPED = arrays.array_shapes(max_dims=4, max_side=4)


@FEW
@given(arrays.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=4), st.data(),
       st.sampled_from([operator.add, operator.sub, operator.mul, operator.lt, operator.eq]))  # fmt: skip
def test_broadcasting(shapes, data, function):
    a, b = (data.draw(arrays.arrays(np.float32, shape, elements=NUMBERS)) for shape in shapes.input_shapes)
    check_close(call(function, a, b), function(torch.from_numpy(a), torch.from_numpy(b)))


@FEW
@given(SHAPED, st.data(), st.sampled_from(["sum", "mean", "amax", "amin", "var", "std", "logsumexp", "argmax", "any"]))
def test_reductions(shape, data, name):
    x = random(*shape)
    rank = len(shape)
    dims = st.integers(-rank, rank - 1)
    if name not in ("argmax", "any"):
        dims |= st.lists(dims, min_size=1, unique_by=lambda dim: dim % rank).map(tuple)
    dim, keepdim = data.draw(dims), data.draw(st.booleans())
    kwargs = {"correction": 0} if name in ("var", "std") else {}
    with np.errstate(all="ignore"):
        expected = getattr(torch.from_numpy(x), name)(dim=dim, keepdim=keepdim, **kwargs)
    check_close(call(lambda v: getattr(v, name)(dim=dim, keepdim=keepdim, **kwargs), x), expected)


@FEW
@given(SHAPED, st.data())
def test_reshape_and_permute(shape, data):
    x = random(*shape)
    order = data.draw(st.permutations(range(len(shape))))
    sizes = data.draw(st.permutations(shape))
    if data.draw(st.booleans()):
        sizes[data.draw(st.integers(0, len(sizes) - 1))] = -1
    expected = torch.from_numpy(x).permute(order).reshape(sizes)
    for got in call(lambda v: [v.permute(*order).reshape(*sizes), v.permute(order).reshape(sizes),
                               F.permute(v, order).reshape(tuple(sizes))], x):  # fmt: skip
        check_close(got, expected)


INDICES = [0, -1, np.int64(1), slice(None), slice(1, None), slice(None, -1), slice(-3, None, 2), slice(0, 100, 3), None,
           Ellipsis, (0, 1), (slice(None), -1), (..., 0), (0, ..., -1), (None, 0, None), (slice(1, 2), None, ..., 1),
           (..., None), (slice(None, None, 2),) * 4, (0, 0, 0, 0), ()]  # fmt: skip


@pytest.mark.parametrize("key", INDICES, ids=str)
def test_indexing(key):
    check_close(call(lambda v: v[key], X), torch.from_numpy(X)[key])
    check_close(call(lambda v: nn.Parameter(X)[key] + 0 * v, np.float32(1)), torch.from_numpy(X)[key])


@FEW
@given(SHAPED, st.data())
def test_indexing_of_any_kind(shape, data):
    x = random(*shape)
    steps = st.sampled_from([None, 1, 2, 3])
    bounds = st.none() | st.integers(-5, 5)
    key = []
    for size in shape:
        key += data.draw(st.sampled_from([[], [None]]))
        key.append(data.draw(st.integers(-size, size - 1) | st.builds(slice, bounds, bounds, steps)))
    if data.draw(st.booleans()):
        first = data.draw(st.integers(0, len(key)))
        last = data.draw(st.integers(first, len(key)))
        key[first:last] = [...]
    key = tuple(key)
    check_close(call(lambda v: v[key], x), torch.from_numpy(x)[key])


def test_indexing_by_values_and_arrays():
    x, rows, cols = torch.from_numpy(X), torch.from_numpy(PLACES % 2), torch.from_numpy(PLACES)
    for function in (
        lambda v, i, j: v[i],
        lambda v, i, j: v[:, j],
        lambda v, i, j: v[..., j],
        lambda v, i, j: v[i, j],
        lambda v, i, j: v[0, :, j],
        lambda v, i, j: v[None, 1:, ..., j[0]],
        lambda v, i, j: v[:, PLACES],
    ):
        check_close(call(function, X, PLACES % 2, PLACES), function(x, rows, cols))


def test_what_is_no_index():
    for key, words in [("a", "got str"), (True, "got bool"), (1.5, "got float"), ([0, 1], "got list")]:
        with pytest.raises(TypeError, match=words):
            call(lambda v, key=key: v[key], X)
    with pytest.raises(IndexError, match="5 indices for 4 dimensions"):
        call(lambda v: v[0, 0, 0, 0, 0], X)
    with pytest.raises(IndexError, match="can stand once"):
        call(lambda v: v[..., ...], X)
    with pytest.raises(ValueError, match="step must be positive"):
        call(lambda v: v[::-1], X)
    with pytest.raises(upconv.Error, match="mask"):
        call(lambda v: v[v > 0], X)
    with pytest.raises(TypeError):
        call(lambda v: v.__setitem__(0, 1) if hasattr(v, "__setitem__") else operator.setitem(v, 0, 1), X)


def test_iteration_and_length():
    check_close(call(lambda v: [one * 2 for one in v], X), [one * 2 for one in torch.from_numpy(X)])
    first, second = call(lambda v: tuple(v), X)
    check_close([first, second], list(X))
    seen = []
    call(lambda v: seen.append(len(v)) or v, X)
    assert seen == [2]
    with pytest.raises(TypeError, match="scalar"):
        call(lambda v: len(v.sum()), X)


def test_there_is_one_device():
    x = torch.from_numpy(X)
    got = call(
        lambda v: [v.to(v.device), F.zeros(2, device=v.device), v.to(v.device, v.dtype), v.new_ones(2).to("cpu")], X
    )
    check_close(got, [x, torch.zeros(2), x, torch.ones(2)])
    seen = []
    call(lambda v: seen.extend([v.device, nn.Parameter(X).device]) or v, X)
    assert seen == ["cpu", "cpu"] == [str(x.device)] * 2


def test_refused_on_purpose():
    for function, error, words in [
        (lambda v: v.to("cuda"), upconv.Error, "expected a dtype, or the device cpu, got cuda"),
        (lambda v: v.to(torch.float16), TypeError, "dtype cannot be of type dtype"),
        (lambda v: F.dropout(v), upconv.Error, "training=False"),
        (lambda v: F.rrelu(v, training=True), upconv.Error, "training=False"),
        (lambda v: F.interpolate(v, scale_factor=0.5, mode="bilinear", antialias=True), TypeError, "antialias"),
        (lambda v: F.softmax(v), TypeError, "dim is missing"),
        (lambda v: v.clamp(min=v), TypeError, "min cannot be of type Value"),
        (lambda v: v.relu_(), AttributeError, "relu_"),
        (lambda v: v.max(1).values, AttributeError, "values"),
        (lambda v: F.embedding(v.long(), v, max_norm=1.0), TypeError, "name that it does not know"),
        (lambda v: F.max_pool2d(v, 2, return_indices=True), TypeError, "name that it does not know"),
        (lambda v: v.round(decimals=2), TypeError, "name that it does not know"),
        (lambda v: v.any(dim=(0, 1)), TypeError, "dim cannot be of type tuple"),
        (lambda v: F.var_mean(v, unbiased=False), TypeError, "name that it does not know"),
        (lambda v: v.norm("fro"), TypeError, "p cannot be of type str"),
        (lambda v: v.long().sum(), upconv.Error, "int64"),
    ]:
        with pytest.raises(error, match=words):
            call(function, X)


@FEW
@given(arrays.array_shapes(min_dims=3, max_dims=4, max_side=5), st.data())
def test_integers_are_moved_whole(shape, data):
    x = np.random.default_rng(0).integers(-(1 << 40), 1 << 40, shape)
    order = data.draw(st.permutations(range(len(shape))))
    expected = torch.from_numpy(x).permute(order)
    for got in call(lambda v: [v.permute(order), v.permute(order).flip(0).flip(0), v.permute(order) + 0], x):
        np.testing.assert_array_equal(got, expected.numpy())
    np.testing.assert_array_equal(call(lambda v: v.permute(order), x), expected.numpy())
