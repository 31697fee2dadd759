"""upconv beside other engines, on this machine, now: `./dev bench` runs it in its own virtual environment.

Each engine is a process of its own (engines.py), and only one works at any time. For each row (rows.py) every engine
computes the same input with the same weights (models.py), and its result must be PyTorch's within TOLERANCE of the
largest output before anything is timed; in bfloat16 its error must be within ROUNDED times that of PyTorch's bfloat16,
both as the root of the mean square of what is left of PyTorch's float32. Where a machine has no fast bfloat16, rows of
it are not measured. Then rounds: each engine samples for some seconds, in an order that rotates
from round to round, and the machine's own limit of multiply-adds is measured between them. An engine's figure is the
median over the rounds of its samples' medians. The fastest peer is the one with the least figure, and a ratio is the
median over the rounds of a peer's time divided by upconv's in the same round: what slows the machine for half a minute
slows both. The part of the machine's limit that upconv reaches is taken from each round in the same way. Where the host
of a virtual machine took much of a sample's time, it is taken once more (machine.py).
"""

import argparse
import contextlib
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import choice
import judge
import machine
import models
import numpy as np
import report
from engines import ENGINES
from paths import BENCHMARKS, ROOT
from program import Program
from rows import GROUPS, Group, Row

TOLERANCE = 1e-4  # of the largest output
ROUNDED = 2.0  # times the error of PyTorch's bfloat16


