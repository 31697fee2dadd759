#!/usr/bin/env python3
"""From the start of a process to its end with one DCGAN image on disk: medians over many processes, in turns.

    python3 benchmarks/start.py [--program build/release/upconv] [--runs 100] [--promise 30]
                                [--python PYTHON [--promise-exported 1.3]]

"nothing" is `upconv --version`: what the system takes to start the program at all. "packed here" packs the weights at
first use; "packed before" finds what `upconv pack` saved. With --promise it fails where the median of either takes
longer than so many milliseconds.

With --python, which must have PyTorch, the same network is exported too, and beside "exported, ..." stand the same
float32 weights in safetensors; with --promise-exported it fails where the median ratio of the former to the latter is
more."""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

# What writes the shipped DCGAN as .pt2: the weights, the archive.
EXPORT = """
import json
import sys
import torch
from torch import nn

def up(i, o):
    return [nn.ConvTranspose2d(i, o, 4, 2, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(True)]

class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(100, 512, 4, bias=False), nn.BatchNorm2d(512), nn.ReLU(True),
            *up(512, 256), *up(256, 128), *up(128, 64), nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh())

    def forward(self, z):
        return self.main(z)

data = open(sys.argv[1], "rb").read()
length = int.from_bytes(data[:8], "little")
types = {"F32": torch.float32, "I64": torch.int64}
state = {}
for name, tensor in json.loads(data[8 : 8 + length]).items():
    if name != "__metadata__":
        begin, end = tensor["data_offsets"]
        values = torch.frombuffer(bytearray(data[8 + length + begin : 8 + length + end]), dtype=types[tensor["dtype"]])
        state[name] = values.reshape(tensor["shape"])
netG = Generator()
netG.load_state_dict(state)
z = torch.randn(2, 100, 1, 1)
program = torch.export.export(netG.eval(), (z,), dynamic_shapes=({0: torch.export.Dim("batch")},))
torch.export.save(program, sys.argv[2])
"""

SOURCE = pathlib.Path(__file__).resolve().parent.parent


def milliseconds(command):
    start = time.perf_counter()
    process = os.posix_spawn(
        command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    )
    _, status = os.waitpid(process, 0)
    if status != 0:
        sys.exit(f"{' '.join(command)}: failed")
    return (time.perf_counter() - start) * 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(SOURCE / "build/release/upconv"))
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--promise", type=float, help="milliseconds")
    parser.add_argument("--python", help="a Python with PyTorch, to export the network")
    parser.add_argument("--promise-exported", type=float, help="times as long as from safetensors", metavar="RATIO")
    options = parser.parse_args()
    if options.promise_exported and not options.python:
        parser.error("--promise-exported needs --python")
    with tempfile.TemporaryDirectory() as folder:
        plain, packed = pathlib.Path(folder, "plain.safetensors"), pathlib.Path(folder, "packed.safetensors")
        for weights in plain, packed:
            shutil.copy(SOURCE / "examples/weights/dcgan.safetensors", weights)
        subprocess.run(
            [options.program, "pack", "dcgan", "--weights", str(packed)], check=True, stdout=subprocess.DEVNULL
        )
        sheet = ["--count", "1", "--batch", "1", "--out", str(pathlib.Path(folder, "fake.png"))]
        paint = [options.program, "generate", *sheet]
        rows = {
            "nothing": [options.program, "--version"],
            "packed here": [*paint, "--weights", str(plain)],
            "packed before": [*paint, "--weights", str(packed)],
            "packed here, one thread": [*paint, "--weights", str(plain), "--threads", "1"],
        }
        if options.python:
            full, exported = pathlib.Path(folder, "full.safetensors"), pathlib.Path(folder, "full.pt2")
            convert = [options.program, "convert", str(plain), str(full), "--dtype", "f32"]
            subprocess.run(convert, check=True, stdout=subprocess.DEVNULL)
            subprocess.run([options.python, "-c", EXPORT, str(full), str(exported)], check=True)
            rows["float32, packed here"] = [*paint, "--weights", str(full)]
            rows["exported, packed here"] = [options.program, "generate", str(exported), *sheet]
        times = {name: [] for name in rows}
        for _ in range(options.runs):
            for name, command in rows.items():
                times[name].append(milliseconds(command))
    print(f"{'':24}  {'median':>8}  {'least':>8}  ms of {options.runs} processes")
    for name, row in times.items():
        print(f"{name:24}  {statistics.median(row):8.2f}  {min(row):8.2f}")
    promised = [statistics.median(times[name]) for name in ("packed here", "packed before")]
    kept = not options.promise or max(promised) <= options.promise
    if options.python:
        pairs = zip(times["exported, packed here"], times["float32, packed here"], strict=True)
        ratio = statistics.median(a / b for a, b in pairs)
        print(f"exported takes {ratio:.3f} times as long as float32")
        kept = kept and not (options.promise_exported and ratio > options.promise_exported)
    return 0 if kept else 1


sys.exit(main())
