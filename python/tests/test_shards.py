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


RUN = Path(__file__).resolve().parents[2] / "tests" / "golden" / "run"


def pictures(shards: upconv.Shards, shard: int = 0) -> dict[str, bytes]:
    """Writes a shard and gives what is in it."""
    shards.write(shard)
    with tarfile.open(shards.name(shard)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def test_labels_come_from_a_modulus_an_array_or_a_text(tmp_path: Path) -> None:
    module = upconv.load_exported(RUN / "conditional.pt2")
    labels = np.arange(7, dtype=np.int64) % 5
    np.save(tmp_path / "labels.npy", labels)
    (tmp_path / "labels.txt").write_text("".join(f"{label}\n" for label in labels))
    given = {"shape": (8,), "shards": 1, "count": 7}
    by_modulus = pictures(upconv.Shards(module, str(tmp_path / "a{shard}"), classes=5, **given))
    for name in ("labels.npy", "labels.txt"):
        out = str(tmp_path / (name + "{shard}"))
        assert pictures(upconv.Shards(module, out, labels=tmp_path / name, **given)) == by_modulus
    assert [json.loads(by_modulus[f"{i:09}.json"])["label"] for i in range(7)] == list(labels)
    paint = upconv.Painter(module, [(8,)], labels=True)
    painted = paint(upconv.latents(0, 0, 7, (8,)), labels)
    assert painted == [by_modulus[f"{i:09}.png"] for i in range(7)]
    assert paint(upconv.latents(0, 0, 7, (8,)), labels[::-1].copy()) != painted
    with pytest.raises(upconv.Error, match="has labels for 7 pictures, and picture 7 has none"):
        pictures(
            upconv.Shards(module, str(tmp_path / "b{shard}"), labels=tmp_path / "labels.npy", **given | {"count": 8})
        )


def test_bfloat16_is_asked_for_told_and_not_taken_for_float32(tmp_path: Path) -> None:
    module = upconv.load_exported(RUN / "netG.pt2")
    # Plain C++ multiplies bfloat16 on every machine.
    given = {"shape": (8, 1, 1), "shards": 1, "count": 3, "format": "npy", "isa": "scalar"}
    exact, rounded = (
        upconv.Shards(module, str(tmp_path / f"{precision}{{shard}}"), precision=precision, **given)
        for precision in ("float32", "bfloat16")
    )
    ours, theirs = pictures(exact), pictures(rounded)
    assert "precision" not in json.loads(ours["000000000.json"])
    assert json.loads(theirs["000000000.json"])["precision"] == "bfloat16"
    assert ours["000000000.npy"] != theirs["000000000.npy"]
    with pytest.raises(upconv.Error, match='of precision "bfloat16" in the place of null'):
        upconv.Shards(module, str(tmp_path / "bfloat16{shard}"), **given | {"isa": None}).is_there(0)
    paint = upconv.Painter(module, [(8, 1, 1)], format="npy", precision="bfloat16", isa="scalar")
    assert paint(upconv.latents(0, 0, 3, (8, 1, 1)))[2] == theirs["000000002.npy"]
    with pytest.raises(ValueError, match="precision: expected one of float32, bfloat16, got half"):
        upconv.Painter(module, [(8, 1, 1)], precision="half")
    with pytest.raises(upconv.Error, match="head"):
        upconv.Painter(module, [(8, 1, 1)], precision="bfloat16", float32=["head"])


def test_importing_upconv_imports_no_ray() -> None:
    code = "import sys, upconv, upconv.ray; assert 'ray' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
