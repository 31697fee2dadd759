"""Whether upconv reads what PyTorch, safetensors and NumPy read: every tensor of every file of a folder, bit by bit.

    python tests/strangers/compare.py UPCONV FOLDER [--verbose]

Each file is read by the library that its users would take, and by `upconv inspect` and `upconv convert`; both must know
the same names. What upconv keeps in a type of its own is compared bitwise, and what it reads as float32 or int64 with
the same conversion by PyTorch. A tensor that upconv cannot read must be of a kind that it says it cannot; a file that
it refuses must be one of those whose refusal is expected. Ends with "N equal, N refused alike, N wrong", and with 1 if
anything is wrong.
"""

import argparse
import collections
import functools
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import networks  # noqa: F401  whole models are of its classes
import numpy as np
import safetensors
import safetensors.torch
import scripts  # noqa: F401
import torch
import vision  # noqa: F401  before what needs torchvision
from torch import nn

# Files that are no weights, and what their refusal must say.
REFUSED = {
    "protocol0.pth": "protocol 0", "plain0.pkl": "protocol 0", "protocol1.pth": "protocol", "plain1.pkl": "protocol",
    "plain4.pkl": "a pickle, but not torch.save's", "empty.pth": "empty", "pointer.safetensors": "git lfs pull",
    "page.pth": "web page", "keras.h5": "Keras", ".distcp": "torch.distributed.checkpoint",
    ".metadata": "torch.distributed.checkpoint",
}  # fmt: skip
UNREADABLE = {torch.complex32, torch.complex64, torch.complex128, torch.float4_e2m1fn_x2}


def is_unreadable(value):
    """Whether upconv says of such a tensor that it cannot read it."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind not in "fiub"
    odd = value.is_sparse or value.layout != torch.strided or value.is_quantized or value.is_meta or value.is_nested
    return odd or value.dtype in UNREADABLE or value.is_neg() or value.is_conj() or is_distributed(value)


def is_distributed(value):
    return type(value).__name__ == "DTensor"


def key_of(key):
    """A key as a part of a name; None for one under which nothing is looked for."""
    return str(key) if isinstance(key, str) or (isinstance(key, int) and not isinstance(key, bool)) else None


def flat(value, name=""):
    """The tensors of what a pickle holds, by the names that docs/weights.md gives them."""
    if isinstance(value, nn.Module):
        yield from flat(dict(value.state_dict()), name)
    elif isinstance(value, torch.Tensor):
        yield name or "weight", value.detach()
    elif isinstance(value, np.generic) or type(value) in (np.ndarray, np.matrix):  # nothing masked
        yield name or "weight", np.asarray(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key_of(key) is not None:
                yield from flat(item, f"{name}.{key_of(key)}" if name else key_of(key))
    elif type(value) in (list, tuple, set, frozenset, collections.deque, torch.Size):
        yield from flat(dict(enumerate(value)), name)


def read_safetensors(path):
    """With the aliases that save_model left, which are names too."""
    with safetensors.safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no dictionary
        aliases = file.metadata() or {}
    return tensors | {alias: tensors[kept] for alias, kept in aliases.items() if kept in tensors}


def read_shards(path):
    names = json.loads(path.read_text())["weight_map"]
    return {name: read_safetensors(path.with_name(shard))[name] for name, shard in names.items()}


def attribute_of(net, name):
    """A tensor of a scripted module that its state_dict() does not have: which ones it has stands in its code."""
    try:
        value = functools.reduce(getattr, name.split("."), net)
    except AttributeError:
        return None
    return value.detach() if isinstance(value, torch.Tensor) else None


def truth_of(path):
    """All tensors by their names, and what finds those that upconv may have besides."""
    if path.name.endswith(".json"):
        return read_shards(path), {}.get
    if path.suffix == ".safetensors":
        return read_safetensors(path), {}.get
    if path.suffix in (".npy", ".npz"):
        loaded = np.load(path, allow_pickle=True)
        return dict(flat(loaded if isinstance(loaded, np.ndarray) else dict(loaded))), {}.get
    if path.suffix == ".pt2":
        program = torch.export.load(path)
        return dict(program.state_dict), program.constants.get
    try:
        net = torch.jit.load(path, map_location="cpu")
    except RuntimeError:
        return dict(flat(torch.load(path, map_location="cpu", weights_only=False))), {}.get
    return dict(flat(net)), functools.partial(attribute_of, net)


def as_torch(value):
    """An array with its bits, in this machine's order."""
    if isinstance(value, np.ndarray):
        native = np.array(value, dtype=value.dtype.newbyteorder("="), order="C")
        return torch.from_numpy(native)
    return value.detach().clone(memory_format=torch.contiguous_format)


