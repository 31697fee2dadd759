"""Where things are."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "build/release/upconv"
BENCHMARKS = ROOT / "build/release/upconv_benchmarks"
