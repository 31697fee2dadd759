"""Makes strangers/: checkpoints as training scripts leave them, with more in them than tensors.

    pip install -r tests/golden/requirements.txt
    python tests/golden/strangers.py

Each has the weights of one network, whose state_dict is in net.safetensors. Running it again changes no byte but the
names of storages in whole_model_legacy.pth, which are addresses, and what script.pt says of itself.
"""

import argparse
import codecs
import collections
import copy
import datetime
import json
import pathlib
import sys

import numpy as np
import torch
from torch import nn

FOLDER = pathlib.Path(__file__).resolve().parent / "strangers"
sys.path.insert(0, str(FOLDER.parents[2] / "examples" / "weights"))

from convert_dcgan import write_safetensors  # noqa: E402


class Block(nn.Module):
    """A user's own, with a buffer that is not saved, a child that is None and a member that is no parameter."""

    def __init__(self):
        super().__init__()
        self.conv = nn.ConvTranspose2d(3, 2, 3)
        self.register_buffer("window", torch.rand(3))
        self.register_buffer("scratch", torch.rand(2), persistent=False)
        self.register_module("nothing", None)
        self.register_parameter("absent", None)
        self.seen = torch.rand(2)

    def forward(self, x):
        return self.conv(x)


class Scale(torch.Tensor):
    """A tensor of a class of its own."""


def network():
    torch.manual_seed(0)
    net = nn.Sequential(nn.ConvTranspose2d(4, 3, 3, bias=False), nn.BatchNorm2d(3), nn.ReLU(), Block()).eval()
    for values in net.state_dict().values():
        if values.is_floating_point():
            values.copy_(torch.randn(values.shape))
    return net


def script(net):
    """What a training script for GANs saves."""
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-4)
    net(torch.randn(1, 4, 2, 2)).sum().backward()
    optimizer.step()
    return {
        "epoch": 3,
        "args": argparse.Namespace(lr=2e-4, out=pathlib.PurePosixPath("runs/1"), flags={"a", "b"}, ratio=0.5),
        "best": np.float64(0.25),
        "when": datetime.datetime(2026, 11, 29, 12, 0),
        "losses": collections.deque([0.5, 0.25], maxlen=8),
        "log": collections.defaultdict(list, {"G": [1.0]}),
        "seen": collections.Counter("aab"),
        "curve": np.arange(3.0),
        "generator": torch.Generator().get_state()[:8],
        "optG": optimizer.state_dict(),
    }


def unreadable(state):
    """The weights, and tensors that upconv does not compute on."""
    quantised = torch.quantize_per_tensor(torch.rand(3), 0.1, 0, torch.qint8)
    return state | {
        "spectrum": torch.randn(2, 3, dtype=torch.complex64),
        "edges": torch.eye(3).to_sparse(),
        "eighths": torch.randn(4).to(torch.float8_e4m3fn),
        "quantised": quantised,
        "nowhere": torch.empty(2, 2, device="meta"),
    }


class Made:
    """Pickled as a call of a function that is never made."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def odd_arrays():
    """Arrays of NumPy that are no plain ones, and some that NumPy would refuse."""
    scalar, from_buffer = np._core.multiarray.scalar, np._core.numeric._frombuffer
    four, eight = np.dtype("f4"), np.dtype("f8")
    return {
        "plain": np.arange(3.0),
        "objects": np.array([{"epoch": 3}, None], dtype=object),
        "text": np.array(["G", "D"]),
        "records": np.zeros(2, [("x", "f4")]),
        "wave": np.ones(2, np.complex64),
        "moment": np.datetime64("2026-11-29"),
        "short": Made(scalar, eight, b"abc"),
        "encoded": Made(scalar, eight, Made(codecs.encode, "abcdefgh", "utf-8")),
        "wide": Made(scalar, eight, Made(codecs.encode, "abcdefg\u0100", "latin1")),
        "twice": Made(from_buffer, bytes(24), four, (2, 3), "K", (0, 0)),
        "fewer": Made(from_buffer, bytes(24), four, (2, 3), "K", (0,)),
        "huge": Made(from_buffer, b"", four, (2**62, 8), "C"),
        "bomb": Made(from_buffer, b"", four, (2**36,), "C"),
        "negative": Made(from_buffer, b"", four, (-1,), "C"),
        "untyped": Made(from_buffer, b"", 3, (0,), "C"),
        "nothing": Made(scalar),
    }


def save(value, name, **options):
    torch.manual_seed(0)
    torch.save(value, FOLDER / name, **options)


def write_foreign_safetensors(state, name):
    """One with a tensor of float8, as newer libraries save them, and one of 4 bits."""
    path = FOLDER / name
    write_safetensors(path, state)
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    header, data = json.loads(whole[8 : 8 + length]), whole[8 + length :]
    for tensor, kind, shape, size in (("eighths", "F8_E4M3", [4], 4), ("halves", "F4", [2, 3], 3)):
        header[tensor] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + size]}
        data += bytes(range(size))
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def main():
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    net = network()
    state = {name: values.clone() for name, values in net.state_dict().items()}
    write_safetensors(FOLDER / "net.safetensors", state)
    save(net, "whole_model.pth")
    save(net, "whole_model_protocol_5.pth", pickle_protocol=5)
    save(net, "whole_model_legacy.pth", _use_new_zipfile_serialization=False)
    save({"ema": nn.DataParallel(net), "decay": 0.999}, "wrapped.pth")
    for protocol in (2, 3, 4, 5):
        everything = script(copy.deepcopy(net)) | {"netG": state}
        save(everything, f"script_protocol_{protocol}.pth", pickle_protocol=protocol)
    save(unreadable(state), "unreadable.pth")
    save(odd_arrays(), "odd_arrays.pth")
    odd = copy.deepcopy(net)
    odd[0].weight.note = "an attribute"
    odd_state = odd.state_dict(keep_vars=True)
    odd_state["1.weight"] = odd_state["1.weight"].detach().as_subclass(Scale)
    save(odd_state, "classes.pth")
    save({name: values for name, values in state.items() if "num_batches" not in name}, "before_0_4.pth")
    write_foreign_safetensors(state, "foreign.safetensors")
    objects = np.array([{"epoch": 3}, None], dtype=object)
    arrays = {name: values.numpy() for name, values in state.items()}
    np.savez(FOLDER / "arrays.npz", log=objects, names=np.array(["G", "D"]), wave=np.ones(2, np.complex64), **arrays)
    torch.jit.save(torch.jit.script(net), FOLDER / "script.pt")


if __name__ == "__main__":
    main()
