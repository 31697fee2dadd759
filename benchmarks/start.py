#!/usr/bin/env python3
"""From the start of a process to its end with one DCGAN image on disk: medians over many processes, in turns.

    python3 benchmarks/start.py [--program build/release/upconv] [--runs 100] [--promise 30]

"nothing" is `upconv --version`: what the system takes to start the program at all. "packed here" packs the weights at
first use; "packed before" finds what `upconv pack` saved. With --promise it fails where the median of either takes
longer than so many milliseconds."""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

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
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        plain, packed = pathlib.Path(folder, "plain.safetensors"), pathlib.Path(folder, "packed.safetensors")
        for weights in plain, packed:
            shutil.copy(SOURCE / "examples/weights/dcgan.safetensors", weights)
        subprocess.run(
            [options.program, "pack", "dcgan", "--weights", str(packed)], check=True, stdout=subprocess.DEVNULL
        )
        paint = [
            options.program,
            "generate",
            "--count",
            "1",
            "--batch",
            "1",
            "--out",
            str(pathlib.Path(folder, "fake.png")),
        ]
        rows = {
            "nothing": [options.program, "--version"],
            "packed here": [*paint, "--weights", str(plain)],
            "packed before": [*paint, "--weights", str(packed)],
            "packed here, one thread": [*paint, "--weights", str(plain), "--threads", "1"],
        }
        times = {name: [] for name in rows}
        for _ in range(options.runs):
            for name, command in rows.items():
                times[name].append(milliseconds(command))
    print(f"{'':24}  {'median':>8}  {'least':>8}  ms of {options.runs} processes")
    for name, row in times.items():
        print(f"{name:24}  {statistics.median(row):8.2f}  {min(row):8.2f}")
    promised = [statistics.median(times[name]) for name in ("packed here", "packed before")]
    return 1 if options.promise and max(promised) > options.promise else 0


sys.exit(main())
