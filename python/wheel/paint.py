"""Networks that PyTorch exported, computed and painted by the installed package, beside what PyTorch computed."""

import importlib.metadata
import platform
import sys
import time
from pathlib import Path

began = time.perf_counter()
import numpy as np  # noqa: E402

numpy_loaded = time.perf_counter()
import upconv  # noqa: E402

loaded = time.perf_counter()
TESTS = Path(__file__).parents[1] / "tests"
sys.path.append(str(TESTS))
from goldens import GOLDEN, calls  # noqa: E402

installed = {found.metadata["Name"] for found in importlib.metadata.distributions()} - {"pip", "setuptools"}
assert installed == {"numpy", "upconv"}, installed
assert Path(upconv.__file__).is_relative_to(sys.prefix), upconv.__file__

compared = 0
for archive in sorted((GOLDEN / "exported").glob("*_dynamic.pt2")):
    net = upconv.load_exported(archive)
    for inputs, outputs in calls(archive):
        got = net(*inputs)
        for one, expected in zip(got if isinstance(got, tuple) else (got,), outputs):
            scale = max(1.0, float(np.abs(expected).max(initial=0, where=np.isfinite(expected))))
            np.testing.assert_allclose(one, expected, rtol=0, atol=2e-5 * scale)
            compared += 1
assert compared >= 10, compared

painter = upconv.load_exported(GOLDEN / "exported/painter_dynamic.pt2")
upconv.save_grid("painted.png", painter(upconv.randn((16, 5), seed=0)), value_range=(-1, 1))
png = Path("painted.png").read_bytes()
assert png.startswith(b"\x89PNG") and b"IEND" in png[-12:], png[:8]
print(
    f"Python {platform.python_version()}, NumPy {np.__version__}, {' '.join(platform.libc_ver())}:",
    f"{compared} outputs as PyTorch's, {len(png)} bytes painted,",
    f"imported in {(loaded - numpy_loaded) * 1e3:.1f} ms after NumPy's {(numpy_loaded - began) * 1e3:.0f}",
)
