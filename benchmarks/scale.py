#!/usr/bin/env python3
"""Pictures a second of `upconv generate --shards` and of upconv.ray, beside `upconv bench`, in turns: ./dev bench scale

    ./dev bench scale [formats] [ray] [million] [--threads 2] [--rounds 5] [--pictures 16000] [--check]

DCGAN at 64x64, batch 64; figures are medians over the rounds, ratios medians over the rounds' ratios.

formats: `upconv generate` with --format png, npy and jpeg. "bench" is `upconv bench dcgan --input 64,100,1,1`, "tuned"
the same with --tune throughput, which shards take by themselves.
ray: a cluster of this machine with one worker, and with as many as there are threads, of one thread each, beside
`upconv generate` of the same pictures. Ray comes into build/python.
million: a million pictures with --format npy in one process, 51 GB of disk, and the memory that it has meanwhile.
Formats alone where none is named.

--check fails where --format png has less than 0.85 of "tuned", npy or the million less than 0.9 of "bench", the workers
less than 0.925 of so many times one (1.85 of two) or less than 0.95 of `upconv generate`, and where the million's
memory is at last a tenth above what it was during the first tenth."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import machine
from paths import PROGRAM

RAY_PICTURES, RAY_SHARDS = 20_480, 8
MILLION, MILLION_SHARDS = 1_000_000, 125
PARTS = ("formats", "ray", "million")
ONE_WORKER = "Ray, 1 worker"


def workers(threads: int) -> str:
    return f"Ray, {threads} workers"


def bench(threads: int, *more: str) -> float:
    """Pictures a second of the network alone."""
    words = f"bench dcgan --input 64,100,1,1 --threads {threads} --seconds 4 --json"
    command = [PROGRAM, *words.split(), *more]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["images_per_s"]


def generate(folder: Path, pictures: int, shards: int, threads: int, form: str) -> list[str | Path]:
    """The command that paints into an empty folder."""
    out = str(folder / "fake-{shard:05d}.tar")
    return [
        *[PROGRAM, "generate", "--latents", "philox", "--count", str(pictures), "--shards", str(shards), "--out", out],
        *["--threads", str(threads), "--format", form],
    ]


def painted(place: Path, pictures: int, shards: int, threads: int, form: str) -> float:
    """Pictures a second from the start of the process to its end."""
    with tempfile.TemporaryDirectory(dir=place) as folder:
        began = time.perf_counter()
        subprocess.run(generate(Path(folder), pictures, shards, threads, form), check=True, stdout=subprocess.DEVNULL)
        return pictures / (time.perf_counter() - began)


def painted_on_ray(place: Path, workers: int) -> float:
    """Pictures a second from the call of generate() on, in a process and a cluster of its own."""
    with tempfile.TemporaryDirectory(dir=place) as folder, tempfile.TemporaryDirectory(dir="/tmp") as short:
        command = [sys.executable, "-c", RAY, str(workers), short, folder]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


# A cluster that has painted one shard before: how long workers take to start is not asked.
RAY = f"""
import sys
import time
import ray
import upconv.ray
from upconv import nn

def up(i, o):
    return [nn.ConvTranspose2d(i, o, 4, 2, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]

workers, short, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3]
ray.init(
    num_cpus=workers, include_dashboard=False, object_store_memory=100 * 2**20, log_to_driver=False, _temp_dir=short)
upconv.manual_seed(0)
network = nn.Sequential(
    nn.ConvTranspose2d(100, 512, 4, bias=False), nn.BatchNorm2d(512), nn.ReLU(), *up(512, 256), *up(256, 128),
    *up(128, 64), nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh())

def paint(name, count, shards):
    return upconv.ray.generate(
        network, folder + "/" + name + "-{{shard:05d}}.tar", shards, count=count, shape=(100, 1, 1), progress=False)

