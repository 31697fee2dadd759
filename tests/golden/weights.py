"""Makes tests/golden/weights/: files as PyTorch and NumPy write them.

    pip install -r tests/golden/requirements.txt
    python tests/golden/weights.py

NAME.KIND.pth, .npz, .pt2 and .st hold the tensors of NAME.safetensors: the same names, types, shapes and bits.
Running it again changes no byte, but for the keys of NAME.legacy.pth, which are addresses.
"""

import io
import pickle
import shutil
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file, save_model
from torch import nn

HERE = Path(__file__).resolve().parent / "weights"
ELEMENT_BYTES = {"Double": 8, "Float": 4, "Half": 2, "BFloat16": 2, "Long": 8, "Int": 4, "Short": 2}


def flat(value, name=""):
    """The tensors in dictionaries and lists, by their paths."""
    if isinstance(value, torch.Tensor):
        yield name or "weight", value.detach()
    elif isinstance(value, (np.ndarray, np.generic)):
        yield name or "weight", torch.from_numpy(np.array(value, value.dtype.newbyteorder("="), order="C"))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from flat(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, (list, tuple)):
        yield from flat(dict(enumerate(value)), name)


def write_expected(name, value):
    save_file({key: tensor.clone().contiguous() for key, tensor in flat(value)}, HERE / f"{name}.safetensors")


def check(path, value):
    """PyTorch itself must read what was made."""
    found = torch.load(path, map_location="cpu", weights_only=False)
    for (name, got), (expected_name, expected) in zip(flat(found), flat(value), strict=True):
        assert name == expected_name and got.dtype == expected.dtype and got.shape == expected.shape, (path, name)
        assert torch.equal(torch.nan_to_num(got.double()), torch.nan_to_num(expected.double())), (path, name)


def write(name, kind, value, **options):
    path = HERE / f"{name}.{kind}.pth"
    torch.save(value, path, **options)
    check(path, value)
    return path


def write_both(name, value):
    write_expected(name, value)
    write(name, "legacy", value, _use_new_zipfile_serialization=False)
    return write(name, "zip", value)


class Storages(pickle.Unpickler):
    """Notes how wide the elements of each storage are."""

    def find_class(self, module, name):
        return name.removesuffix("Storage") if name.endswith("Storage") else lambda *given: None

    def persistent_load(self, pid):
        self.width[pid[2]] = ELEMENT_BYTES.get(pid[1], 1)


def repack(path, kind, method, change=lambda name, data: data):
    """The same archive by Python's zipfile."""
    out = path.with_name(path.name.replace(".zip.", f".{kind}."))
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(out, "w", method) as repacked:
        for entry in archive.infolist():
            info = zipfile.ZipInfo(entry.filename)
            info.compress_type = method
            repacked.writestr(info, change(entry.filename, archive.read(entry)))
    return out


def big_endian(path):
    """What a machine of the other byte order would have written."""
    with zipfile.ZipFile(path) as archive:
        reader = Storages(io.BytesIO(archive.read("types.zip/data.pkl")))
    reader.width = {}
    reader.load()

    def change(name, data):
        folder, _, key = name.rpartition("/")
        if key == "byteorder":
            return b"big"
        if not folder.endswith("/data") or not data:
            return data
        width = reader.width[key]
        return np.frombuffer(data, f"V{width}").view("u1").reshape(-1, width)[:, ::-1].tobytes()

    return repack(path, "big_endian", zipfile.ZIP_STORED, change)


def make_types():
    """Every type, no dimension, no element."""
    numbers = [0.0, -0.0, 1.0, -2.5, float("inf"), float("-inf"), float("nan"), 3e-8, 1e-40]
    types = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
    value = {str(dtype).removeprefix("torch."): torch.tensor(numbers).to(dtype) for dtype in types}
    for dtype in (torch.int64, torch.int32, torch.int16, torch.int8):
        info = torch.iinfo(dtype)
        value[str(dtype).removeprefix("torch.")] = torch.tensor([[info.min, -1, 0], [1, 2, info.max]], dtype=dtype)
    value["uint8"] = torch.arange(250, 256, dtype=torch.uint8)
    value["bool"] = torch.tensor([True, False, True])
    value["scalar"] = torch.tensor(3.5)
    value["num_batches_tracked"] = torch.tensor(7)
    value["empty"] = torch.zeros(2, 0, 3)
    path = write_both("types", value)
    for changed in (repack(path, "deflated", zipfile.ZIP_DEFLATED), big_endian(path)):
        check(changed, value)
    torch.serialization.set_crc32_options(False)
    write("types", "unsummed", value)
    torch.serialization.set_crc32_options(True)


