"""What PyTorch computed, from tests/golden."""

import json
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden"
# DCGAN of 64x64 pictures, whose weights lie in examples/weights.
GENERATOR = """Generator((main): Sequential(
  ConvTranspose2d(100, 512, 4, bias=False), BatchNorm2d(512), ReLU(),
  ConvTranspose2d(512, 256, 4, 2, 1, bias=False), BatchNorm2d(256), ReLU(),
  ConvTranspose2d(256, 128, 4, 2, 1, bias=False), BatchNorm2d(128), ReLU(),
  ConvTranspose2d(128, 64, 4, 2, 1, bias=False), BatchNorm2d(64), ReLU(),
  ConvTranspose2d(64, 3, 4, 2, 1, bias=False), Tanh()))"""
TYPES = {"F32": np.float32, "F64": np.float64, "I64": np.int64, "I32": np.int32, "BOOL": np.bool_}


def read(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """The metadata and the tensors of a safetensors file."""
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, about in header.items():
        first, last = about["data_offsets"]
        numbers = np.frombuffer(data[end + first : end + last], TYPES[about["dtype"]])
        tensors[name] = numbers.reshape(about["shape"])
    return metadata, tensors


def calls(archive: Path) -> list[tuple[list[np.ndarray], list[np.ndarray]]]:
    """The inputs and outputs of each call of an archive that was not refused."""
    metadata, tensors = read(archive.with_name(archive.name.split(".")[0] + ".safetensors"))
    found = []
    for number, text in metadata.items():
        if "refused" in json.loads(text):
            continue

        def all_of(kind: str, number: int = int(number)) -> list[np.ndarray]:
            count = sum(name.startswith(f"{number}.{kind}") for name in tensors)
            return [tensors[f"{number}.{kind}{i}"] for i in range(count)]

        found.append((all_of("in"), all_of("out")))
    return found
