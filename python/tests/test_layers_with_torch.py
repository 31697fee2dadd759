"""Every class of nn beside the one of torch.nn that has its name: arguments, print, weights and results."""

import ast
import inspect
from typing import Any

import numpy as np
import pytest
from calls import check_close, random
from upconv import nn

torch = pytest.importorskip("torch")

PICTURES, ROWS, FEATURES = random(2, 4, 6, 6), random(2, 4, 12), random(3, 4)
PLACES = np.array([[0, 2, 1], [1, 1, 0]])


def g(*args: Any, **kwargs: Any) -> Any:
    return args, kwargs


def same(*names: str, x: Any, calls: Any) -> dict[str, Any]:
    return {name: (x, calls) for name in names}


CONV = [
    g(4, 6, 3), g(4, 6, (3,), (2,), (1,)), g(4, 8, 3, 1, 2, 2, 2, False), g(4, 8, 3, groups=4, bias=False),
    g(in_channels=4, out_channels=8, kernel_size=3, padding="same"), g(4, 6, 3, padding="valid", stride=2),
    g(4, 6, 3, padding=1, padding_mode="reflect"), g(4, 6, 3, padding=2, padding_mode="circular"),
    g(4, 6, 3, padding=1, padding_mode="replicate"), g(4, 6, kernel_size=1),
]  # fmt: skip
TRANSPOSED = [g(4, 6, 3), g(4, 6, 4, 2, 1), g(4, 8, 3, 2, 1, 1, 2, False, 2), g(4, 8, 3, stride=2, output_padding=1),
              g(in_channels=4, out_channels=4, kernel_size=5, stride=3, padding=2, groups=4)]  # fmt: skip
NORM = [g(4), g(4, 0.1), g(4, 1e-3, None), g(4, 1e-3, 0.5, False), g(4, affine=True, track_running_stats=True),
        g(num_features=4, affine=True, track_running_stats=False), g(4, affine=False),
        g(4, affine=True, bias=False)]  # fmt: skip
PLAIN = [g()]
INPLACE = [g(), g(True), g(inplace=False)]
DROPOUT = [g(), g(0.2), g(p=0.3, inplace=True), g(1)]
ALONG = [g(1), g(dim=-1), g()]
POOL = [g(2), g(3, 2), g(3, stride=2, padding=1), g(kernel_size=4, stride=3, ceil_mode=True)]
PAD1, PAD2 = [g(1), g((2, 1)), g(padding=2)], [g(1), g((1, 2, 0, 3)), g(padding=2)]

