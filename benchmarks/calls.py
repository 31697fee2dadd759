"""What a call from Python costs beside the network: PYTHONPATH=build/release/python python benchmarks/calls.py

A network of two small layers, whose own time is below a microsecond, and DCGAN, each as a network and as a program that
was compiled of it, called in turns with tensors of PyTorch and arrays of NumPy. The minimum of many rounds is quoted,
with the median behind it. --promise 5 fails where a call of the small network takes more microseconds than that, or one
of DCGAN 10 microseconds or 3 % more than its program; on two threads that needs a machine that does nothing else.
"""

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
import upconv
from torch import nn

TINY = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
DCGAN = nn.Sequential(
    nn.ConvTranspose2d(100, 512, 4, bias=False), nn.BatchNorm2d(512), nn.ReLU(),
    nn.ConvTranspose2d(512, 256, 4, 2, 1, bias=False), nn.BatchNorm2d(256), nn.ReLU(),
    nn.ConvTranspose2d(256, 128, 4, 2, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU(),
    nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
    nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh(),
)  # fmt: skip


def measure(calls: dict[str, Callable[[], object]], count: int, rounds: int) -> dict[str, float]:
    """Microseconds of each, the least of rounds in turns; prints them."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    gc.disable()
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            for _ in range(count):
                call()
            taken[name].append((time.perf_counter() - start) / count * 1e6)
    gc.enable()
    for name, all_of_it in taken.items():
        print(f"{name:28} {min(all_of_it):10.2f} us, median {statistics.median(all_of_it):10.2f}")
    return {name: min(all_of_it) for name, all_of_it in taken.items()}


def aligned(x: torch.Tensor) -> np.ndarray:
    """A NumPy array that begins at a multiple of 64 bytes, as tensors of PyTorch do, so that it is not copied."""
    memory = np.zeros(x.numel() + 16, np.float32)
    first = -memory.ctypes.data % 64 // 4
    array = memory[first : first + x.numel()].reshape(x.shape)
    array[...] = x.numpy()
    return array


def calls_of(name: str, module: nn.Module, x: torch.Tensor, threads: int) -> dict[str, Callable[[], object]]:
    net = upconv.from_torch(module, x)
    net.set_options(threads=threads)
    program, array = upconv.compile(net, x, threads=threads), aligned(x)
    return {
        f"{name}, torch": lambda: net(x),
        f"{name}, NumPy": lambda: net(array),
        f"{name}, program, torch": lambda: program(x),
        f"{name}, program, NumPy": lambda: program(array),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--promise", type=float, help="microseconds that a call of the small network may take")
    parser.add_argument("--rounds", type=int, default=30)
    arguments = parser.parse_args()
    tiny = measure(calls_of("tiny", TINY, torch.randn(1, 4), 1), 2000, arguments.rounds)
    broken = [name for name, taken in tiny.items() if taken > (arguments.promise or float("inf"))]
    for threads in (1, 2):
        large = measure(
            calls_of(f"DCGAN, threads={threads}", DCGAN, torch.randn(1, 100, 1, 1), threads), 10, arguments.rounds
        )
        for name, taken in large.items():
            base = large.get(name.replace(", torch", ", program, torch").replace(", NumPy", ", program, NumPy"), taken)
            if arguments.promise and taken > min(base + 10, base * 1.03):
                broken.append(name)
    for name in broken:
        print(f"promise broken: {name}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
