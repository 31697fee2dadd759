#!/usr/bin/env bash
# A tensor of PyTorch 2.13 that is negated lazily, as the imaginary part of a conjugated one is, goes through DLPack with
# the signs that it has in memory: np.from_dlpack and torch.from_dlpack give it negated, without a word, where its own
# numpy() refuses. A tensor that is conjugated lazily is refused by all.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import torch

print("torch", torch.__version__, "numpy", np.__version__)
spectrum = torch.tensor([1 + 2j, 3 - 4j]).conj()
x = spectrum.imag
print("the tensor is", x.tolist(), "and negated lazily:", x.is_neg())
through_numpy, through_torch = np.from_dlpack(x), torch.from_dlpack(x)
print("np.from_dlpack gives", through_numpy.tolist(), "and torch.from_dlpack", through_torch.tolist())
assert x.is_neg() and through_numpy.tolist() == (-x).tolist() and torch.equal(through_torch, -x)
for name, ask in (("numpy() of it", x.numpy), ("np.from_dlpack of the conjugated one", lambda: np.from_dlpack(spectrum))):
    try:
        ask()
        raise SystemExit(f"{name} is no longer refused")
    except (BufferError, RuntimeError) as error:
        print(f"{name} is refused: {str(error)[:60]}")
PYTHON
echo
echo "A lazily negated tensor has the other sign behind DLPack."
