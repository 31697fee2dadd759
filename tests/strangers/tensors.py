"""Files of single tensors: each type, each way to lie in memory, each format and protocol."""

import pickle

import numpy as np
import safetensors.torch
import torch
from torch import nn

FLOAT8 = (torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.float8_e8m0fnu)
FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)
UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)
COMPLEX = (torch.complex32, torch.complex64, torch.complex128)


def name_of(dtype):
    return str(dtype).removeprefix("torch.")


def every_pattern(dtype):
    """Each value of a type of one or two bytes, NaNs among them; of wider ones some, with the extremes."""
    size = torch.empty((), dtype=dtype).element_size()
    if dtype == torch.bool:
        return torch.tensor([True, False, True])
    if size == 1:
        return torch.arange(256, dtype=torch.int16).to(torch.uint8).view(dtype)
    if size == 2:
        return torch.arange(65536, dtype=torch.int32).to(torch.int16).view(dtype)
    if not dtype.is_floating_point:
        info = torch.iinfo(dtype)
        return torch.tensor([info.min, info.min + 1, 0, 1, info.max - 1, info.max], dtype=dtype)
    numbers = torch.randn(64, dtype=torch.float64).to(dtype)
    odd = [float("inf"), float("-inf"), float("nan"), 0.0, -0.0, torch.finfo(dtype).tiny / 8]
    # Where float32 rounds, it does so to nearest: halfway cases, those beside them, and what becomes infinite or zero.
    edges = [1 + 2**-24, 1 + 2**-24 + 2**-50, 1 + 3 * 2**-24, 1e-46, 2.0**-149, 2.0**-150, -3.4028235e38, 2.0**-127]
    return torch.cat([numbers, torch.tensor(odd + edges, dtype=torch.float64).to(dtype)])


def types(folder):
    """Every type that torch.save takes, in both forms of file."""
    for dtype in FLOATS + INTEGERS + UNSIGNED + FLOAT8:
        values = every_pattern(dtype)
        torch.save(
            {"values": values, "none": values[:0], "one": values[3 % len(values)]}, folder / f"{name_of(dtype)}.pth"
        )
        if dtype not in UNSIGNED + FLOAT8:
            path = folder / f"{name_of(dtype)}.legacy.pth"
            torch.save({"values": values, "part": values[1:]}, path, _use_new_zipfile_serialization=False)
    wide = torch.tensor([0, 1, 2**31, 2**32 - 1, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1], dtype=torch.uint64)
    torch.save({"small": wide[:6], "all": wide}, folder / "wide.pth")


def unreadable(folder):
    """Types that nobody computes on here, beside one that is."""
    good = torch.rand(3)
    odd = {name_of(dtype): torch.zeros(2, 3, dtype=dtype) for dtype in COMPLEX}
    odd["sparse_coo"] = torch.eye(3).to_sparse()
    odd["sparse_csr"] = torch.eye(3).to_sparse_csr()
    odd["meta"] = torch.empty(2, device="meta")
    odd["qint8"] = torch.quantize_per_tensor(torch.rand(3), 0.1, 0, torch.qint8)
    odd["quint8"] = torch.quantize_per_channel(torch.rand(2, 3), torch.ones(2), torch.zeros(2), 0, torch.quint8)
    odd["conjugate"] = torch.zeros(2, dtype=torch.complex64).conj()
    odd["negative"] = torch.zeros(2, dtype=torch.complex64).conj().imag
    odd["nested"] = torch.nested.nested_tensor([torch.rand(2), torch.rand(3)])
    torch.save({"good": good, **odd}, folder / "all.pth")
    for name, value in odd.items():
        torch.save({"good": good, "bad": value}, folder / f"{name}.pth")
    four = torch.zeros(2, dtype=torch.uint8).view(torch.float4_e2m1fn_x2)
    torch.save({"good": good, "bad": four}, folder / "float4.pth")


