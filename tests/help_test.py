"""What ./dev's tools of Python print for --help, where they need no packages: argparse fails at a bare % in a text."""

import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
failed = False
for name in ("against", "choice", "precision", "scale", "start"):
    tool = [sys.executable, BENCHMARKS / f"{name}.py", "--help"]
    run = subprocess.run(tool, check=False, capture_output=True, text=True)
    if run.returncode != 0 or "usage:" not in run.stdout:
        print(f"benchmarks/{name}.py --help: {run.stderr.strip().splitlines()[-1:]}")
        failed = True
sys.exit(failed)
