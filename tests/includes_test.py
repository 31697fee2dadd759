"""Includes go one way: framework <- kernels <- {convolution, steps} <- the files of layers <- {text, exported}. And no
file reads a number as the program's locale would have it: framework/number.h does."""

import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GROUND = {
    f"layers/{name}.h" for name in "activated arithmetic check dimension integer_or_number one_or_two pair repr".split()
}
ROOMS = {  # of a file: what it may include, as the beginnings of paths
    "framework/": ("framework/", "packing_fingerprint.h"),  # made while building, cmake/fingerprint.cmake
    "layers/kernels/": (
        "layers/kernels/",
        *(f"framework/{name}.h" for name in ("cpu", "fail", "pointwise", "processor", "timing")),
    ),
    "layers/convolution/": ("layers/convolution/", "layers/kernels/", "framework/", *GROUND),
    "layers/steps/": ("layers/steps/", "layers/kernels/", "framework/", *GROUND),
    "layers/text/": ("layers/", "framework/"),
    "layers/exported/": ("layers/", "framework/"),
    "layers/spec.h": ("layers/", "framework/"),  # text's public header
    "layers/exported.h": ("layers/", "framework/"),  # exported's
    "ground": ("framework/", *GROUND),
    "layers/": ("layers/", "framework/"),
}


# In a program with a German locale they read "0.01" as 0.
FOLLOW_LOCALE = re.compile(r"\b(?:std::)?(?:sto(?:f|d|ld)|strto(?:f|d|ld)|atof|sscanf)\(")


def room(path: str) -> str:
    return "ground" if path in GROUND else next(room for room in ROOMS if path.startswith(room))


def included(file: Path) -> list[str]:
    """Our own files, as paths from the root: an include is looked up beside the file, then from the root."""
    found = []
    for name in re.findall(r'^#include "(.+)"', file.read_text(), re.MULTILINE):
        beside = os.path.normpath(file.parent / name)
        found.append(os.path.relpath(beside, ROOT) if Path(beside).exists() else name)
    return found


def main() -> int:
    files = sorted(file for folder in ("framework", "layers") for file in (ROOT / folder).rglob("*.[hc]*"))
    wrong = []
    for file in files:
        path = str(file.relative_to(ROOT))
        allowed = ROOMS[room(path)]
        for name in included(file):
            if not name.startswith(allowed) or (
                room(path) == "layers/" and room(name) in ("layers/text/", "layers/exported/")
            ):
                wrong.append(f"{path} includes {name}, which a file of {room(path)} may not")
    for folder in ("datasets", "framework", "layers", "python/src", "tools"):
        for file in (ROOT / folder).rglob("*.[hc]*"):
            wrong += [f"{file.relative_to(ROOT)}: {name}" for name in FOLLOW_LOCALE.findall(file.read_text())]
    print(*wrong or [f"{len(files)} files"], sep="\n")
    return 1 if wrong or not files else 0


sys.exit(main())
