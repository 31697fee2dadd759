"""The upconv program as benchmarks call it; needs nothing but Python itself."""

import json
import subprocess
from pathlib import Path

from paths import PROGRAM
from rows import Row


class Program:
    """One build of it; a failure is a RuntimeError with the program's own words."""

    def __init__(self, path: Path = PROGRAM):
        self.path = path

    def version(self) -> str:
        return self.call("--version").split()[-1]

    def call(self, *arguments: str) -> str:
        done = subprocess.run([self.path, *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())
        return done.stdout

    def bfloat16(self) -> str:
        """How this machine multiplies it: fast, tiles, or not faster than floats."""
        report = self.call("bench", "Conv2d(1, 1, 1)", "--input", "1,1,1,1", "--seconds", "0", "--json")
        return json.loads(report)["machine"]["bfloat16"]

    def has_fast_bfloat16(self) -> bool:
        """Whether this machine multiplies bfloat16 faster than floats."""
        return self.bfloat16() in ("fast", "tiles")

    def bench(self, row: Row, threads: int, seconds: float, *more: str, accuracy: str = "standard") -> dict:
        """What `upconv bench` reports of a row, with random weights unless `more` names some."""
        command = ["bench", *network_arguments(row, threads, accuracy), "--seconds", str(seconds), "--json"]
        for shape in row.inputs():
            command += ["--input", ",".join(map(str, shape))]
        return json.loads(self.call(*command, *more))


def network_arguments(row: Row, threads: int, accuracy: str = "standard") -> list[str]:
    """The row's network and how it is compiled: tuned for throughput where the batch is more than 1."""
    tune = "throughput" if row.input[0] > 1 else "latency"
    words = [row.spec, "--threads", str(threads), "--tune", tune, "--accuracy", row.accuracy or accuracy]
    words += ["--precision", row.precision] if row.precision != "float32" else []
    return words + (["--round-inputs"] if row.rounds_inputs else [])
