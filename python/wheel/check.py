"""check.py WHEEL [PYTHON] --glibc 2.17 [--beside] [--machine aarch64]: whether a wheel is what it should be, and runs
where nothing else is.

What it is: its size, what auditwheel says of it, what lies in it, what its module shows to and asks of other libraries.
Then it is installed for an interpreter, in a new environment and without a compiler, and paints. With --beside it also
shares processes with PyPI's tbb, OpenVINO and PyTorch. With --machine aarch64 PYTHON is a command that runs the
interpreter of an environment where the wheel is already. Without PYTHON nothing is run.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from elftools.elf.elffile import ELFFile

HERE = Path(__file__).parent
MOST_BYTES = 4_000_000
# What the tag of a wheel promises to be there.
C_LIBRARY = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1"}
SECONDS = {"x86_64": 300, "aarch64": 900}  # for one script, which may be emulated
LOADERS = {"x86_64": "ld-linux-x86-64.so.2", "aarch64": "ld-linux-aarch64.so.1"}
OTHERS = ["torch==2.13.0", "openvino==2026.4.1", "tbb==2023.2.0"]
# Who is loaded in which order; all of them work at once then.
CASES = [
    "upconv",
    "tbb-local upconv",
    "tbb-global upconv",
    "torch upconv",
    "upconv torch",
    "openvino upconv",
    "upconv openvino",
    "upconv torch openvino",
    "openvino torch upconv",
    "tbb-global openvino torch upconv",
]


def require(truth: bool, what: str) -> None:
    if not truth:
        sys.exit(f"check.py: {what}")


def inspect(wheel: Path, glibc: str, machine: str) -> None:
    size = wheel.stat().st_size
    require(size <= MOST_BYTES, f"{size} bytes are more than {MOST_BYTES}")

    platform = f"manylinux_{glibc.replace('.', '_')}_{machine}"
    show = [sys.executable, "-m", "auditwheel", "show", "--json", wheel]
    said = json.loads(subprocess.run(show, check=True, capture_output=True, text=True).stdout)
    require(said["overall_tag"] == platform, f"is {said['overall_tag']}, not {platform}")
    require(platform in wheel.stem.split("-")[-1].split("."), f"the name has no tag {platform}")

    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as folder:
        names = archive.namelist()
        modules = [name for name in names if ".so" in name]
        require(len(modules) == 1 and modules[0].startswith("upconv/_core."), f"libraries beside its own: {modules}")
        strangers = [name for name in names if not name.startswith("upconv") or name.startswith("upconv.libs")]
        require(not strangers, f"more than the package: {strangers}")
        require(sum("/licenses/" in name for name in names) >= 11, "licences of what is built in are missing")
        with open(archive.extract(modules[0], folder), "rb") as file:
            elf = ELFFile(file)
            symbols = elf.get_section_by_name(".dynsym").iter_symbols()
            shown = [s.name for s in symbols if s["st_shndx"] != "SHN_UNDEF" and s["st_info"]["bind"] != "STB_LOCAL"]
            require(shown == ["PyInit__core"], f"shows other libraries {shown}")
            tags = elf.get_section_by_name(".dynamic").iter_tags()
            needed = {tag.needed for tag in tags if tag.entry.d_tag == "DT_NEEDED"}
            strange = needed - C_LIBRARY - {LOADERS[machine]}
            require(not strange, f"asks for {sorted(strange)}")
    print(f"{wheel.name}: {size / 1e6:.2f} MB, {said['overall_tag']}, asks for {' '.join(sorted(needed))}")


def install(python: str, folder: Path, *packages: str) -> Path:
    """A new environment with these packages, made where no compiler is to be found."""
    nothing = folder / "nothing"
    nothing.mkdir(exist_ok=True)
    environment = {**os.environ, "PATH": str(nothing)}
    subprocess.run([python, "-m", "venv", folder / "environment"], check=True)
    installed = folder / "environment/bin/python"
    command = [installed, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
    subprocess.run([*command, *packages], check=True, env=environment)
    return installed


def run(python: str | Path, folder: Path, seconds: int, *arguments: str | Path) -> None:
    """In an empty folder, with nothing of this tree in reach of imports but what the script itself asks for."""
    environment = {**os.environ, "PATH": str(folder / "nothing")}
    environment.pop("PYTHONPATH", None)
    try:
        subprocess.run([python, *arguments], check=True, cwd=folder, env=environment, timeout=seconds)
    except subprocess.TimeoutExpired:
        sys.exit(f"check.py: {' '.join(map(str, arguments))} did not end")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("python", nargs="?")
    parser.add_argument("--glibc", required=True)
    parser.add_argument("--beside", action="store_true")
    parser.add_argument("--machine", choices=LOADERS, default="x86_64")
    asked = parser.parse_args()
    inspect(asked.wheel, asked.glibc, asked.machine)
    if not asked.python:
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = asked.python
        if asked.machine == "x86_64":
            python = install(asked.python, folder, str(asked.wheel.resolve()))
        run(python, folder, SECONDS[asked.machine], HERE.resolve() / "paint.py")
    if asked.beside:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            python = install(asked.python, folder, str(asked.wheel.resolve()), *OTHERS)
            for case in CASES:
                run(python, folder, SECONDS[asked.machine], HERE.resolve() / "beside.py", *case.split())


if __name__ == "__main__":
    main()