def make_narrow():
    """The types that came later: every number of the five that have 8 bits, and integers without a sign."""
    value = {}
    for kind in ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu"):
        value[kind] = torch.arange(256, dtype=torch.uint8).view(getattr(torch, kind))
    for kind in (torch.uint16, torch.uint32, torch.uint64):
        value[str(kind).removeprefix("torch.")] = torch.tensor(
            [0, 1, min(torch.iinfo(kind).max, 2**63 - 1)], dtype=kind
        )
    value["columns"] = value["float8_e5m2"].view(16, 16).T
    write_expected("narrow", value)
    write("narrow", "zip", value)
    # PyTorch 2.13 writes this one and does not read it: AttributeError.
    torch.save(value, HERE / "narrow.legacy.pth", _use_new_zipfile_serialization=False)
    floats = {name: tensor.float().contiguous() for name, tensor in value.items() if tensor.is_floating_point()}
    save_file(floats, HERE / "narrow_as_float32.safetensors")


def make_pickled():
    """NumPy's arrays and scalars in pickles: orders of bytes and of axes, types, what is empty."""
    cube = np.arange(24, dtype="f4").reshape(2, 3, 4)
    value = {
        "scalar": np.float64(-0.25),
        "half": np.float16(1.5),
        "flag": np.bool_(True),
        "count": np.int64(-7),
        "nothing_d": np.array(2.5, "f4"),
        "line": np.arange(5.0),
        "high_bytes": np.arange(120, 136, dtype="u1"),
        "big_endian": np.arange(6, dtype=">u2").reshape(2, 3),
        "fortran": np.asfortranarray(cube),
        "permuted": cube.transpose(1, 0, 2),
        "backwards": cube[::-1, ::2],
        "empty": np.zeros((0, 3), "i4"),
        "flags": np.array([True, False]),
        "inner": {"list": [np.float32(1), (np.ones(2, "f4"), "x")]},
        "same": cube,
        "again": cube,
    }
    write_expected("pickled", value)
    for protocol in (2, 3, 4, 5):
        write("pickled", f"protocol_{protocol}", value, pickle_protocol=protocol)
    path = write("pickled", "legacy", value, _use_new_zipfile_serialization=False)
    write("pickled", "legacy_protocol_4", value, _use_new_zipfile_serialization=False, pickle_protocol=4)
    # What NumPy 1 writes differs in the name of one package.
    data = path.read_bytes().replace(b"cnumpy._core.", b"cnumpy.core.")
    path.with_name("pickled.numpy_1.pth").write_bytes(data)


class Program(nn.Module):
    def __init__(self):
        super().__init__()
        self.up = nn.ConvTranspose2d(4, 3, 3)
        self.norm = nn.BatchNorm2d(3)
        self.first = nn.Linear(3, 3, bias=False)
        self.second = nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.unused = nn.Parameter(torch.arange(6.0).view(2, 3).T)
        self.last = nn.Conv2d(3, 2, 3).to(memory_format=torch.channels_last)
        self.register_buffer("scratch", torch.ones(2), persistent=False)
        self.register_buffer("offsets", torch.arange(4).to(torch.bfloat16))

    def forward(self, x):
        x = self.norm(self.up(x)).permute(0, 2, 3, 1)
        x = self.second(self.first(x)).permute(0, 3, 1, 2)
        return self.last(x) + self.scratch.sum() + self.offsets.sum()


