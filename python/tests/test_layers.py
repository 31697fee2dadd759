"""Layers by themselves: docstrings, prints that are read again, and what is refused; no PyTorch is needed."""

import numpy as np
import pytest
import upconv
import upconv.nn.functional as F
from calls import call, random
from upconv import nn

PICTURES, ROWS = random(2, 4, 6, 6), random(2, 4, 12)
FIRST = {"Linear": (6, 5), "Embedding": (5, 3), "GroupNorm": (2, 4), "LayerNorm": (6,), "RMSNorm": (6,)}
OTHERS = {
    "PixelShuffle": (2,),
    "PixelUnshuffle": (2,),
    "ChannelShuffle": (2,),
    "Threshold": (0.1, 0.5),
    "LPPool2d": (2, 2),
    "Unflatten": (1, (2, 2)),
    "Softmax": (1,),
    "Softmin": (1,),
    "LogSoftmax": (1,),
    "Fold": (4, 2),
    "Unfold": (2,),
    "Upsample": (9,),
    "UpsamplingNearest2d": (9,),
    "UpsamplingBilinear2d": (9,),
}
CONTAINERS = (nn.Module, nn.Sequential, nn.ModuleList, nn.ModuleDict)
LAYERS = {
    name: one
    for name, one in vars(nn).items()
    if isinstance(one, type) and issubclass(one, nn.Module) and one not in CONTAINERS
}


def arguments(name):
    if name in FIRST or name in OTHERS:
        return (FIRST | OTHERS)[name]
    if "Conv" in name:
        return (4, 6, 3)
    if "Norm" in name:
        return (4,)
    if "Pad" in name:
        return (1, 0.5) if "Constant" in name else (1,)
    return (2,) if "Pool" in name else ()


def input_of(name):
    if name == "Embedding":
        return np.array([[0, 4, 2]])
    if name == "Fold":
        return random(2, 12, 9)
    return ROWS if "1d" in name else PICTURES


@pytest.mark.parametrize("name", LAYERS)
def test_prints_are_read_again(name):
    layer = LAYERS[name](*arguments(name))
    assert isinstance(layer, nn.Module) and type(layer).__name__ == name
    read = upconv.parse_module(str(layer))
    assert str(read) == str(layer)
    read.load_state_dict(layer.state_dict())
    x = input_of(name)
    np.testing.assert_array_equal(read(x), layer(x))


@pytest.mark.parametrize("name", LAYERS)
def test_documented(name):
    assert LAYERS[name].__doc__
    assert LAYERS[name].__module__ in ("upconv._core.nn", "upconv.nn")


def test_functions_and_methods_are_documented():
    for owner in (F, nn.Value, nn.Module, nn.Parameter, nn.Sequential, nn.ModuleList, nn.ModuleDict):
        for name in dir(owner):
            if not name.startswith("_"):
                assert getattr(owner, name).__doc__, name


