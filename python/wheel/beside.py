"""beside.py NAME...: loads these in their order, and lets all of them work in one process at the same time.

tbb-local and tbb-global are PyPI's oneTBB, loaded with its symbols for itself or for everybody who comes after it.
upconv works in four threads that all use its own oneTBB, and must paint the same bits as when it worked alone.
"""

import ctypes
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "python/tests"))
from goldens import GENERATOR  # noqa: E402

SECONDS = 2


def load_tbb(mode: int) -> None:
    ctypes.CDLL(str(Path(sys.prefix) / "lib/libtbb.so.12"), mode)


def load_torch() -> list[Callable[[], object]]:
    import torch

    torch.set_num_threads(2)
    conv = torch.nn.Conv2d(64, 64, 3)
    picture = torch.randn(8, 64, 64, 64)
    return [lambda: conv(picture).sum().backward()]


def load_openvino() -> list[Callable[[], object]]:
    import openvino
    from openvino import opset13

    picture = np.ones((8, 64, 64, 64), np.float32)
    given = opset13.parameter(picture.shape, np.float32)
    weights = opset13.constant(np.ones((64, 64, 3, 3), np.float32))
    conv = opset13.convolution(given, weights, [1, 1], [1, 1], [1, 1], [1, 1])
    compiled = openvino.compile_model(openvino.Model([conv], [given]), "CPU")
    return [lambda: compiled(picture)]


def load_upconv() -> list[Callable[[], object]]:
    import upconv

    net = upconv.parse_module(GENERATOR)
    net.load(ROOT / "examples/weights/dcgan.safetensors")
    noise = upconv.randn((16, 100, 1, 1), seed=0)
    expected = net(noise)

    def paint() -> None:
        assert np.array_equal(net(noise), expected), "other bits than alone"

    return [paint] * 4


LOADERS = {
    "tbb-local": lambda: load_tbb(ctypes.DEFAULT_MODE),
    "tbb-global": lambda: load_tbb(ctypes.RTLD_GLOBAL),
    "torch": load_torch,
    "openvino": load_openvino,
    "upconv": load_upconv,
}

workers = [(name, work) for name in sys.argv[1:] for work in LOADERS[name]() or []]
runs = dict.fromkeys((name for name, _ in workers), 0)
failures = []
end = time.monotonic() + SECONDS


def work_on(name: str, work: Callable[[], object]) -> None:
    try:
        while time.monotonic() < end:
            work()
            runs[name] += 1
    except BaseException as failure:
        failures.append(f"{name}: {failure!r}")


threads = [threading.Thread(target=work_on, args=worker) for worker in workers]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
mapped = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "libtbb.so" in line}
told = ", ".join(f"{name} ran {count} times" for name, count in runs.items())
print(f"{' '.join(sys.argv[1:])}: {told}; {len(mapped)} other oneTBB")
if failures or not all(runs.values()):
    sys.exit("; ".join(failures) or "somebody never ran")