def same(expected, got):
    """Bitwise, after the conversion that upconv did."""
    expected = as_torch(expected)
    if expected.dtype != got.dtype:
        if got.dtype == torch.float32 and expected.is_floating_point():
            expected = expected.float()
        elif got.dtype == torch.int64 and not expected.is_floating_point():
            expected = expected.to(torch.int64)
        else:
            return f"of {got.dtype}, not {expected.dtype}"
    if expected.shape != got.shape:
        return f"of shape {tuple(got.shape)}, not {tuple(expected.shape)}"
    both_nan = torch.zeros(1, dtype=torch.bool)
    if expected.dtype in (torch.float32, torch.float64):  # NaNs of other types may have become any NaN
        both_nan = expected.isnan() & got.isnan()
    a, b = (x.reshape(-1, 1).view(torch.uint8) for x in (expected, got.contiguous()))
    different = (a != b).any(1) & ~both_nan.reshape(-1)
    if different.any():
        first = int(different.nonzero()[0])
        return f"element {first} is {got.reshape(-1)[first]!r}, not {expected.reshape(-1)[first]!r}"
    return None


class Comparison:
    def __init__(self, program, folder, verbose):
        self.program, self.folder, self.verbose = program, folder, verbose
        self.equal = self.refused = self.wrong = 0

    def run(self, *arguments):
        return subprocess.run(
            [self.program, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False
        )

    def complain(self, path, what):
        self.wrong += 1
        print(f"WRONG {path.relative_to(self.folder)}: {what}", flush=True)

    def file(self, path):
        expected_words = next((words for end, words in REFUSED.items() if path.name.endswith(end)), None)
        with tempfile.TemporaryDirectory() as scratch:
            report = self.run("inspect", "--json", path)
            if expected_words is not None or report.returncode != 0:
                return self.refusal(path, report, expected_words)
            truth, besides = truth_of(path)
            got = {tensor["name"]: tensor for tensor in json.loads(report.stdout)["tensors"]}
            unreadable = {name: tensor["unreadable"] for name, tensor in got.items() if "unreadable" in tensor}
            out = pathlib.Path(scratch) / "out.safetensors"
            ignored = [word for name in unreadable for word in ("--ignore", name)]
            converted = self.run("convert", path, out, *ignored)
            if converted.returncode != 0:
                return self.complain(path, f"convert: {converted.stderr.strip()}")
            return self.tensors(path, truth, besides, got, unreadable, read_safetensors(out))

    def refusal(self, path, report, expected_words):
        said = report.stderr.strip()
        if report.returncode not in (0, 1):
            return self.complain(path, f"ends with {report.returncode}: {said[-300:]}")
        if expected_words is None:
            return self.complain(path, f"refused: {said}")
        if report.returncode == 0 or expected_words not in said:
            return self.complain(path, f"expected a refusal with {expected_words!r}, got {said or 'none'!r}")
        self.refused += 1
        if self.verbose:
            print(f"{path.relative_to(self.folder)}: refused: {said}")
        return None

    def tensors(self, path, truth, besides, got, unreadable, converted):
        for name in truth.keys() - got.keys():
            if isinstance(truth[name], np.ndarray) and is_unreadable(truth[name]):
                continue  # dates and texts in a pickle are no weights
            self.complain(path, f"{name} is missing")
        for name in got.keys() - truth.keys():
            if (value := besides(name)) is None:
                self.complain(path, f"{name} is in no truth")
            else:
                truth[name] = value
        for name in truth.keys() & got.keys():
            if name in unreadable:
                if not is_unreadable(truth[name]):
                    self.complain(path, f"{name} of {truth[name].dtype} is not read: {unreadable[name]}")
                else:
                    self.refused += 1
            elif is_unreadable(truth[name]):
                self.complain(path, f"{name} is read, which is {truth[name].dtype}")
            elif difference := same(truth[name], converted[name]):
                self.complain(path, f"{name}: {difference}")
            else:
                self.equal += 1


def is_sample(path):
    """Whether a file is one of weights, and no configuration beside them."""
    return path.is_file() and (path.suffix not in (".json", ".md", ".txt") or path.name.endswith(".index.json"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--verbose", action="store_true", help="show refusals that are expected")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    comparison = Comparison(given.program.resolve(), given.folder, given.verbose)
    for path in sorted(filter(is_sample, given.folder.rglob("*"))):
        try:
            comparison.file(path)
        except Exception as error:  # the next file is compared all the same
            comparison.complain(path, f"no comparison: {type(error).__name__}: {error}")
    print(f"{comparison.equal} equal, {comparison.refused} refused alike, {comparison.wrong} wrong")
    return 1 if comparison.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
