"""upconv from Python beside `upconv bench`, eager PyTorch and torch.compile, in one run: ./dev bench python --help

The engines, their processes and their rounds are those of compare.py: each row is computed by all of them from the same
weights and inputs, results must be PyTorch's, and samples are taken in turns. An engine's figure is the median over the
rounds of its samples' medians; ratios are medians over the rounds.

--check fails where a call from Python takes both 10 microseconds and 3 % more than `upconv bench`, of DCGAN, and where
eager PyTorch takes less than 2 times, or torch.compile less than 1.7 times as long as a call, of DCGAN at batch 1 and
16 and of pix2pix.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import compare
import machine
import models
from rows import find_row

ENGINES = ["upconv", "python", "pytorch", "torch.compile"]
ROWS = ["DCGAN, batch 1", "DCGAN, batch 16", "DCGAN, batch 64", "pix2pix, batch 1"]
PROMISED = {"pytorch": 2.0, "torch.compile": 1.7}  # times as long as upconv from Python


def measured(name: str, workers: compare.Workers, options: argparse.Namespace) -> list[str]:
    """Prints a row; what it does not keep of what is promised."""
    row = find_row(name)
    with tempfile.TemporaryDirectory() as folder:
        models.make(row, Path(folder))
        fit, failures = compare.prepare(row, workers, ENGINES[1:], "standard", Path(folder))
        samples, _, fallen = compare.measure(workers, fit, options.rounds, options.seconds)
    broken = [f"{name}: {engine}: {why}" for engine, why in (failures | fallen).items()]
    times = {engine: [one["median_ms"] for one in taken] for engine, taken in samples.items()}
    if "python" not in times or "upconv" not in times:
        return broken
    ratios = {
        engine: statistics.median(a / b for a, b in zip(taken, times["python"])) for engine, taken in times.items()
    }
    for engine, taken in times.items():
        print(f"{name:18} {engine:14} {statistics.median(taken):9.3f} ms  {ratios[engine]:5.2f}", flush=True)
    over = 1e3 * statistics.median(a - b for a, b in zip(times["python"], times["upconv"]))
    if name.startswith("DCGAN") and over > 10 and ratios["upconv"] < 1 / 1.03:
        broken.append(f"{name}: from Python it takes {over:.0f} us more than upconv bench, which is over 3 %")
    for engine, promised in PROMISED.items():
        if name != "DCGAN, batch 64" and ratios.get(engine, promised) < promised:
            broken.append(f"{name}: {engine} takes {ratios[engine]:.2f} times as long, {promised} are promised")
    return broken


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./dev bench python", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each sample")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a promise is not kept")
    options = parser.parse_args()
    print(machine.describe()["processor"], machine.threads_text(options.threads), machine.commit())
    broken = []
    with compare.Workers(ENGINES, options.threads) as workers:
        for name in ENGINES:
            print(f"{name}: {workers[name].ask('version')['version']}")
        for name in ROWS:
            broken += measured(name, workers, options)
    for promise in broken:
        print(f"not kept: {promise}", file=sys.stderr)
    return 1 if options.check and broken else 0


if __name__ == "__main__":
    sys.exit(main())
