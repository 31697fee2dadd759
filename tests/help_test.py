"""What ./dev's tools of Python print for --help, where they need no packages: a bare % in a text makes argparse fail."""

import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
failed = False
for name in ("against", "choice", "start"):
    run = subprocess.run([sys.executable, BENCHMARKS / f"{name}.py", "--help"], capture_output=True, text=True)
    if run.returncode != 0 or "usage:" not in run.stdout:
        print(f"benchmarks/{name}.py --help: {run.stderr.strip().splitlines()[-1:]}")
        failed = True
sys.exit(failed)
