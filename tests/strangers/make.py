"""Makes checkpoints by code that nobody here wrote: FOLDER/KIND/FILE. ./dev strangers runs it, then compare.py.

python tests/strangers/make.py FOLDER [KIND...]
"""

import importlib
import pathlib
import sys
import traceback
import warnings

import torch
import vision  # noqa: F401  before what needs torchvision

MODULES = ("tensors", "scripts", "libraries")


def kinds(wanted):
    """The functions that write files, of the modules that are needed for those."""
    for module in MODULES:
        if wanted and not any(name.startswith(module) for name in wanted):
            continue
        for function in importlib.import_module(module).ALL:
            name = f"{module}.{function.__name__}"
            if not wanted or module in wanted or name in wanted:
                yield name, function


def main():
    root, wanted = pathlib.Path(sys.argv[1]), set(sys.argv[2:])
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    failed = 0
    for name, function in kinds(wanted):
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(0)
        try:
            function(folder)
        except Exception:
            traceback.print_exc()
            failed += 1
        print(f"{name}: {sum(path.is_file() for path in folder.rglob('*'))} files", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
