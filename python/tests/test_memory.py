"""Memory after many calls. As a program, with their number: python python/tests/test_memory.py 1000000"""

import gc
import os
import sys
import time
from pathlib import Path

import numpy as np
import upconv
from goldens import GOLDEN

PARSED = "Sequential(ConvTranspose2d(8, 8, 4, 2, 1), LeakyReLU(0.2), Conv2d(8, 3, 3, padding=1), Tanh())"


def resident() -> int:
    """Bytes of this process that lie in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Caller:
    """Calls a small exported network and a module, in batches that change, now and then one that was not there for
    long, so that programs come and go."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.exported = upconv.load_exported(GOLDEN / "exported/dense_dynamic.pt2")
        sizes = [size if isinstance(size, int) else 3 for size in self.exported.inputs[0][1]]
        self.module = upconv.parse_module(PARSED)
        self.module.load_state_dict({name: x / 2 for name, x in self.module.state_dict().items()})
        self.inputs = [
            (rng.standard_normal((size, *sizes[1:]), np.float32), rng.standard_normal((size, 8, 3, 3), np.float32))
            for size in range(1, 41)
        ]
        self.expected: dict[int, float] = {}

    def call(self, count: int) -> None:
        for i in range(count):
            which = i // 100 % 40 if i % 100 == 0 else i % 6
            x, picture = self.inputs[which]
            total = float(np.sum(self.exported(x))) + float(np.sum(self.module(picture)))
            assert self.expected.setdefault(which, total) == total


def test_memory_stays_what_it_was():
    caller = Caller()
    caller.call(8000)
    before = resident()
    caller.call(12000)
    assert resident() - before < 1 << 20


if __name__ == "__main__":
    all_calls, one = int(sys.argv[1]), Caller()
    begin = time.monotonic()
    for part in range(21):
        print(
            f"{part * all_calls // 20:9} calls {resident() / 2**20:8.2f} MB {time.monotonic() - begin:7.1f} s",
            flush=True,
        )
        if part < 20:
            one.call(all_calls // 20)
