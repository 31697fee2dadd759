"""What docs/python.md and the README show runs as it stands there, and types are as they say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import upconv
from goldens import ROOT

# Where the package lies, for other processes: in the build tree it is in no environment.
PLACE = str(Path(upconv.__file__).parents[1])
ENVIRONMENT = {**os.environ, "PYTHONPATH": PLACE, "MYPYPATH": PLACE}


def snippets(page):
    """The Python of a page, in its order."""
    found = re.findall(r"^( *)```python\n(.*?)^ *```", (ROOT / page).read_text(), re.S | re.M)
    return [re.sub(f"^{indent}", "", code, flags=re.M) for indent, code in found]


def needs_torch(code):
    return re.search(r"\btorch\b", code) is not None


def generator_of_torch():
    """What the pages call generator, and leave to the reader."""
    nn = pytest.importorskip("torch").nn
    return nn.Sequential(nn.ConvTranspose2d(100, 16, 4), nn.ReLU(), nn.ConvTranspose2d(16, 3, 4, 2, 1), nn.Tanh())


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
@pytest.mark.parametrize("with_torch", [False, True], ids=["plain", "torch"])
def test_pages_run(page, with_torch, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dcgan.safetensors").symlink_to(ROOT / "examples/weights/dcgan.safetensors")
    names = {"torch": pytest.importorskip("torch")} if with_torch else {}
    if with_torch:
        names["generator"] = names["netG"] = generator_of_torch()
    ran = 0
    for code in snippets(page):
        if needs_torch(code) == with_torch:
            exec(compile(code, page, "exec"), names)
            ran += 1
    assert ran > 0 or page == "README.md"


def test_the_walk_is_painted(tmp_path):
    image = pytest.importorskip("PIL.Image")
    command = [sys.executable, ROOT / "examples/python/latent_walk.py", "walk.png", "--places=2", "--steps=3"]
    subprocess.run([*command, "--pictures=4"], cwd=tmp_path, env=ENVIRONMENT, check=True)
    with image.open(tmp_path / "walk.png") as walk:
        assert walk.n_frames == 6 and walk.size == (2 * 66 + 2, 2 * 66 + 2)
        first = walk.convert("RGB").tobytes()
        walk.seek(1)
        assert walk.convert("RGB").tobytes() != first
    refused = subprocess.run([*command, "--pictures=0"], env=ENVIRONMENT, check=False, capture_output=True, text=True)
    assert refused.returncode == 2 and "at least 1" in refused.stderr


def check_types(*what, cwd):
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy", "--strict", *what]
    checked = subprocess.run(command, cwd=cwd, env=ENVIRONMENT, check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_types_are_strict(tmp_path):
    check_types("-p", "upconv", "--ignore-missing-imports", cwd=tmp_path)  # of torch, which need not be there
    check_types(ROOT / "examples/python/latent_walk.py", cwd=tmp_path)
    # Every snippet without PyTorch, as one file.
    (tmp_path / "page.py").write_text("\n".join(code for code in snippets("docs/python.md") if not needs_torch(code)))
    check_types("page.py", cwd=tmp_path)