@pytest.mark.parametrize("name", LAYERS)
def test_wrong_arguments_are_named(name):
    layer = LAYERS[name]
    with pytest.raises(TypeError, match=rf"{name}: unknown argument \"colour\""):
        layer(*arguments(name), colour=3)
    with pytest.raises(TypeError, match=rf"{name}: more than \d+ arguments by position"):
        layer(*[1] * 20)
    if arguments(name):
        with pytest.raises(TypeError, match=rf"{name}: \w+ (is missing|must be)|{name}: .* is given"):
            layer() if name not in ("Softmax", "Softmin", "LogSoftmax") and "Ups" not in name else layer("text")
        with pytest.raises(TypeError, match=rf"{name}: \w+(: it cannot be of type object| must be)"):
            layer(object(), *arguments(name)[1:])


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: nn.Conv2d(3, 4, "text"), "Conv2d: kernel_size must be an integer or two"),
        (lambda: nn.Conv2d(3, 4, (1, 2, 3)), "Conv2d: kernel_size must be an integer or two"),
        (lambda: nn.Conv2d(3, 4, 3, bias=1), "Conv2d: bias must be True or False, got 1"),
        (lambda: nn.Conv2d(3, 4, 3, stride=1.5), "Conv2d: stride must be an integer or two"),
        (lambda: nn.Conv2d(3, 4, 3, in_channels=3), "Conv2d: in_channels is given twice"),
        (lambda: nn.Conv2d(3, 4), "Conv2d: kernel_size is missing"),
        (lambda: nn.Conv2d(3, 4, 3, strid=2), "stride"),
        (lambda: nn.Conv2d(3, 4, [1, "a"]), "Conv2d: kernel_size: it cannot hold what is of type str"),
        (lambda: nn.LeakyReLU("a"), "LeakyReLU: negative_slope must be a finite number"),
        (lambda: nn.Linear(3, None), "Linear: out_features must be an integer"),
        (lambda: nn.Upsample(scale_factor="2"), "Upsample: scale_factor must be"),
        (lambda: nn.GELU(3), "GELU: approximate must be a string"),
        (lambda: nn.ConvTranspose2d(3, 4, np.zeros(3)), "ConvTranspose2d: kernel_size"),
    ],
)
def test_wrong_types(make, words):
    with pytest.raises(TypeError, match=words):
        make()


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: nn.Conv2d(0, 4, 3), "Conv2d: in_channels must be positive"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "Conv2d: .*groups"),
        (lambda: nn.Conv2d(3, 4, 3, padding="other"), "Conv2d: padding"),
        (lambda: nn.Conv2d(3, 4, 3, padding_mode="other"), "Conv2d: padding_mode"),
        (lambda: nn.ConvTranspose2d(4, 4, 3, output_padding=1)(PICTURES), "ConvTranspose2d.*output_padding"),
        (lambda: nn.GroupNorm(3, 4), "GroupNorm"),
        (lambda: nn.GELU("other"), "GELU: approximate must be 'none' or 'tanh'"),
        (lambda: nn.Hardtanh(1, -1), "Hardtanh: max_val must be greater than min_val 1, got -1"),
        (lambda: nn.Upsample(), "Upsample"),
        (lambda: nn.Upsample(2, mode="other"), "Upsample: mode"),
        (lambda: nn.MaxPool2d(2, padding=2), "MaxPool2d: padding"),
        (lambda: nn.PixelShuffle(0), "PixelShuffle: upscale_factor must be positive"),
        (lambda: nn.PixelShuffle(3)(PICTURES), "PixelShuffle"),
        (lambda: nn.Conv2d(3, 4, 3)(PICTURES), "Conv2d expected 3 channels, got 4"),
        (lambda: nn.Linear(3, 4)(PICTURES), "Linear expected 3 features .* got"),
        (lambda: nn.Conv2d(4, 4, 9)(PICTURES), "Conv2d"),
        (lambda: nn.Embedding(3, 4)(PICTURES), "Embedding expected int64 indices, got float32"),
    ],
)
def test_wrong_values(make, words):
    with pytest.raises(upconv.Error, match=words):
        make()


def test_integers_of_numpy_are_integers():
    assert str(nn.Conv2d(np.int64(3), 4, np.int32(3))) == str(nn.Conv2d(3, 4, 3))
    assert str(nn.Unflatten(1, np.zeros((2, 2)).shape)) == "Unflatten(dim=1, unflattened_size=(2, 2))"
    assert str(nn.LeakyReLU(np.float64(0.5))) == "LeakyReLU(negative_slope=0.5)"


def test_functions_name_what_is_wrong():
    for function, error, words in [
        (lambda x: F.conv2d(x), TypeError, "conv2d: .*\n.*weight is missing"),
        (lambda x: F.conv2d(x, x, x, bogus=1), TypeError, "name that it does not know"),
        (lambda x: F.relu(), TypeError, "relu: expected a Value as input"),
        (lambda x: F.relu("text"), TypeError, "relu: expected a Value as input"),
        (lambda x: F.leaky_relu(x, "a"), TypeError, "negative_slope must be a finite number"),
        (lambda x: F.max_pool2d(x, "a"), TypeError, "kernel_size cannot be of type str"),
        (lambda x: F.softmax(x, 7), upconv.Error, "dim"),
        (lambda x: F.cat([x, x[:, :1]]), upconv.Error, "cat|shape"),
        (lambda x: x.view(7, 5), upconv.Error, "view|reshape"),
        (lambda x: x.size(9), IndexError, "no dimension 9"),
        (lambda x: x + x[:, :, :5], upconv.Error, "add|broadcast|shape"),
        (lambda x: F.exp(x, x), TypeError, "more arguments than it takes"),
        (lambda x: F.exp(x, input=x), TypeError, "twice"),
    ]:
        with pytest.raises(error, match=words):
            call(function, PICTURES)


def test_functions_belong_into_forward():
    for function in (F.relu, F.exp, F.normalize, lambda x: F.cat([x, x])):
        with pytest.raises(upconv.Error, match="forward"):
            function(PICTURES)
    with pytest.raises(upconv.Error, match="outside of a module's forward"):
        nn.Parameter(PICTURES) + 1
