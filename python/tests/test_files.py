"""Files of weights, pictures, and numbers by chance."""

import numpy as np
import pytest
import upconv
from goldens import GOLDEN, ROOT, read
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

DCGAN = ROOT / "examples/weights/dcgan.safetensors"


def test_files_are_read_and_written(tmp_path):
    weights = upconv.load(DCGAN)
    types = upconv.inspect(DCGAN)
    assert list(weights) == list(types)
    assert types["main.0.weight"] == ("float16", (100, 512, 4, 4)) or types["main.0.weight"][1] == (100, 512, 4, 4)
    assert weights["main.0.weight"].dtype == np.float32
    upconv.save_safetensors(tmp_path / "copy.safetensors", weights)
    again = upconv.load(tmp_path / "copy.safetensors")
    for name, array in weights.items():
        np.testing.assert_array_equal(again[name], array)
    upconv.save_safetensors(tmp_path / "half.safetensors", weights, dtype="float16")
    halves = upconv.inspect(tmp_path / "half.safetensors")
    assert halves["main.0.weight"][0] == "float16" and halves["main.1.num_batches_tracked"][0] == "int64"
    with pytest.raises(ValueError, match="dtype: expected float64, float32, float16 or bfloat16, got int8"):
        upconv.save_safetensors(tmp_path / "no.safetensors", weights, dtype="int8")
    with pytest.raises(TypeError, match="w: expected an array .* got str"):
        upconv.save_safetensors(tmp_path / "no.safetensors", {"w": "text"})
    with pytest.raises(upconv.Error, match=r"nothing\.pth"):
        upconv.load(tmp_path / "nothing.pth")
    assert not (tmp_path / "no.safetensors").exists()


def test_names_are_changed_while_loading(tmp_path):
    upconv.save_safetensors(tmp_path / "w.safetensors", {"netG.a.weight": np.ones(2), "netD.b": np.zeros(1)})
    assert list(upconv.load(tmp_path / "w.safetensors", ignore=["netD"], strip_prefix="netG.")) == ["a.weight"]
    assert "up.weight" in upconv.load(tmp_path / "w.safetensors", rename=[("netG.a", "up")])


@given(arrays.arrays(np.float32, arrays.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4)))
def test_any_shape_survives(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("shapes") / "a.safetensors"
    upconv.save_safetensors(path, {"a": array})
    np.testing.assert_array_equal(upconv.load(path)["a"], array)


def test_randn_is_pytorchs():
    for name, numbers in read(GOLDEN / "randn.safetensors")[1].items():
        if name.startswith("s4"):
            seed = int(name[1:].split(".")[0])
            np.testing.assert_array_equal(upconv.randn(numbers.size, seed=seed), numbers)
            upconv.manual_seed(seed)
            np.testing.assert_array_equal(upconv.randn((numbers.size,)), numbers)
    upconv.manual_seed(5)
    a, b = upconv.randn(2, 3), upconv.randn((4,))
    upconv.manual_seed(5)
    np.testing.assert_array_equal(upconv.randn(2, 3), a)
    np.testing.assert_array_equal(upconv.randn(4), b)
    np.testing.assert_array_equal(upconv.randn(2, 3, seed=5), a)
    assert not np.array_equal(upconv.randn(2, 3), a)
    with pytest.raises(TypeError, match="size: expected integers, got float"):
        upconv.randn(2.5)
    with pytest.raises(upconv.Error):
        upconv.randn(-1)


def test_latents_of_shards_are_those_of_the_whole():
    whole = upconv.latents(seed=9, first=0, count=7, shape=(3, 2))
    assert whole.shape == (7, 3, 2)
    np.testing.assert_array_equal(upconv.latents(9, 4, 3, (3, 2)), whole[4:])


@given(st.integers(1, 7), st.integers(1, 4), st.integers(0, 3))
def test_grids(count, nrow, padding):
    pictures = np.linspace(-1, 1, count * 3 * 4 * 5, dtype=np.float32).reshape(count, 3, 4, 5)
    sheet = upconv.make_grid(pictures, nrow=nrow, padding=padding, value_range=(-1, 1))
    columns, rows = min(nrow, count), -(-count // nrow)
    border = padding if count > 1 else 0
    assert sheet.dtype == np.uint8
    assert sheet.shape == (rows * (4 + border) + border, columns * (5 + border) + border, 3)
    first = sheet[border : border + 4, border : border + 5].transpose(2, 0, 1)
    np.testing.assert_array_equal(first, np.floor((pictures[0] + 1) / 2 * 255 + 0.5).astype(np.uint8))


def test_sheets_are_files(tmp_path):
    upconv.save_grid(tmp_path / "a.png", np.zeros((2, 1, 4, 4)), nrow=1, padding=1, pad_value=1.0)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(upconv.Error, match="2"):
        upconv.make_grid(np.zeros((1, 2, 4, 4)))
    with pytest.raises(TypeError, match="pictures: expected an array"):
        upconv.save_grid(tmp_path / "b.png", "pictures")