class Worker:
    """An engine's process."""

    def __init__(self, name: str, threads: int):
        environment = dict(os.environ)
        for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            environment[variable] = str(threads)
        command = [sys.executable, Path(__file__).with_name("engines.py"), name]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.name = name

    def ask(self, command: str, **request) -> dict:
        """The answer; RuntimeError where the engine refuses or has died."""
        try:
            print(json.dumps({"command": command, **request}), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(f"its process ended with status {self.process.wait()}")
        reply = json.loads(line)
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # it may have died with a request unread
            self.process.stdin.close()
        self.process.wait()


class Workers:
    """One process for each engine, for one number of threads; one that died is started again for the next row."""

    def __init__(self, names: list[str], threads: int):
        self.threads = threads
        self.workers = {name: Worker(name, threads) for name in names}

    def __getitem__(self, name: str) -> Worker:
        if self.workers[name].process.poll() is not None:
            self.workers[name] = Worker(name, self.threads)
        return self.workers[name]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for worker in self.workers.values():
            worker.close()


def benchmark(name: str, counter: str, threads: int) -> dict[str, float]:
    """Limits that upconv_benchmarks measures: the most of five short runs, as a host that stops the machine is none."""
    command = [BENCHMARKS, f"--benchmark_filter=^{name}", "--benchmark_min_time=0.02", "--benchmark_repetitions=5"]
    output = subprocess.run([*command, "--benchmark_format=json"], check=True, capture_output=True).stdout
    found = {}
    for run in json.loads(output)["benchmarks"]:
        if run["run_type"] == "iteration" and run["threads"] == threads:
            found.setdefault(run["name"].split("/")[1], []).append(run[counter])
    return {name: max(values) for name, values in found.items()}


def peak(isa: str, threads: int) -> float:
    """GFLOP/s of multiply-adds in registers: one thread's, times the threads."""
    return benchmark(f"peak/{isa}/", "GFLOP/s", 1)[isa] * threads


def bandwidths(threads: int) -> dict[str, float]:
    """GB/s that all threads together read, for each level of memory."""
    return {level: rate / 1e9 for level, rate in benchmark("bandwidth/", "bytes_per_second", threads).items()}


def prepare(
    row: Row, workers: Workers, peers: list[str], accuracy: str, folder: Path
) -> tuple[list[str], dict[str, str]]:
    """Every engine ready to run the row's files; which ones give PyTorch's result, and why the others are out."""

    def result(name: str, precision: str) -> np.ndarray:
        files = {"folder": str(folder), "output": str(folder / f"{name}.npy")}
        how = {"accuracy": accuracy, "precision": precision}
        workers[name].ask("prepare", row=row.name, threads=workers.threads, **how, **files)
        return np.load(files["output"])

    def rms(y: np.ndarray) -> float:
        return float(np.sqrt(np.mean(np.square(y - truth, dtype=np.float64))))

    truth = result("pytorch", "float32")
    rounded = row.precision == "bfloat16"
    own = result("pytorch", row.precision) if rounded else truth
    scale, most = np.abs(truth).max(), ROUNDED * rms(own)
    fit, failures = [], {}
    for name in ["upconv", *(peer for peer in peers if peer not in row.without)]:
        try:
            y = own if name == "pytorch" else result(name, row.precision)
            if y.shape != truth.shape:
                raise RuntimeError(f"its result is {y.shape}, PyTorch's {truth.shape}")
            if rounded and not rms(y) <= most:
                raise RuntimeError(f"it errs {ROUNDED * rms(y) / most:.1f} times as much as PyTorch's bfloat16")
            error = np.abs(y - truth).max() / scale
            if not rounded and not error <= TOLERANCE:
                raise RuntimeError(f"its result differs from PyTorch's by {error:.1e} of the largest output")
            fit.append(name)
        except RuntimeError as error:
            failures[name] = str(error)
    return fit, failures


def measure(workers: Workers, engines: list[str], rounds: int, seconds: float) -> tuple[dict, list[float], dict]:
    """Rounds of samples of each engine, the machine's limit in each round, and why an engine fell out."""
    samples = {name: [] for name in engines}
    peaks, failures = [], {}
    for turn in range(rounds):
        first = turn % len(engines)
        for name in engines[first:] + engines[:first]:
            if name in failures:
                continue
            try:
                take = partial(workers[name].ask, "run", seconds=seconds)
                samples[name].append(machine.sample(take, workers.threads))
            except RuntimeError as error:
                failures[name] = str(error)
                del samples[name]
        if "upconv" in samples:
            peaks.append(peak(samples["upconv"][0]["isa"], workers.threads))
    return samples, peaks, failures


def line_of(row: dict) -> str:
    """A row's line on the terminal."""
    times = [f"{name} {row['engines'][name]['ms']:.3f}" for name in row["engines"]]
    times += [f"{name} failed ({why})" for name, why in row["failures"].items()]
    ratio = f"{row['ratio']:5.2f}" if row["ratio"] else "    -"
    peak = f"{row['of_peak']:4.0%}" if row["of_peak"] else "   -"
    return f"{row['name']:29} {machine.threads_text(row['threads']):9} {ratio} {peak} of peak   {', '.join(times)}"


def names(text: str) -> list[str]:
    return text.split(",")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./dev bench",
        description="upconv beside other engines: a table, a JSON file and two pictures.",
        epilog="It fails with --check where a promise of benchmarks/rows.py is not kept, and where upconv takes an "
        "algorithm that is slower than another (`./dev choice`).",
    )
    peers = [name for name in ENGINES if name != "upconv"]
    counts = machine.thread_counts()
    parser.add_argument("--rows", metavar="REGEX", default="", help="only rows whose names contain it")
    parser.add_argument("--threads", metavar="1,2", type=machine.numbers, default=counts, help="numbers of threads")
    parser.add_argument("--peers", metavar="NAMES", type=names, default=peers, help=f"some of {','.join(peers)}")
    parser.add_argument(
        "--accuracy",
        choices=["exact", "standard", "fast"],
        default="standard",
        help="upconv's, but for rows that have their own: exact has direct kernels alone (default standard, which the "
        "promises are of)",
    )
    parser.add_argument("--rounds", type=int, help="rounds of each row (default 5)")
    parser.add_argument("--seconds", type=float, help="of each sample (default 0.3)")
    parser.add_argument("--quick", action="store_true", help="2 rounds of 0.1 seconds: whether it works, not how fast")
    parser.add_argument("--out", metavar="DIR", type=Path, default=ROOT / "build/compare", help="where the files go")
    parser.add_argument(
        "--check", action="store_true", help="exit with 1 where a promise is not kept or a choice is bad"
    )
    parser.add_argument("--publish", action="store_true", help="put table and pictures of a whole run into docs/")
    options = parser.parse_args()
    if unknown := set(options.peers) - set(peers):
        parser.error(f"--peers: unknown {', '.join(sorted(unknown))}: there are {', '.join(peers)}")
    slow = not Program().has_fast_bfloat16()
    if slow:
        print("bfloat16: this machine has no fast instructions for it, so its rows are not measured")
    whole = not (options.rows or options.quick) and (options.peers, options.threads) == (peers, counts)
    if options.publish and not (whole and options.accuracy == "standard"):
        parser.error("--publish takes a whole run: no --rows, --threads, --peers, --accuracy or --quick")
    if (options.rounds or 1) < 1 or (options.seconds or 0) < 0:
        parser.error("--rounds and --seconds are not negative")
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or (0.1 if options.quick else 0.3)
    chosen = [
        (group, row)
        for group in GROUPS
        for row in group.rows
        if re.search(options.rows, row.name) and any(map(group.measured_on, options.threads))
        if not (slow and group.precision == "bfloat16")
    ]
    if not chosen and slow:
        parser.exit(0)
    if not chosen:
        parser.error(f"--rows: no row for these numbers of threads has a name that contains {options.rows!r}")
    options.chosen = chosen
    return options


