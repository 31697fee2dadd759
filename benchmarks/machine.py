"""This machine: what figures belong to, and samples of a time that its host leaves alone."""

import os
import platform
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from paths import ROOT

SETTLE = 0.1  # seconds after a sample, so that threads which spin while they wait for work have gone to sleep
STOLEN = 0.05  # of a sample's time; where the host took more it is taken once more, and the one that lost less counts


def arm_model() -> re.Match | None:
    """/proc/cpuinfo has numbers there, which lscpu knows the names of."""
    if platform.machine() not in ("aarch64", "arm64"):
        return None
    try:
        told = subprocess.run(["lscpu"], capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return None
    return re.search(r"Model name\s*:\s*(.*)", told)


def describe() -> dict:
    """What the figures belong to."""
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.exists() else ""
    model = re.search(r"model name\s*:\s*(.*)", text) or arm_model()
    caches = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        if (index / "type").read_text().strip() != "Instruction":
            caches[f"L{(index / 'level').read_text().strip()}"] = (index / "size").read_text().strip()
    return {
        "processor": model[1] if model else platform.processor(),
        "virtual": "hypervisor" in text,
        "threads": os.cpu_count(),
        "caches": caches,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def commit() -> str:
    """The tree's, "-dirty" where it has changes."""
    command = ["git", "-C", ROOT, "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def threads_text(threads: int) -> str:
    return f"{threads} thread{'' if threads == 1 else 's'}"


def thread_counts() -> list[int]:
    """Those that are measured where nobody asks for others."""
    return sorted({1, min(2, os.cpu_count() or 1)})


def numbers(text: str) -> list[int]:
    """An option's "1,2"."""
    values = [int(number) for number in text.split(",")]
    if min(values) < 1:
        raise ValueError(text)
    return values


def stolen_seconds() -> float:
    """What the host took from this virtual machine's processors so far, as Linux counts it."""
    try:
        return int(Path("/proc/stat").read_text().split()[8]) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0.0


def sample(run: Callable[[], dict], threads: int) -> dict:
    """One sample, or the better of two."""
    takes = []
    for _ in range(2):
        before, start = stolen_seconds(), time.monotonic()
        takes.append(run())
        takes[-1]["stolen"] = (stolen_seconds() - before) / (time.monotonic() - start) / threads
        time.sleep(SETTLE)
        if takes[-1]["stolen"] <= STOLEN:
            break
    return min(takes, key=lambda take: take["stolen"])
