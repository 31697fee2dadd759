"""swap.py WHEEL LIBRARY GLIBC FOLDER: the wheel for ARM64, with that library in place of x86-64's; prints its name.

All else in a wheel is the same on every machine: Python, type stubs, licences.
"""

import subprocess
import sys
import tempfile
from pathlib import Path


def wheel(*arguments: str | Path) -> list[str]:
    """A command of the package of that name, which keeps the list of files true; the lines that it prints."""
    done = subprocess.run([sys.executable, "-m", "wheel", *arguments], check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def main() -> None:
    built, library, glibc, folder = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
    with tempfile.TemporaryDirectory() as name:
        wheel("unpack", "--dest", name, built)
        (unpacked,) = Path(name).iterdir()
        (old,) = (unpacked / "upconv").glob("_core.*so")
        old.unlink()
        (unpacked / "upconv" / old.name.replace("x86_64", "aarch64")).write_bytes(library.read_bytes())
        wheel("pack", "--dest-dir", name, unpacked)
        (packed,) = Path(name).glob("*.whl")
        tag = f"manylinux_{glibc}_aarch64"
        tagged = Path(name) / wheel("tags", "--remove", "--platform-tag", tag, packed)[-1]
        (folder / tagged.name).write_bytes(tagged.read_bytes())
        print(folder / tagged.name)


if __name__ == "__main__":
    main()
