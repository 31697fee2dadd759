#!/usr/bin/env bash
# torch.save(..., _use_new_zipfile_serialization=False) writes tensors of float8 and of unsigned integers without a word,
# and torch.load cannot read what it wrote.
# PyTorch 2.13: saving passes; loading ends in AttributeError, "type object
# 'torch.storage.UntypedStorage' has no attribute 'dtype'". The bytes in the file are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys

import torch

print("torch", torch.__version__)
for kind in (torch.float8_e4m3fn, torch.uint16, torch.float16):
    path = f"{sys.argv[1]}/{kind}.pth"
    values = torch.tensor([0, 1, 2, 3]).to(kind)
    torch.save({"w": values}, path, _use_new_zipfile_serialization=False)
    data = open(path, "rb").read()
    assert data.endswith(values.view(torch.uint8).numpy().tobytes()), "the elements end the file"
    try:
        torch.load(path)
        seen = "read"
    except AttributeError as error:
        seen = f"AttributeError: {error}"
    print(f"{kind}: saved, {seen}")
    expected = "read" if kind is torch.float16 else "AttributeError: type object 'torch.storage.UntypedStorage'"
    assert seen.startswith(expected), "the behaviour has changed"
PYTHON