paint("first", 64 * workers, workers)
time.sleep(3)  # Ray's own processes begin, too
summary = paint("fake", {RAY_PICTURES}, {RAY_SHARDS})
ray.shutdown()
print(summary.pictures / summary.seconds)
"""


def million(place: Path, threads: int) -> tuple[float, list[float]]:
    """Pictures a second, and the megabytes in memory at each hundredth of the pictures."""
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder, megabytes = Path(name), []
        began = time.perf_counter()
        with subprocess.Popen(
            generate(folder, MILLION, MILLION_SHARDS, threads, "npy"), stdout=subprocess.DEVNULL
        ) as process:
            while process.poll() is None:
                whole = sum(1 for _ in folder.glob("fake-?????.tar"))
                while len(megabytes) < 100 * whole // MILLION_SHARDS:
                    status = Path(f"/proc/{process.pid}/status").read_text()
                    resident = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
                    megabytes += [int(resident[0]) / 1024] if resident else megabytes[-1:]
                time.sleep(0.2)
        if process.returncode != 0:
            raise RuntimeError(f"upconv generate: exit status {process.returncode}")
        return MILLION / (time.perf_counter() - began), megabytes


def measure(options: argparse.Namespace) -> dict[str, list[float]]:
    """Each one's pictures a second, round by round."""
    place, threads = options.place, options.threads
    ways: dict[str, Callable[[], float]] = {}
    if set(options.parts) != {"ray"}:
        ways["bench"] = lambda: bench(threads)
    if "formats" in options.parts:
        ways["tuned"] = lambda: bench(threads, "--tune", "throughput")
        for form in ("png", "npy", "jpeg"):
            ways[form] = lambda form=form: painted(place, options.pictures, 2, threads, form)
    if "ray" in options.parts:
        ways["generate"] = lambda: painted(place, RAY_PICTURES, RAY_SHARDS, threads, "png")
        ways[ONE_WORKER] = lambda: painted_on_ray(place, 1)
        ways[workers(threads)] = lambda: painted_on_ray(place, threads)
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, way in ways.items():
            rates[name].append(way())
            time.sleep(machine.SETTLE)
    return rates


def judged(rates: dict[str, list[float]], promises: list[tuple[str, str, float]]) -> list[str]:
    """Prints each promise, one's rate divided by another's; those that are not kept."""
    broken = []
    for one, other, least in promises:
        kept = statistics.median(a / b for a, b in zip(rates[one], rates[other]))
        print(f"{one} / {other}: {kept:.2f} (promised: {least:.2f})")
        if kept < least:
            broken.append(f"{one} has {kept:.2f} of {other}, {least:.2f} are promised")
    return broken


def judged_million(options: argparse.Namespace, beside: float) -> list[str]:
    """Paints them, and prints how that went; what is promised and not kept."""
    rate, megabytes = million(options.place, options.threads)
    first, last = max(megabytes[:10]), max(megabytes[90:])
    print(f"a million: {rate:.0f} pictures/s, {rate / beside:.2f} of bench (promised: 0.90), {MILLION / rate:.0f} s")
    print(f"memory: at most {first:.0f} MB in the first tenth, {last:.0f} in the last, {max(megabytes):.0f} in all")
    broken = []
    if rate < 0.9 * beside:
        broken.append(f"a million have {rate / beside:.2f} of bench, 0.90 are promised")
    if last > 1.1 * first:
        broken.append(f"memory grew from {first:.0f} to {last:.0f} MB")
    return broken


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./dev bench scale", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; the first where none is named")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=16_000)
    parser.add_argument("--place", type=Path, default=Path(), help="a folder on the disk that is measured")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a promise is not kept")
    options = parser.parse_args()
    options.parts = options.parts or list(PARTS[:1])
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"expected parts of {', '.join(PARTS)}, got {', '.join(sorted(unknown))}")
    options.place = options.place.resolve()
    # Ray's own niceness leaves workers what others do not want: docs/scale.md.
    os.environ |= {"RAY_worker_niceness": "0", "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    print(machine.describe()["processor"], machine.threads_text(options.threads), machine.commit(), flush=True)

    rates = measure(options)
    for name, taken in rates.items():
        print(f"{name:16} {statistics.median(taken):8.0f} pictures/s, from {min(taken):.0f} to {max(taken):.0f}")
    promises = []
    if "formats" in options.parts:
        promises += [("png", "tuned", 0.85), ("npy", "bench", 0.9)]
    if "ray" in options.parts:
        many = workers(options.threads)
        promises += [(many, ONE_WORKER, 0.925 * options.threads), (many, "generate", 0.95)]
    broken = judged(rates, promises)
    if "million" in options.parts:
        broken += judged_million(options, statistics.median(rates["bench"]))
    for promise in broken:
        print(f"not kept: {promise}", file=sys.stderr)
    return 1 if options.check and broken else 0


if __name__ == "__main__":
    sys.exit(main())