def compare_row(group: Group, row: Row, workers: Workers, options: argparse.Namespace) -> dict:
    accuracy = row.accuracy or options.accuracy
    size, samples, peaks = {"flops": 0, "bytes": 0}, {}, []
    with tempfile.TemporaryDirectory() as folder:
        try:
            size = models.make(row, Path(folder))
            fit, failures = prepare(row, workers, options.peers, accuracy, Path(folder))
        except RuntimeError as error:  # without PyTorch's result nobody knows what is right
            fit, failures = [], {"pytorch": str(error)}
        if "upconv" in fit:
            samples, peaks, fallen = measure(workers, fit, options.rounds, options.seconds)
            failures |= fallen
    return judge.summary(row, group, accuracy, workers.threads, size, samples, peaks, failures)


def run(options: argparse.Namespace) -> dict:
    start = time.monotonic()
    names = list(dict.fromkeys(["upconv", "pytorch", *options.peers]))  # PyTorch says what is right, timed or not
    rows, bandwidth, versions = [], {}, {}
    for threads in options.threads:
        bandwidth[threads] = bandwidths(threads)
        with Workers(names, threads) as workers:
            versions = {name: workers[name].ask("version")["version"] for name in names}
            for group, row in options.chosen:
                if group.measured_on(threads):
                    rows.append(compare_row(group, row, workers, options))
                    print(line_of(rows[-1]), flush=True)
    means = judge.group_means(rows, options.threads)
    return {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="minutes"),
        "minutes": (time.monotonic() - start) / 60,
        "commit": machine.commit(),
        "machine": machine.describe(),
        "versions": versions,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "accuracy": options.accuracy,
        "bandwidth_gb_s": bandwidth,
        "rows": rows,
        "groups": means,
        "broken_promises": judge.broken_promises(rows, means),
    }


def main() -> int:
    options = arguments()
    found = run(options)
    choices = []
    if options.check or options.publish:
        choices = choice.judge_all(options.rows, options.threads, options.seconds)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "compare.json").write_text(json.dumps(found, indent=1) + "\n")
    (options.out / "compare.md").write_text(report.markdown(found))
    report.draw_ratios(found, options.out / "ratios.png")
    report.draw_roofline(found, options.out / "roofline.png")
    if choices:
        choice.write(choices, options.out)
    for mean in found["groups"]:
        print(f"geometric mean of {mean['group']}, {machine.threads_text(mean['threads'])}: {mean['mean']:.2f}")
    print(f"{options.out}/compare.md, compare.json, ratios.png, roofline.png")
    if options.publish:
        for file in ("compare.md", "choice.md", "ratios.png", "roofline.png"):
            shutil.copy(options.out / file, ROOT / "docs")
    bad_choices = choice.bad_choices(choices)
    for promise in found["broken_promises"]:
        print(f"not kept: {promise}", file=sys.stderr)
    for text in bad_choices:
        print(f"bad choice: {text}", file=sys.stderr)
    return 1 if options.check and (found["broken_promises"] or bad_choices) else 0


if __name__ == "__main__":
    sys.exit(main())
