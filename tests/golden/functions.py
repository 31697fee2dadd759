"""Makes functions.safetensors: what PyTorch answers of functions of values.

    pip install -r tests/golden/requirements.txt
    python tests/golden/functions.py

Outputs only, of inputs that are drawn in order from the case's seed; computed in float64, rounded to float32 once.
Metadata is JSON:

    {"function": "torch.sqrt(a.abs())",      of the inputs a, b, c
     "inputs": [[sizes], ...], "seed": 0,
     "error": 1e-7}                          how far PyTorch's own float32 lies from that at most
"""

import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: F401, the functions' text names it

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "examples" / "weights"))

from convert_dcgan import write_safetensors  # noqa: E402

PICTURES = (2, 5, 7, 6)
LARGE = (2, 33, 23, 31)
MATRIX = (3, 4)
VECTOR = (7,)


def cases():
    for shape in (PICTURES, (1, 17, 9, 11), VECTOR):
        for text in (
            "a.abs()",
            "a.abs().sqrt()",
            "(a.abs() + 0.1).rsqrt()",
            "a.exp()",
            "(a.abs() + 0.1).log()",
            "torch.sin(a * 3)",
            "torch.cos(a * 3)",
            "a**2",
            "a.abs() ** 0.5",
            "(a.abs() + 0.1) ** -0.5",
            "a**3",
            "(a.abs() + 0.1) ** 1.7",
            "1 / a",
            "torch.where(a > 0, a, a * 0.3)",
            "torch.where(a <= 0.5, a, torch.sin(a))",
            "F.silu(a)",
            "F.gelu(a)",
            "F.gelu(a, approximate='tanh')",
            "F.elu(a, 0.7)",
            "F.softplus(a)",
            "F.dropout(a, 0.5, False)",
            "a * torch.rsqrt(torch.mean(a**2, dim=1, keepdim=True) + 1e-8)"
            if len(shape) > 1
            else "a * torch.rsqrt(torch.mean(a**2, dim=0, keepdim=True) + 1e-8)",
            "a * 2 * torch.sigmoid(a + 1) - a.abs() * 3",
        ):
            yield text, (shape,)
    for b in (PICTURES, (5, 1, 1), (1, 5, 7, 1), (6,), (1,), (2, 5, 1, 1)):
        for text in (
            "torch.maximum(a, b)",
            "torch.minimum(a, b)",
            "(a.abs() + 0.1) ** b",
            "(a > b).float()",
            "(a >= b).float()",
            "(a < b).float()",
            "(a <= b).float()",
            "(a == a * 1).float() + (a != b).float() + (b == b).float()",
            "torch.where(a > b, a, b)",
            "a * torch.tanh(b + a * b) / (1 + b * b)",
        ):
            yield text, (PICTURES, b)
    yield "torch.where(a > 0, b, c)", ((5, 1, 6), (2, 1, 7, 1), (6,))
    for shape in (PICTURES, LARGE):
        for dims in ("1", "(2, 3)", "(1, 2, 3)", "(0, 2)", "-1", "0", "(0, 1, 2, 3)", "(1, 3)", "2", "(0, 2, 3)"):
            for keepdim in ("True", "False"):
                yield f"a.mean({dims}, {keepdim})", (shape,)
                yield f"a.amax({dims}, {keepdim})", (shape,)
                if shape is PICTURES:
                    yield f"a.sum({dims}, {keepdim})", (shape,)
                    yield f"a.amin({dims}, {keepdim})", (shape,)
                    yield f"(a * a + 1).sum({dims}, {keepdim})", (shape,)
                    yield f"a.var({dims}, keepdim={keepdim})", (shape,)
                    yield f"a.std({dims}, correction=0, keepdim={keepdim})", (shape,)
    for shape in (MATRIX, VECTOR, (2, 3, 4, 5, 6), (2, 1500), (1500, 3)):
        for text in ("a.mean()", "a.sum(0)", "a.mean(-1, True)", "a.amax(0, True)", "a.std(-1)", "a.var()"):
            yield text, (shape,)
    yield "(a * b).sum(1)", (PICTURES, (5, 1, 1))
    yield "F.normalize(a)", (PICTURES,)
    yield "F.normalize(a)", (MATRIX,)
    yield "F.normalize(a, 3, -1)", (MATRIX,)
    yield "F.glu(a, 1)", ((2, 6, 5, 4),)
    yield "F.glu(a)", ((3, 8),)
    yield "F.softmax(a, 1)", (PICTURES,)
    yield "F.softmax(a, -1)", (MATRIX,)
    yield "F.prelu(a, b)", (PICTURES, (5,))
    yield "F.prelu(a, b)", (PICTURES, (1,))
    yield "F.prelu(a, b)", (MATRIX, (4,))
    for text in (
        "a.squeeze(2)",
        "a.squeeze(1)",
        "a.squeeze()",
        "a.unsqueeze(1)",
        "a.unsqueeze(-1)",
        "a.expand(2, 5, 3, 6)",
        "a.expand(4, -1, -1, 7, -1)",
        "a.repeat(1, 2, 3, 1)",
        "a.repeat(2, 1, 1, 1, 2)",
        "torch.stack([a, a * 2], 0)",
        "torch.stack([a, a * 2], -1)",
        "torch.stack([a, a * 2], 2)",
    ):
        shape = {"a.expand(2, 5, 3, 6)": (2, 5, 1, 6), "a.expand(4, -1, -1, 7, -1)": (2, 5, 1, 6)}.get(
            text, (2, 5, 1, 6)
        )
        yield text, (shape,)
    for text in (
        "a.split(2, 1)[2]",
        "a.split(3, 3)[0]",
        "a.split([1, 3, 1], 1)[1]",
        "a.select(1, 2)",
        "a.select(0, -1)",
        "a[:, :, :, 4]",
        "a.flip(3)",
        "a.flip(1)",
        "a.flip([0, 2])",
        "a.flip([1, 2, 3])",
        "F.pad(a, (1, 2, 3, 4))",
        "F.pad(a, (1, 2, 3, 4), value=0.5)",
        "F.pad(a, (1, 2, 3, 4), mode='reflect')",
        "F.pad(a, (1, 2, 3, 4), mode='replicate')",
        "F.max_pool2d(a, 3, 2, 1)",
        "F.avg_pool2d(a, 2)",
        "F.adaptive_avg_pool2d(a, 1)",
        "F.instance_norm(a)",
        "F.group_norm(a, 5)",
        "F.layer_norm(a, (7, 6))",
    ):
        yield text, (PICTURES,)
    yield "F.pixel_shuffle(a, 2)", ((2, 12, 3, 4),)
    yield "F.pixel_unshuffle(a, 2)", ((2, 3, 6, 4),)
    yield "F.pixel_unshuffle(a, 3)", ((3, 6, 9),)
    yield "F.instance_norm(a, weight=b, bias=c)", (PICTURES, (5,), (5,))
    yield "F.batch_norm(a, b, 1 + c * c)", (PICTURES, (5,), (5,))
    yield "F.group_norm(a, 1, b, c)", (PICTURES, (5,), (5,))
    yield "F.layer_norm(a, (6,), b, c)", (PICTURES, (6,), (6,))
    for batch in ((2, 5, 7, 6), (5, 7, 6)):
        yield "F.conv2d(a, b)", (batch, (4, 5, 3, 3))
        yield "F.conv2d(a, b, c, stride=2, padding=1)", (batch, (4, 5, 3, 3), (4,))
        yield "F.conv2d(a, b, padding='same', dilation=2)", (batch, (4, 5, 3, 3))
        yield "F.conv2d(a, b, padding=1, groups=5)", (batch, (10, 1, 3, 3))
        yield "F.conv_transpose2d(a, b, c, stride=2, padding=1)", (batch, (5, 4, 4, 4), (4,))
        yield "F.conv_transpose2d(a, b, groups=5)", (batch, (5, 2, 3, 3))
    yield "F.linear(a, b)", (MATRIX, (5, 4))
    yield "F.linear(a, b, c)", ((2, 3, 4), (5, 4), (5,))
    yield "F.scaled_dot_product_attention(a, b, c)", ((2, 3, 5, 8), (2, 3, 7, 8), (2, 3, 7, 4))
    yield "F.scaled_dot_product_attention(a, b, c, scale=0.3)", ((5, 8), (7, 8), (7, 4))
    yield "F.conv2d(a * b, c, padding=1)", (PICTURES, (2, 5, 1, 1), (4, 5, 3, 3))
    yield "F.instance_norm(a) * (1 + b) + c", ((2, 17, 9, 11), (2, 17, 1, 1), (2, 17, 1, 1))
    yield "F.pad(a, (1, 2, 0, 3, 2, 1), value=0.5)", (PICTURES,)
    yield "F.pad(a.view(2, 5, 7, 1, 6, 1), (0, 1, 0, 0, 0, 1)).view(2, 5, 14, 12)", (PICTURES,)


def answer(text, inputs):
    return eval(text, globals(), dict(zip("abc", inputs))).contiguous()


def main():
    torch.set_num_threads(1)
    tensors, metadata = {}, {}
    for seed, (text, shapes) in enumerate(cases()):
        torch.manual_seed(seed)
        inputs = [torch.randn(shape) for shape in shapes]
        exact = answer(text, [x.double() for x in inputs])
        error = (answer(text, inputs).double() - exact).abs().max().item()
        name = f"case{seed:03}"
        tensors[name] = exact.float().clone()
        metadata[name] = json.dumps({"function": text, "inputs": shapes, "seed": seed, "error": error})
    write_safetensors(HERE / "functions.safetensors", tensors, metadata)


if __name__ == "__main__":
    main()