def make_programs():
    """Archives of torch.export.save: one program, two, and the form of before 2.8, whose weights torch.save wrote."""
    torch.manual_seed(0)
    program = torch.export.export(Program().eval(), (torch.zeros(1, 4, 5, 5),))
    for node in program.graph.nodes:  # which would tell where the files of this machine lie
        for traced in ("stack_trace", "nn_module_stack", "from_node", "source_fn_stack"):
            node.meta.pop(traced, None)
    state = {name: values.detach() for name, values in program.state_dict.items()}
    write_expected("program", state)
    torch.export.save(program, HERE / "program.one.pt2")
    with zipfile.ZipFile(HERE / "program.one.pt2") as archive:
        entries = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    with zipfile.ZipFile(HERE / "program.deflated.pt2", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    weights = io.BytesIO()
    torch.save(state, weights)
    with zipfile.ZipFile(HERE / "program.old.pt2", "w") as archive:
        archive.writestr(zipfile.ZipInfo("serialized_exported_program.json"), "{}")
        archive.writestr(zipfile.ZipInfo("serialized_state_dict.pt"), weights.getvalue())
        archive.writestr(zipfile.ZipInfo("version"), "8.8")
    write_expected("programs", {"G": state, "D": state})
    torch.export.pt2_archive._package.package_pt2(
        HERE / "programs.two.pt2", exported_programs={"G": program, "D": program}
    )


def make_tied():
    """What save_model leaves of a network in which one parameter has two names."""
    torch.manual_seed(0)
    net = nn.ModuleDict(
        {"up": nn.ConvTranspose2d(2, 3, 2, bias=False), "again": nn.ConvTranspose2d(2, 3, 2, bias=False)}
    )
    net["again"].weight = net["up"].weight
    write_expected("tied", net.state_dict())
    save_model(net, HERE / "tied.model.st")


def make_views():
    """Tensors that look at storages in every way, several at one."""
    shared = torch.arange(60.0)
    grid = shared.view(3, 4, 5)
    conv = torch.arange(48.0).reshape(2, 3, 2, 4)
    write_both(
        "views",
        {
            "whole": shared,
            "grid": grid,
            "transposed": grid.transpose(0, 2),
            "offset": grid[1],
            "column": grid[:, 2, 1],
            "one": grid[2, 3, 4],
            "stepped": shared[7:50:6],
            "narrow": grid[1:, 1:3, 2:],
            "expanded": shared[5:6].expand(2, 3),
            "diagonal": torch.arange(16).view(4, 4).diagonal(),
            "channels_last": conv.to(memory_format=torch.channels_last),
            "size_one": shared.as_strided((1, 4, 1), (1000, 1, 99), 8),
            "none": grid[:, 4:4, 1:],
            "half": torch.arange(12).half().view(3, 4).T,
            "flags": (torch.arange(12) % 3 == 0).view(3, 4).T,
        },
    )


def make_checkpoint():
    """What a training loop saves: dictionaries in dictionaries, among numbers, names and lists."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.ConvTranspose2d(2, 3, 2), nn.BatchNorm2d(3))
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999))
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [10, 20])
    net(torch.randn(1, 2, 3, 3)).sum().backward()
    optimizer.step()
    value = {
        "epoch": 3,
        "netG": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "best": 0.5,
        "seed": 2**63 + 1,
        "steps": -(2**40),
        "name": "D\u00fcrer",
        "nothing": None,
        "size": torch.Size([1, 2]),
        "dtype": torch.float32,
        "device": torch.device("cpu"),
        "samples": [torch.ones(2), (torch.zeros(1), 5)],
        "fixed_noise": torch.randn(2, 2),
    }
    write_both("checkpoint", value)


def make_parameters():
    """nn.Parameter as it is, and with an attribute."""
    plain, noted = nn.Parameter(torch.arange(4.0)), nn.Parameter(torch.arange(6.0).view(2, 3).T)
    noted.note = "kept"
    write_both(
        "parameters", OrderedDict(plain=plain, noted=noted, frozen=nn.Parameter(torch.ones(1), requires_grad=False))
    )


def make_lone():
    write_both("lone", torch.arange(3.0))


def make_old():
    """By hand, as Python 2 and PyTorch 0.3 wrote it: byte strings, a dictionary made of pairs, views of storages,
    CUDA."""

    def text(value):
        return b"U" + struct.pack("B", len(value)) + value

    def number(value):
        return b"K" + struct.pack("B", value)

    storage = (
        b"(" + text(b"storage") + b"ctorch.cuda\nFloatStorage\n" + text(b"94") + text(b"cuda:0") + number(6)
        + text(b"95") + number(2) + number(4) + b"\x87tQ"
    )  # fmt: skip
    rebuild = b"ctorch._utils\n_rebuild_tensor\n(" + storage + number(1) + number(3) + b"\x85" + number(1) + b"\x85tR"
    pair = b"](" + text(b"0.bias") + rebuild + b"e"
    objects = b"\x80\x02ccollections\nOrderedDict\n](" + pair + b"e\x85R."
    protocol = [pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    numbers = torch.arange(6.0)
    data = struct.pack("<q", 6) + numbers.numpy().tobytes()
    path = HERE / "old.legacy.pth"
    path.write_bytes(b"".join(protocol) + objects + pickle.dumps(["94"], 2) + data)
    check(path, {"0.bias": numbers[3:6]})
    write_expected("old", {"0.bias": numbers[3:6]})


def make_arrays():
    """What NumPy writes: types, byte orders, the order of Fortran."""
    value = {
        "float64": np.linspace(-1, 1, 5),
        "float32": np.arange(6, dtype="f4").reshape(2, 3),
        "float16": np.arange(3, dtype="f2"),
        "int64": np.arange(-2, 2),
        "bool": np.array([True, False]),
        "0.weight": np.zeros((2, 64), "f4"),
        "scalar": np.array(4, "i4"),
        "empty": np.zeros((0, 2), "u1"),
        "big_endian": np.arange(4, dtype=">f4"),
        "fortran": np.asfortranarray(np.arange(6, dtype="i2").reshape(2, 3)),
    }
    np.savez(HERE / "arrays.stored.npz", **value)
    np.savez_compressed(HERE / "arrays.deflated.npz", **value)
    native = {name: array.astype(array.dtype.newbyteorder("=")) for name, array in value.items()}
    write_expected("arrays", {name: torch.from_numpy(array.copy("C")) for name, array in native.items()})


def make_net():
    """Weights of tests/golden/run/sequential.txt in every format, for the program."""
    value = load_file(HERE.parent / "run" / "sequential.safetensors")
    write_both("net", value)
    np.savez(HERE / "net.stored.npz", **{name: tensor.numpy() for name, tensor in value.items()})


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir()
    make_types()
    make_narrow()
    make_pickled()
    make_programs()
    make_tied()
    make_views()
    make_checkpoint()
    make_parameters()
    make_lone()
    make_old()
    make_arrays()
    make_net()


if __name__ == "__main__":
    main()
