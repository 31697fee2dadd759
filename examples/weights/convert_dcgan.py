"""Converts a generator's state_dict from .pth to safetensors, with the convolutions in half precision.

    python convert_dcgan.py netG.pth dcgan.safetensors

Convolution weights are nearly all of the file and do not miss the lost bits: they become F16. BatchNorm's parameters
and statistics stay F32, its counters I64. The keys keep their order.
"""

import argparse
import json
from pathlib import Path

import torch

DTYPES = {torch.bool: "BOOL", torch.float16: "F16", torch.float32: "F32", torch.int64: "I64", torch.uint8: "U8"}


def write_safetensors(path, tensors, metadata=None):
    """Writes named tensors in the order given, and the same bytes each time.

    The safetensors library sorts the names and shuffles the metadata; the format asks for neither. The data lie widest
    elements first, which keeps every tensor aligned.
    """
    entries, data = {}, bytearray()
    for name, tensor in sorted(tensors.items(), key=lambda item: -item[1].element_size()):
        begin = len(data)
        data += tensor.contiguous().numpy().tobytes()
        entries[name] = {
            "dtype": DTYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [begin, len(data)],
        }
    header = {"__metadata__": metadata or {}} | {name: entries[name] for name in tensors}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(len(text).to_bytes(8, "little") + text + data)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("input", help="what torch.save(netG.state_dict(), ...) wrote")
    parser.add_argument("output", help="the safetensors file to write")
    options = parser.parse_args()

    state = torch.load(options.input, map_location="cpu", weights_only=True)
    halved = {name: tensor.half() if tensor.dim() == 4 else tensor for name, tensor in state.items()}
    write_safetensors(options.output, halved, {"format": "pt"})


if __name__ == "__main__":
    main()