# An input, and what each is made with.
LAYERS: dict[str, Any] = {
    "ConvTranspose2d": (PICTURES, [*TRANSPOSED, g(4, 6, (3, 4), (1, 2), (0, 1), (0, 1))]),
    "Conv2d": (PICTURES, [*[one for one in CONV if (3,) not in one[0]], g(4, 6, (3, 1), (1, 2), (1, 0), (2, 1))]),
    **same("ConvTranspose1d", x=ROWS, calls=TRANSPOSED),
    **same("Conv1d", x=ROWS, calls=CONV),
    "Linear": (FEATURES, [g(4, 5), g(4, 5, False), g(in_features=4, out_features=2, bias=True)]),
    "Embedding": (PLACES, [g(3, 7), g(3, 7, 1), g(num_embeddings=4, embedding_dim=2, padding_idx=None), g(3, 4, -1)]),
    **same("BatchNorm2d", "InstanceNorm2d", x=PICTURES, calls=NORM),
    **same("BatchNorm1d", "InstanceNorm1d", x=ROWS, calls=NORM),
    **same("SyncBatchNorm", x=PICTURES, calls=NORM),
    "GroupNorm": (PICTURES, [g(2, 4), g(4, 4, 0.1), g(2, 4, affine=False),
                             g(num_groups=1, num_channels=4, bias=False)]),
    "LayerNorm": (PICTURES, [g(6), g((6, 6), 0.1), g([4, 6, 6], elementwise_affine=False),
                             g(normalized_shape=(6,), bias=False)]),
    "RMSNorm": (PICTURES, [g(6), g((6, 6), 0.1), g([4, 6, 6], elementwise_affine=False),
                           g(normalized_shape=6, eps=None)]),
    **same("ReLU", "SiLU", "ReLU6", "Hardsigmoid", "Hardswish", "Mish", "SELU", x=PICTURES, calls=INPLACE),
    **same("Softsign", "Tanhshrink", "LogSigmoid", "Tanh", "Sigmoid", "Softmax2d", x=PICTURES, calls=PLAIN),
    "LeakyReLU": (PICTURES, [g(), g(0.2), g(0.2, True), g(negative_slope=1)]),
    "PReLU": (PICTURES, [g(), g(4), g(4, 0.5), g(num_parameters=1, init=0.1)]),
    **same("ELU", "CELU", x=PICTURES, calls=[g(), g(0.5), g(2), g(alpha=1.5, inplace=True)]),
    "GELU": (PICTURES, [g(), g("tanh"), g(approximate="none")]),
    "Softplus": (PICTURES, [g(), g(2), g(2.0, 0.5), g(beta=0.5, threshold=10)]),
    "Hardtanh": (PICTURES, [g(), g(-2, 0.5), g(min_val=0.0, max_val=0.25, inplace=True)]),
    "RReLU": (PICTURES, [g(), g(0.1, 0.2), g(lower=0.2, upper=0.4, inplace=True)]),
    **same("Hardshrink", "Softshrink", x=PICTURES, calls=[g(), g(0.25), g(lambd=1)]),
    "Threshold": (PICTURES, [g(0.1, 20), g(threshold=-0.5, value=0.0, inplace=True)]),
    "GLU": (PICTURES, [g(), g(1), g(dim=-2)]),
    **same("Softmax", "Softmin", "LogSoftmax", x=PICTURES, calls=ALONG),
    "Upsample": (PICTURES, [g(9), g((8, 5)), g(None, 2), g(scale_factor=(1.5, 2)), g(None, 2, "bilinear", True),
                            g(scale_factor=2.0, mode="bicubic"), g(size=7, mode="nearest-exact"),
                            g(scale_factor=1.7, mode="bilinear", align_corners=False, recompute_scale_factor=True)]),
    **same("UpsamplingNearest2d", "UpsamplingBilinear2d", x=PICTURES,
           calls=[g(9), g((8, 5)), g(None, 2), g(scale_factor=3)]),
    "PixelShuffle": (PICTURES, [g(2), g(upscale_factor=1)]),
    "PixelUnshuffle": (PICTURES, [g(2), g(downscale_factor=3)]),
    "ChannelShuffle": (PICTURES, [g(2), g(groups=4)]),
    "Unfold": (PICTURES, [g(3), g((2, 3), 1, 1, 2), g(kernel_size=2, dilation=2, stride=(1, 2))]),
    "Fold": (random(2, 12, 9), [g(4, 2), g((4, 4), (2, 2)), g(output_size=4, kernel_size=2, padding=1, stride=2)]),
    **same("ReflectionPad2d", "ReplicationPad2d", "CircularPad2d", "ZeroPad2d", x=PICTURES, calls=PAD2),
    **same("ReflectionPad1d", "ReplicationPad1d", "CircularPad1d", "ZeroPad1d", x=ROWS, calls=PAD1),
    "ConstantPad2d": (PICTURES, [g(1, 0.5), g((1, 2, 0, 3), -1), g(padding=2, value=3.0)]),
    "ConstantPad1d": (ROWS, [g(1, 0.5), g((2, 1), -1), g(padding=2, value=3.0)]),
    "AvgPool2d": (PICTURES, [*POOL, g((2, 3), (1, 2)), g(3, 2, 1, False, False), g(2, divisor_override=3)]),
    "MaxPool2d": (PICTURES, [*POOL, g((2, 3), (1, 2)), g(2, 2, 0, 2, False, True), g(3, None, (1, 0), (1, 2))]),
    "AdaptiveAvgPool2d": (PICTURES, [g(3), g((2, 5)), g((None, 4)), g(output_size=(3, None))]),
    "AdaptiveMaxPool2d": (PICTURES, [g(3), g((2, 5)), g((None, 4)), g(output_size=(3, None)), g(3, False)]),
    "LPPool2d": (PICTURES, [g(2, 2), g(2.0, (2, 3), 1, True), g(norm_type=3, kernel_size=2)]),
    "AvgPool1d": (ROWS, [*POOL, g(3, 2, 1, False, False)]),
    "MaxPool1d": (ROWS, [*POOL, g(2, 2, 0, 2, False, True)]),
    "AdaptiveAvgPool1d": (ROWS, [g(3), g(output_size=5)]),
    "AdaptiveMaxPool1d": (ROWS, [g(3), g(output_size=5), g(3, False)]),
    "Identity": (PICTURES, PLAIN),
    **same("Dropout", "AlphaDropout", "FeatureAlphaDropout", "Dropout2d", "Dropout3d", x=PICTURES, calls=DROPOUT),
    **same("Dropout1d", x=ROWS, calls=DROPOUT),
    "Flatten": (PICTURES, [g(), g(2), g(0, 1), g(start_dim=1, end_dim=-2)]),
    "Unflatten": (PICTURES, [g(1, (2, 2)), g(dim=-1, unflattened_size=(3, 2))]),
}  # fmt: skip