def views(folder):
    """Strides, offsets and shared storages."""
    base = torch.arange(720, dtype=torch.float32)
    image = base.view(2, 3, 10, 12)
    tensors = {
        "whole": base,
        "transposed": base.view(24, 30).t(),
        "permuted": image.permute(0, 2, 3, 1),
        "channels_last": torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "channels_last_3d": torch.rand(1, 2, 3, 4, 5).to(memory_format=torch.channels_last_3d),
        "every_other": base[::2],
        "from_the_middle": base[100:108],
        "a_window": image[:, 1:, 2:7, 3:9],
        "expanded": torch.rand(1, 3, 1).expand(4, 3, 2),
        "a_number_expanded": torch.tensor(2.5).expand(3, 4),
        "unfolded": base[:20].unfold(0, 5, 2),
        "diagonal": base[:100].view(10, 10).diagonal(),
        "number": torch.tensor(1.5),
        "of_the_middle": base[300],
        "empty": torch.empty(0),
        "empty_inside": torch.empty(3, 0, 2),
        "empty_view": image[:, :, 5:5],
        "ones": torch.rand(1, 1, 1).as_strided((1, 1, 1), (7, 5, 3)),
        "as_strided": base.as_strided((3, 3), (1, 1), 10),
        "parameter": nn.Parameter(torch.rand(2)),
        "parameter_view": nn.Parameter(base[5:9]),
        "no_grad": nn.Parameter(torch.rand(2), requires_grad=False),
        "non_leaf": (nn.Parameter(torch.rand(2)) * 2).detach(),
    }
    torch.save(tensors, folder / "views.pth")
    torch.save({key: x for key, x in tensors.items() if not key.startswith("as_")}, folder / "views.legacy.pth",
               _use_new_zipfile_serialization=False)  # fmt: skip
    torch.save([list(tensors.values()), tuple(tensors.values())], folder / "lists.pth")
    torch.save(base[3:9], folder / "lone.pth")
    torch.save(base.view(torch.int32)[5:9], folder / "other_type.pth")
    torch.save({"bytes": base[:3].view(torch.uint8)[1:7]}, folder / "bytes.pth")
    torch.save({1: base[:2], "1a": base[:3], 2.5: base[:4], ("a", 1): base[:5], None: base[:6]}, folder / "keys.pth")
    unsaved = torch.rand(3, requires_grad=True)
    unsaved.note = {"a": 1}
    torch.save({"attribute": unsaved, "buffer": nn.Buffer(torch.rand(2))}, folder / "attributes.pth")


def protocols(folder):
    """The same in each protocol, and what reads as the others."""
    values = {
        "weight": torch.rand(3, 2),
        "wide": torch.rand(300, 2),
        "name": "é" * 300,
        "large": 1 << 80,
        "b": b"x" * 300,
    }
    values["many"] = {f"key{i}": torch.rand(1) for i in range(300)}  # memo places beyond a byte
    for protocol in (2, 3, 4, 5):
        torch.save(values, folder / f"zip{protocol}.pth", pickle_protocol=protocol)
        torch.save(values, folder / f"legacy{protocol}.pth", pickle_protocol=protocol,
                   _use_new_zipfile_serialization=False)  # fmt: skip


