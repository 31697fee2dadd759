"""Shards and painters, without Ray."""

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import upconv
from PIL import Image

NET = "Sequential(Linear(4, 12), Unflatten(1, (3, 2, 2)), Tanh())"


def net() -> upconv.Module:
    module = upconv.parse_module(NET)
    module.load_state_dict({"0.weight": np.eye(12, 4), "0.bias": np.zeros(12)})
    return module


def test_a_shard_has_the_networks_pictures(tmp_path: Path) -> None:
    shards = upconv.Shards(net(), str(tmp_path / "{shard:03d}.tar"), shape=(4,), shards=3, count=10, first=5, seed=2)
    assert [shards.range(shard) for shard in range(3)] == [(5, 4), (9, 3), (12, 3)]
    assert not shards.is_there(1)
    assert shards.write(1) == 3 and shards.is_there(1)
    assert shards.name(1) == str(tmp_path / "001.tar")
    expected = upconv.make_grid(net()(upconv.latents(2, 10, 1, (4,))), value_range=(-1, 1))
    with tarfile.open(shards.name(1)) as tar:
        assert tar.getnames() == [f"{i:09}.{kind}" for i in (9, 10, 11) for kind in ("png", "json")]
        assert {(member.mtime, member.uid, member.mode) for member in tar} == {(0, 0, 0o644)}
        picture = tar.extractfile("000000010.png")
        assert picture is not None
        np.testing.assert_array_equal(np.asarray(Image.open(picture)), expected)
    with pytest.raises(IndexError):
        shards.write(3)
    with pytest.raises(upconv.Error, match="000.tar: there is no such file"):
        shards.save_manifest(tmp_path / "m.json")
    shards.write(0)
    shards.write(2)
    assert shards.save_manifest(tmp_path / "m.json") == 1
    assert [one["file"] for one in json.loads((tmp_path / "m.json").read_text())["shards"]] == [
        "000.tar",
        "001.tar",
        "002.tar",
    ]


def test_a_painter_takes_arrays(tmp_path: Path) -> None:
    paint = upconv.Painter(net(), [(4,)], format="npy", batch=3, threads=2)
    z = upconv.randn(8, 4, seed=1)
    files = paint(z)
    for i, file in enumerate(files):
        (tmp_path / "one.npy").write_bytes(file)
        np.testing.assert_array_equal(np.load(tmp_path / "one.npy"), net()(z[i : i + 1])[0])
    assert paint(z[:0]) == []
    with pytest.raises(ValueError, match="as many arrays"):
        paint(z, z)


def test_importing_upconv_imports_no_ray() -> None:
    code = "import sys, upconv, upconv.ray; assert 'ray' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
