"""Makes norm_errors.json: how exact PyTorch's norms are on inputs that are hard for them.

    pip install -r tests/golden/requirements.txt
    python tests/golden/norm_errors.py

Inputs and parameters are drawn again from seeds, so the file has no tensor: "kinds", the names of KINDS, and "cases",
each a line:

    {"function": "GroupNorm(1, 64)",  a layer, or text of the inputs a, b, c
     "inputs": [[sizes], ...],        of a, then of the parameters or the other inputs, which are randn
     "seed": 0,
     "errors": [1e-7, ...],           of each kind of a, how far PyTorch's float32 lies from its float64 at most
     "truth": [1.5, ...]}             and what that is a third of the way through
"""

import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: F401, the functions' text names it
from torch import nn  # noqa: F401, so do layers

HERE = Path(__file__).resolve().parent


def with_far(x, place, value):
    x.view(-1)[place] = value
    return x


KINDS = {
    "noise": lambda x: x,
    "flat": lambda x: torch.full_like(x, 1234),
    "flat with detail": lambda x: torch.where(x > 1.645, x, torch.full_like(x, 0.7)),
    "offset": lambda x: x + 1e4,
    "nearly flat offset": lambda x: x * 0.01 + 1e4,
    "first far": lambda x: with_far(x, 0, 1e6),
    "one far": lambda x: with_far(x, x.numel() // 2, 1e6),
    "flat, first far": lambda x: with_far(torch.full_like(x, 0.7), 0, -3000),
    "stripes": lambda x: (torch.arange(x.numel()) % 2).float().reshape(x.shape),
    "ramp": lambda x: (torch.arange(x.numel()).float() / x.numel()).reshape(x.shape),
    "tiny": lambda x: x * 1e-20,
    "huge": lambda x: x * 1e18,
}

PICTURES = ((1, 1, 256, 256), (1, 3, 96, 96), (2, 17, 9, 19), (1, 64, 40, 40), (1, 1024, 4, 4), (2, 256, 2, 2))


def layers():
    for shape in (*PICTURES, (1, 5, 1, 2)):
        yield f"InstanceNorm2d({shape[1]}, affine={shape[0] == 2})", shape
    for shape in (*PICTURES, (4, 7, 1, 1), (2, 1024, 1, 1)):
        yield f"BatchNorm2d({shape[1]}, affine={shape[0] == 2}, track_running_stats=False)", shape
    for groups, shape in (
        (1, (1, 1, 256, 256)),
        (3, (1, 3, 96, 96)),
        (1, (1, 64, 40, 40)),
        (32, (2, 64, 9, 19)),
        (8, (1, 1024, 4, 4)),
        (2, (3, 8)),
        (4, (2, 12, 5000)),
        (2, (1, 6, 5, 4, 3)),
    ):
        yield f"GroupNorm({groups}, {shape[1]}, affine={shape[0] == 2})", shape
    for sizes, shape in (
        ((2,), (9, 2)),
        ((7,), (5, 7)),
        ((64,), (33, 64)),
        ((77,), (20, 77)),
        ((1024,), (2, 1024)),
        ((65536,), (1, 65536)),
        ((3, 96, 96), (1, 3, 96, 96)),
    ):
        yield f"LayerNorm({sizes}, elementwise_affine={shape[0] == 2})", shape


def functions():
    for shape in ((1, 64, 40, 40), (2, 17, 9, 19), (3, 2000)):
        for dims in ("(2, 3)", "1", "(0, 1, 2, 3)") if len(shape) == 4 else ("1", "0"):
            yield f"a.mean({dims}, True)", (shape,)
            yield f"a.var({dims}, keepdim=True)", (shape,)
            yield f"a.std({dims}, keepdim=True)", (shape,)
        yield "a * torch.rsqrt(torch.mean(a * a, 1, True) + 1e-8)", (shape,)
        yield "F.normalize(a)", (shape,)
    for shape in PICTURES[:3]:
        numbers = (*shape[:2], 1, 1)
        yield "F.instance_norm(a) * (1 + b) + c", (shape, numbers, numbers)


def draw(shapes, kind, seed):
    torch.manual_seed(seed)
    return [KINDS[kind](torch.randn(shapes[0])), *(torch.randn(shape) for shape in shapes[1:])]


def answers(text, inputs):
    """The function of the inputs in float32 and in float64."""
    for dtype in (torch.float32, torch.float64):
        typed = [x.to(dtype) for x in inputs]
        if "Norm(" not in text and "Norm2d(" not in text:
            yield eval(text, globals(), dict(zip("abc", typed))).double()
            continue
        module = eval("nn." + text).to(dtype)
        for parameter, value in zip(module.parameters(), typed[1:]):
            parameter.data = value
        yield module(typed[0]).double()


def cases():
    for text, shape in layers():
        sizes = [list(parameter.shape) for parameter in eval("nn." + text).parameters()]
        yield text, [list(shape), *sizes]
    for text, shapes in functions():
        yield text, [list(shape) for shape in shapes]


def main():
    torch.set_num_threads(1)
    lines = []
    for seed, (text, shapes) in enumerate(cases()):
        errors, truths = [], []
        for kind in KINDS:
            with torch.no_grad():
                got, truth = answers(text, draw(shapes, kind, seed))
            error = (got - truth).abs().max().item()
            if not math.isfinite(error):
                raise ValueError(f"{text} of {kind} {shapes} is not finite")
            errors.append(float(f"{error:.4g}"))
            truths.append(float(f"{truth.reshape(-1)[truth.numel() // 3].item():.9g}"))
        case = {"function": text, "inputs": shapes, "seed": seed, "errors": errors, "truth": truths}
        lines.append(json.dumps(case))
    text = ",\n".join(lines)
    (HERE / "norm_errors.json").write_text(f'{{"kinds": {json.dumps(list(KINDS))}, "cases": [\n{text}\n]}}\n')


if __name__ == "__main__":
    main()