# Parameters of torch.nn that are missing here, or stand for something that a network without training has not.
MISSING = {
    "Embedding": {"max_norm", "norm_type", "scale_grad_by_freq", "sparse", "_weight", "_freeze"},
    "SyncBatchNorm": {"process_group"},
    "Hardtanh": {"min_value", "max_value"},  # old names, which PyTorch warns of
}
EVERYWHERE = {"self", "device", "dtype"}


def layers() -> set[str]:
    """Those that the table makes."""
    others = {nn.Module, nn.Sequential, nn.ModuleList, nn.ModuleDict}
    return {
        name
        for name, one in vars(nn).items()
        if isinstance(one, type) and issubclass(one, nn.Module) and one not in others
    }


CASES = [
    pytest.param(name, x, case, id=f"{name}-{i}") for name, (x, cases) in LAYERS.items() for i, case in enumerate(cases)
]


def test_every_layer_has_a_case():
    assert layers() == set(LAYERS)


def signature_of(layer: Any) -> dict[str, Any]:
    text = layer.__init__.__nb_signature__[0][0]
    arguments = ast.parse(text + ": pass").body[0].args
    names = [argument.arg for argument in arguments.args]
    defaults = [inspect.Parameter.empty] * (len(names) - len(arguments.defaults))
    found = dict(zip(names, defaults + [ast.literal_eval(one) for one in arguments.defaults]))
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults):
        found[argument.arg] = ast.literal_eval(default)
    return {name: default for name, default in found.items() if name not in EVERYWHERE}


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_signatures(name):
    theirs = {
        parameter: about.default
        for parameter, about in inspect.signature(getattr(torch.nn, name)).parameters.items()
        if parameter not in EVERYWHERE | MISSING.get(name, set())
        and about.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    }
    ours = signature_of(getattr(nn, name))
    if name.startswith("Upsampling"):
        ours.pop("mode")  # which PyTorch prints, though it takes none
    assert list(ours.items()) == list(theirs.items())


@pytest.mark.parametrize("name, x, case", CASES)
def test_layers(name, x, case):
    args, kwargs = case
    torch.manual_seed(0)
    theirs, ours = getattr(torch.nn, name)(*args, **kwargs), getattr(nn, name)(*args, **kwargs)
    theirs.eval()
    assert str(ours) == str(theirs)
    state = theirs.state_dict()
    with torch.no_grad():
        for key, value in state.items():
            if value.is_floating_point():
                value.copy_(torch.rand_like(value) + 0.5 if key == "running_var" else torch.randn_like(value))
    ours.load_state_dict(state)
    assert list(ours.state_dict()) == list(state)
    for (key, value), (other_key, other) in zip(ours.state_dict().items(), state.items()):
        assert key == other_key
        np.testing.assert_array_equal(value, other.numpy())
    with torch.no_grad():
        expected = theirs(torch.from_numpy(x.copy()))
    check_close(ours(x), expected)


@pytest.mark.parametrize("name, x, case", CASES)
def test_arguments_are_attributes(name, x, case):
    args, kwargs = case
    theirs, ours = getattr(torch.nn, name)(*args, **kwargs), getattr(nn, name)(*args, **kwargs)
    for attribute in signature_of(getattr(nn, name)):
        expected = getattr(theirs, attribute, None)
        if isinstance(expected, torch.Tensor):
            assert getattr(ours, attribute).shape == expected.shape
        elif hasattr(theirs, attribute):
            found = getattr(ours, attribute)
            assert found == expected and type(found) is type(expected), attribute
    for attribute in ("weight", "bias", "running_mean", "running_var"):
        if hasattr(theirs, attribute):
            assert (getattr(ours, attribute) is None) == (getattr(theirs, attribute) is None)


@pytest.mark.parametrize("name, x, case", CASES)
def test_weights_have_names_before_they_have_values(name, x, case):
    args, kwargs = case
    theirs, ours = getattr(torch.nn, name)(*args, **kwargs), getattr(nn, name)(*args, **kwargs)
    assert [key for key, _ in ours.named_parameters()] == [key for key, _ in theirs.named_parameters()]
    assert [key for key, _ in ours.named_buffers()] == [key for key, _ in theirs.named_buffers()]


def test_refused_on_purpose():
    for name, args, words in [
        ("MaxPool2d", (2, None, 0, 1, True), "return_indices"),
        ("AdaptiveMaxPool2d", (2, True), "return_indices"),
        ("Embedding", (3, 4, None, 1.0), "more than 3 arguments"),
    ]:
        with pytest.raises((TypeError, RuntimeError), match=words):
            getattr(nn, name)(*args)
    with pytest.raises(TypeError, match="device"):
        nn.Linear(2, 3, device="cpu")
