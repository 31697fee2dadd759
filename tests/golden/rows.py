"""Makes rows.safetensors: what PyTorch answers of layers of one dimension.

    pip install -r tests/golden/requirements.txt
    python tests/golden/rows.py

The same file as printed.py's, without special numbers: outputs of modules as one types them, whose inputs and
parameters are drawn from the case's seed, with metadata in JSON.
"""

import make
import printed
import torch

LENGTHS = (1, 2, 7, 21)


def fits(text, shape):
    if "CircularPad1d" in text and "-" in text and shape[-1] < 5:
        return False  # what is left of it is shorter than what comes round
    try:
        return printed.module_of(text)(torch.zeros(shape)).numel() > 0
    except (RuntimeError, ValueError):
        return False


def convolutions():
    for arguments in (
        "1",
        "3, padding=1",
        "3, 2",
        "4, stride=3, padding=2",
        "7, padding=9, dilation=3",
        "11, padding=25, dilation=5, bias=False",
        "3, padding='same'",
        "4, padding='same', dilation=2",
        "3, padding='valid'",
        "5, 1, 2, 1, 1, True, 'reflect'",
        "5, padding=2, padding_mode='replicate'",
        "6, 2, 3, padding_mode='circular'",
        "3, padding='same', padding_mode='reflect', dilation=3",
    ):
        yield f"Conv1d(6, 5, {arguments})"
    for arguments in ("3, padding=1, groups=2", "5, padding=2, groups=6", "3, groups=6, dilation=2, bias=False"):
        yield f"Conv1d(6, 12, {arguments})"
    for arguments in (
        "1",
        "3",
        "4, 2, 1",
        "16, 8, 4",
        "3, 2, 1, 1",
        "5, stride=3, padding=2, output_padding=2, dilation=4",
        "2, 5, 0, 3, bias=False",
        "3, 1, 1, 0, 1, True, 3",
    ):
        yield f"ConvTranspose1d(6, 5, {arguments})"
    for arguments in ("4, 2, 1, groups=2", "3, 2, groups=6", "4, 4, 0, groups=3, bias=False"):
        yield f"ConvTranspose1d(6, 12, {arguments})"


def others():
    for sides in ("1", "(2, 1)", "(0, 6)", "(-1, 2)", "(3, -2)", "(-2, -3)", "0"):
        for layer in ("ReflectionPad1d", "ReplicationPad1d", "CircularPad1d", "ZeroPad1d"):
            yield f"{layer}({sides})"
        yield f"ConstantPad1d({sides}, 2.5)"
    yield "ConstantPad1d(1, -3)"
    for arguments in ("2", "3, 2", "3, 1, 1", "4, 3, 2", "3, 2, 1, True", "2, 3, 0, True", "(5,), (2,), (2,)"):
        yield f"AvgPool1d({arguments})"
        if "True" in arguments:
            yield f"MaxPool1d({arguments.replace('True', '1, False, True')})"
        elif "," not in arguments or "(" not in arguments:
            yield f"MaxPool1d({arguments})"
    yield "AvgPool1d(3, 2, 1, count_include_pad=False)"
    yield "AvgPool1d(5, 3, 2, True, False)"
    yield "MaxPool1d(3, stride=1, padding=1, dilation=3)"
    for size in ("1", "2", "3", "7", "(11,)"):
        if "," not in size:
            yield f"AdaptiveAvgPool1d({size})"
            yield f"AdaptiveMaxPool1d({size})"
    for layer in ("BatchNorm1d", "InstanceNorm1d"):
        for arguments in (
            "6",
            "6, affine=False",
            "6, affine=True, track_running_stats=True",
            "6, eps=0.1, momentum=None",
        ):
            yield f"{layer}({arguments})"
        yield f"{layer}(6, affine=True, track_running_stats=False, bias=False)"


def resamplings():
    for size in (
        "size=1",
        "size=9",
        "size=40",
        "scale_factor=2",
        "scale_factor=3.0",
        "scale_factor=0.5",
        "scale_factor=1.7",
    ):
        yield f"Upsample({size})"
        yield f"Upsample({size}, mode='nearest-exact')"
        for corners in ("", ", align_corners=True", ", align_corners=False"):
            yield f"Upsample({size}, mode='linear'{corners})"
    yield "Upsample(scale_factor=1.7, mode='linear', recompute_scale_factor=True)"
    yield "UpsamplingNearest2d(scale_factor=1.7)"


def networks():
    """Views between layers go where these ones meet."""
    yield "Sequential(Conv1d(6, 16, 3, padding=1), BatchNorm1d(16), LeakyReLU(0.1), Conv1d(16, 5, 1), Tanh())"
    yield "Sequential(ReflectionPad1d(3), Conv1d(6, 20, 7), InstanceNorm1d(20, affine=True), ReLU(), MaxPool1d(2))"
    yield "Sequential(ConvTranspose1d(6, 20, 4, 2, 1), PReLU(20), Conv1d(20, 6, 3, 2), Upsample(scale_factor=2))"
    yield "Sequential(Conv1d(6, 8, 3, padding=1), GELU(), Flatten(-2))"
    yield "Sequential(Softsign(), Conv1d(6, 34, 5, padding=4, dilation=2), GLU(-2))"


def cases():
    for text in (*convolutions(), *others(), *resamplings(), *networks()):
        for length in LENGTHS:
            for shape in ((2, 6, length), (6, length)):
                if fits(text, shape):
                    yield text, shape
    yield "Conv1d(64, 48, 11, padding=25, dilation=5)", (1, 64, 300)
    yield "Conv1d(80, 70, 7, padding=3)", (1, 80, 130)
    yield "Conv1d(32, 1, 7, padding=3)", (1, 32, 500)
    yield "ConvTranspose1d(48, 40, 16, 8, 4)", (1, 48, 30)


def main():
    torch.set_num_threads(1)
    make.write_safetensors(make.HERE / "rows.safetensors", *printed.answers(cases()))


if __name__ == "__main__":
    main()