def refused(folder):
    """What is no file of weights, each to be refused by its own name."""
    values = {"weight": torch.rand(3)}
    for protocol in (0, 1):
        torch.save(values, folder / f"protocol{protocol}.pth", pickle_protocol=protocol)
        with open(folder / f"plain{protocol}.pkl", "wb") as file:
            pickle.dump({"weight": [1.0]}, file, protocol=protocol)
    with open(folder / "plain4.pkl", "wb") as file:
        pickle.dump({"weight": np.ones(3)}, file, protocol=4)
    (folder / "empty.pth").write_bytes(b"")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12345\n"
    (folder / "pointer.safetensors").write_text(pointer)
    (folder / "page.pth").write_text("<!doctype html>\n<html><title>Sign in</title></html>")
    (folder / "keras.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))


def arrays(folder):
    """.npy and .npz, and arrays and scalars inside of pickles."""
    rng = np.random.default_rng(0)
    kinds = "f8 f4 f2 i8 i4 i2 i1 u8 u4 u2 u1 ?".split()
    named = {kind.replace("?", "b1"): (rng.random((3, 4)) * 100).astype(kind) for kind in kinds}
    named |= {f"{kind}_big": named[kind].astype(f">{kind}") for kind in ("f8", "f4", "f2", "i8", "i4", "i2", "u2")}
    base = np.arange(24.0, dtype=np.float32)
    named |= {
        "fortran": np.asfortranarray(base.reshape(4, 6)),
        "backwards": base[::-1],
        "both_backwards": base.reshape(4, 6)[::-1, ::-1],
        "every_other": base[::2],
        "number": np.array(2.5),
        "none": np.zeros((0, 3), np.float32),
        "broadcast": np.broadcast_to(base[:3], (2, 3)),
    }
    np.savez(folder / "arrays.npz", **named)
    np.savez_compressed(folder / "compressed.npz", **named)
    for name, values in named.items():
        np.save(folder / f"{name}.npy", values)
    odd = {"text": np.array(["a", "bc"]), "objects": np.array([None, 1], object), "wave": np.ones(2, np.complex64),
           "when": np.array(["2026-11-29"], "M8[D]"), "record": np.zeros(2, [("a", "f4"), ("b", "i4")])}  # fmt: skip
    np.savez(folder / "odd.npz", good=base, **odd)
    scalars = {name: kind(1.5) for name, kind in (("f8", np.float64), ("f4", np.float32), ("f2", np.float16))}
    scalars |= {"i8": np.int64(-3), "u1": np.uint8(200), "bool": np.bool_(True), "u8": np.uint64(2**63 - 1)}
    scalars |= {"text": np.str_("x"), "day": np.datetime64("2026-11-29"), "wave": np.complex128(1j)}
    kept = {"matrix": np.matrix([[1.0, 2.0]]), "masked": np.ma.array([1.0, 2.0], mask=[True, False])}
    kept |= {"arrays": named, "scalars": scalars, "odd": odd, "dtype": np.dtype("f4"), "type": np.float32}
    state = {"weight": torch.rand(2), **kept}
    for protocol in (2, 3, 4, 5):
        torch.save(state, folder / f"inside{protocol}.pth", pickle_protocol=protocol)
    torch.save(state, folder / "inside.legacy.pth", _use_new_zipfile_serialization=False)
    random = {"legacy": np.random.get_state(), "generator": rng, "state": np.random.RandomState(0)}
    torch.save({"weight": torch.rand(2), "random": random}, folder / "random.pth")


def safetensors_files(folder):
    """Each type that the format knows, and what save_model leaves of tied weights."""
    tensors = {name_of(dtype): every_pattern(dtype) for dtype in FLOATS + INTEGERS + UNSIGNED + FLOAT8}
    tensors |= {"complex64": torch.zeros(3, dtype=torch.complex64), "number": torch.tensor(1.5)}
    tensors |= {"none": torch.empty(0, 3), "float4": torch.zeros(2, 2, dtype=torch.uint8).view(torch.float4_e2m1fn_x2)}
    safetensors.torch.save_file(tensors, folder / "types.safetensors", {"format": "pt"})

    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.head, self.last = nn.Embedding(4, 3), nn.Linear(3, 4, bias=False), nn.Linear(3, 4)
            self.head.weight = self.embedding.weight
            self.last.weight = self.embedding.weight
            self.register_buffer("window", torch.rand(6))
            self.register_buffer("window_too", self.window)

    safetensors.torch.save_model(Tied(), str(folder / "tied.safetensors"))
    safetensors.torch.save_model(Tied(), str(folder / "tied_with_metadata.safetensors"), {"format": "pt", "note": "é"})


ALL = [types, unreadable, views, protocols, refused, arrays, safetensors_files]
