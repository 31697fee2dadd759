"""Makes the hostile zip archives, .npz and PyTorch files: tests/hostile/pytorch/ and, in pytorch.json, what the refusal of
each must contain. Running it again changes no byte.

    python3 tests/hostile/pytorch.py
"""

import json
import shutil
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "pytorch"

# file name: (bytes, words of the refusal)
FILES = {
    "noise.pth": (bytes(range(7, 207)), "not a weights file"),
}


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    for name, (data, _) in FILES.items():
        (FOLDER / name).write_bytes(data)
    manifest = {f"{FOLDER.name}/{name}": words for name, (_, words) in sorted(FILES.items())}
    (HERE / "pytorch.json").write_text(json.dumps(manifest, indent=1) + "\n")


if __name__ == "__main__":
    main()
