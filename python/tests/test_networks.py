"""Networks beside what PyTorch made of them, without PyTorch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import upconv
from goldens import GENERATOR, GOLDEN, ROOT, calls, read

ARCHIVES = [path for path in sorted((GOLDEN / "exported").glob("*.pt2")) if path.name.count(".") == 1]


def loaded(path):
    """The archive, or nothing where it is one that must be refused."""
    try:
        return upconv.load_exported(path)
    except upconv.Error:
        return None


@pytest.mark.parametrize("path", [p for p in ARCHIVES if p.with_suffix(".safetensors").exists()], ids=lambda p: p.stem)
def test_archives_compute_what_pytorch_did(path):
    net = loaded(path)
    for inputs, outputs in calls(path) if net else []:
        got = net(*inputs)
        for one, expected in zip(got if isinstance(got, tuple) else (got,), outputs, strict=True):
            assert one.shape == expected.shape
            scale = max(1.0, float(np.abs(expected).max(initial=0, where=np.isfinite(expected))))
            np.testing.assert_allclose(one, expected, rtol=0, atol=2e-5 * scale)


@pytest.fixture(scope="module")
def dcgan():
    net = upconv.parse_module(GENERATOR)
    net.load(ROOT / "examples/weights/dcgan.safetensors")
    return net


def test_dcgan_paints_pytorchs_pictures(dcgan, tmp_path):
    pictures = dcgan(upconv.randn((64, 100, 1, 1), seed=0))
    expected = read(GOLDEN / "dcgan.safetensors")[1]["output"]
    np.testing.assert_allclose(pictures[:4], expected, rtol=0, atol=1e-4)
    upconv.save_grid(tmp_path / "fake.png", pictures, value_range=(-1, 1))
    assert (tmp_path / "fake.png").read_bytes().startswith(b"\x89PNG")


def test_programs_compute_what_calls_do(dcgan):
    z = upconv.randn((2, 100, 1, 1), seed=3)
    program = upconv.compile(dcgan, z, threads=1)
    assert np.array_equal(program(z), dcgan(z))
    assert program.threads == 1
    assert program.steps()[0].operation == "ConvTranspose2d"
    exact = upconv.compile(dcgan, z, accuracy="exact")
    assert {step.algorithm for step in exact.steps()} <= {"direct", "rows"}


def test_weights_go_out_and_in(dcgan):
    weights = dcgan.state_dict()
    other = upconv.parse_module(GENERATOR)
    other.load_state_dict(weights)
    z = upconv.randn((1, 100, 1, 1), seed=1)
    before = other(z)
    assert np.array_equal(before, dcgan(z))
    weights["main.0.weight"][:] = 0  # a copy
    assert np.array_equal(before, other(z))
    del weights["main.0.weight"]
    with pytest.raises(upconv.Error, match=r"main\.0\.weight"):
        other.load_state_dict(weights)


def test_errors_say_what_was_wrong(dcgan, tmp_path):
    with pytest.raises(upconv.Error, match="expected 100 channels, got 99"):
        dcgan(np.zeros((1, 99, 1, 1), np.float32))
    with pytest.raises(TypeError, match=r"input 0: expected an array .* got list"):
        dcgan([1.0])
    with pytest.raises(ValueError, match="accuracy: expected one of exact, standard, fast, got loose"):
        upconv.compile(dcgan, np.zeros((1, 100, 1, 1), np.float32), accuracy="loose")
    (tmp_path / "no.pt2").write_bytes(b"PK nothing")
    with pytest.raises(upconv.Error, match=r"no\.pt2"):
        upconv.load_exported(tmp_path / "no.pt2")
    assert issubclass(upconv.Error, RuntimeError)


def test_stubs_have_pythons_types_alone():
    stubs = list((Path(upconv.__file__).parent / "_core").glob("*.pyi"))
    assert len(stubs) == 3
    for stub in stubs:
        assert "std::" not in stub.read_text() and "upconv::" not in stub.read_text()


def test_torch_is_imported_only_where_it_is_asked_for():
    code = "import sys, upconv; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
