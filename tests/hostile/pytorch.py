"""Makes the hostile zip archives, .npz and PyTorch files: tests/hostile/pytorch/ and, in pytorch.json, what the refusal
of each must contain. Running it again changes no byte.

    python3 tests/hostile/pytorch.py
"""

import struct
import zlib

from corpus import write_corpus

# ---- zip ------------------------------------------------------------------------------------------------------------

STORED, DEFLATED = 0, 8


def deflate(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def entry(name, /, data=b"data", method=STORED, **changes):
    """An entry; `changes` overwrite what its local header and its record of the directory state, those called local_
    the local header alone."""
    packed = deflate(data) if method == DEFLATED else data
    stated = dict(
        name=name.encode(), flags=0, method=method, crc=zlib.crc32(data), packed=len(packed), size=len(data), extra=b""
    )
    stated |= {key: value for key, value in changes.items() if key in stated}
    local = stated | {key[6:]: value for key, value in changes.items() if key.startswith("local_")}
    return {
        "data": changes.get("data_bytes", packed),
        "stated": stated,
        "local": local,
        "offset": changes.get("offset"),
    }


def fields(at):
    return struct.pack(
        "<HHHHIIIHH",
        at["flags"],
        at["method"],
        0,
        33,
        at["crc"],
        at["packed"],
        at["size"],
        len(at["name"]),
        len(at["extra"]),
    )


def archive(*entries, before=b"", end=b"", **changes):
    """An archive; `changes` overwrite its end record."""
    body, directory = before, b""
    for part in entries:
        stated, local = part["stated"], part["local"]
        offset = len(body) - len(before) if part["offset"] is None else part["offset"]
        body += b"PK\3\4" + struct.pack("<H", 20) + fields(local) + local["name"] + local["extra"] + part["data"]
        directory += b"PK\1\2" + struct.pack("<HH", 20, 20) + fields(stated) + struct.pack("<HHHII", 0, 0, 0, 0, offset)
        directory += stated["name"] + stated["extra"]
    numbers = dict(
        disk=0, first=0, here=len(entries), count=len(entries), size=len(directory), offset=len(body) - len(before)
    )
    numbers |= changes
    return body + directory + end + b"PK\5\6" + struct.pack("<HHHHIIH", *numbers.values(), 0)


def archive64(**changes):
    """An archive of one entry with a zip64 end record, of which `changes` overwrite what it states."""
    body = archive(entry("a"))
    size, offset = struct.unpack("<II", body[-10:-2])
    at = offset + size
    numbers = dict(rest=44, made=45, needed=45, disk=0, first=0, here=1, count=1, size=size, offset=offset)
    place = dict(disk=0, at=at, disks=1)
    record = b"PK\6\6" + struct.pack(
        "<QHHIIQQQQ", *(numbers | {k: v for k, v in changes.items() if k in numbers}).values()
    )
    locator = b"PK\6\7" + struct.pack(
        "<IQI", *(place | {k[4:]: v for k, v in changes.items() if k.startswith("its_")}).values()
    )
    return body[:at] + record + locator + body[at:]


PLAIN = archive(entry("a"), entry("b"))
WIDE = struct.pack("<HHQQ", 1, 16, 2**63, 2**63)

ZIP = {
    "no_end_record": (PLAIN[:-10], "a zip archive without end record"),
    "something_follows": (PLAIN + b"x", "or something follows it"),
    "only_a_local_header": (PLAIN[:40], "without end record: it is cut short"),
    "several_parts": (archive(entry("a"), disk=1, first=1), "expected an archive in one part, got one of several"),
    "junk_before": (archive(entry("a"), before=b"PK\3\4 junk"), "something stands before the archive or in it"),
    "directory_past_the_end": (archive(entry("a"), offset=2**31), "got 47 bytes from byte 2147483648"),
    "directory_too_large": (archive(entry("a"), size=2**31), "got 2147483648 bytes from byte 35"),
    "count_too_large": (archive(entry("a"), here=9, count=9), "the end record counts 9 entries, the directory has 1"),
    "no_record": (archive(entry("a"), end=b"y" * 50, size=97), "expected a record of the directory after 1"),
    "record_cut_short": (
        archive(entry("a"), end=b"PK\1\2".ljust(28, b"\0") + struct.pack("<H16x", 500), size=93),
        "the directory is cut short in record 1",
    ),
    "zip64_lost": (archive64(its_at=2**63), "no zip64 end record at byte 9223372036854775808"),
    "zip64_elsewhere": (archive64(its_at=3), "no zip64 end record at byte 3"),
    "zip64_other_size": (archive64(rest=2**64 - 1), "it states 18446744073709551615 more than 12"),
    "zip64_disagrees": (archive64(count=2**40, here=2**40), "the end record and the zip64 end record disagree"),
    "zip64_in_parts": (archive64(its_disks=2), "the zip64 end record tells of several"),
    "zip64_sizes_missing": (archive(entry("a", size=2**32 - 1)), 'entry "a": its zip64 sizes are missing'),
    "zip64_size_2_63": (
        archive(entry("a", size=2**32 - 1, packed=2**32 - 1, extra=WIDE)),
        "expected 9223372036854775808 bytes of data, the archive ends before",
    ),
    "offset_past_the_end": (archive(entry("a", offset=2**32 - 2)), 'entry "a": begins at byte 4294967294, past the 35'),
    "offset_elsewhere": (archive(entry("a", offset=1)), 'entry "a": no local header at byte 1'),
    "data_past_the_end": (archive(entry("a", packed=5, size=5)), "expected 5 bytes of data, the archive ends before"),
    "other_name": (archive(entry("a", local_name=b"b")), 'entry "a": its local header names it "b"'),
    "other_method": (archive(entry("m", local_method=8)), 'entry "m": its local header and the directory disagree'),
    "other_size": (archive(entry("s", local_size=3)), 'entry "s": its local header and the directory disagree'),
    "other_crc": (archive(entry("c", local_crc=3)), 'entry "c": its local header and the directory disagree'),
    "descriptor_disagrees": (
        archive(entry("d", flags=8, local_size=9, local_packed=9)),
        'entry "d": its local header and the directory disagree',
    ),
    "encrypted": (archive(entry("a", flags=1)), 'entry "a": is encrypted'),
    "encrypted_locally": (archive(entry("e", local_flags=1)), 'entry "e": its local header and the directory disagree'),
    "unknown_method": (archive(entry("a", method=93)), "expected stored or deflated data, got compression method 93"),
    "stored_otherwise": (archive(entry("a", size=9)), 'entry "a": stored as 9 bytes, of which 4 are there'),
    "same_name": (archive(entry("a"), entry("a")), 'entry "a": occurs twice'),
    "parent_folder": (archive(entry("x/../../a")), 'entry "x/../../a": its name leads out of the archive'),
    "root_folder": (archive(entry("/etc/passwd")), 'entry "/etc/passwd": its name leads out'),
    "backslash": (archive(entry("..\\a")), 'entry "..\\\\a": its name leads out'),
    "no_name": (archive(entry("")), 'entry "": its name leads out'),
    "zero_in_name": (archive(entry("a\0b")), 'entry "a\\x00b": its name leads out'),
    "overlapping": (
        archive(entry("a", data=archive(entry("b"))[:35]), entry("b", offset=31)),
        'entry "b": overlaps another',
    ),
    "empty_archive": (archive(), "an empty zip archive"),
    "other_archive": (archive(entry("readme.txt")), 'entry "readme.txt": expected PyTorch\'s data.pkl in the archive'),
}

# ---- npz ------------------------------------------------------------------------------------------------------------


def npy(descr="'<f4'", shape="(2,)", data=b"\0" * 8):
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + data


BOMB = b"\0" * 50_000_000

NPZ = {
    "bomb": (
        archive(entry("a.npy", BOMB, DEFLATED)),
        'entry "a.npy": inflates to 50000000 bytes, more than an archive',
    ),
    "bomb_in_parts": (
        archive(*(entry(f"{k}.npy", BOMB[:2_000_000], DEFLATED) for k in range(12))),
        'entry "8.npy": inflates to 2000000 bytes, more than',
    ),
    "bomb_stated_small": (
        archive(entry("a.npy", BOMB[:100_000], DEFLATED, size=100)),
        "its deflated data are not the 100 bytes that the directory states",
    ),
    "deflated_less": (
        archive(entry("a.npy", b"abc", DEFLATED, size=4)),
        "are not the 4 bytes that the directory states",
    ),
    "deflated_and_more": (
        archive(entry("a.npy", b"abc", DEFLATED, data_bytes=deflate(b"abc") + b"x", packed=len(deflate(b"abc")) + 1)),
        "are not the 3 bytes that the directory states",
    ),
    "deflated_damaged": (
        archive(entry("a.npy", method=DEFLATED, data_bytes=b"\xff" * 6, packed=6)),
        "its deflated data is damaged",
    ),
    "wrong_crc": (archive(entry("a.npy", npy(), crc=0x12345678)), 'entry "a.npy": expected CRC 12345678, got'),
    "wrong_crc_deflated": (
        archive(entry("a.npy", npy(), DEFLATED, crc=0)),
        'entry "a.npy": expected CRC 00000000, got',
    ),
    "short": (archive(entry("a.npy", npy(data=b"\0" * 7))), 'entry "a.npy": expected data of 8 bytes, got 7'),
    "no_array": (archive(entry("a.npy", b"text")), 'entry "a.npy": not a NumPy array'),
    "array_and_text": (archive(entry("a.npy", npy()), entry("b.txt")), 'entry "b.txt": expected PyTorch\'s data.pkl'),
    "bad_utf8": (archive(entry("a", npy(), name=b"\xff.npy", local_name=b"\xff.npy")), "\\xff.npy"),
}

# ---- pickles --------------------------------------------------------------------------------------------------------


class Raw(bytes):
    """Instructions for one value."""


def value(of):
    """Instructions that make a value."""
    if isinstance(of, Raw):
        return of
    if of is None:
        return b"N"
    if isinstance(of, bool):
        return b"\x88" if of else b"\x89"
    if isinstance(of, int):
        if 0 <= of < 256:
            return b"K" + bytes([of])
        digits = of.to_bytes(of.bit_length() // 8 + 1, "little", signed=True)
        return b"\x8a" + bytes([len(digits)]) + digits
    if isinstance(of, str):
        return b"X" + struct.pack("<I", len(of.encode())) + of.encode()
    if isinstance(of, tuple):
        return b"(" + b"".join(map(value, of)) + b"t"
    if isinstance(of, list):
        return b"](" + b"".join(map(value, of)) + b"e"
    return b"}(" + b"".join(value(key) + value(item) for key, item in of.items()) + b"u"


def named(whole):
    module, _, name = whole.rpartition(".")
    return Raw(f"c{module}\n{name}\n".encode())


def called(function, *given):
    return Raw(named(function) + value(given) + b"R")


def identified(*given):
    return Raw(value(given) + b"Q")


def pickled(of):
    return b"\x80\2" + value(of) + b"."


def raw(instructions):
    return b"\x80\2" + instructions + b"."


def stored(count=4, key="0", kind="torch.FloatStorage"):
    return identified("storage", named(kind), key, "cpu", count)


HOOKS = called("collections.OrderedDict")


def tensor(offset=0, shape=(4,), strides=(1,), storage=None, rest=(False, HOOKS)):
    return called("torch._utils._rebuild_tensor_v2", storage or stored(), offset, shape, strides, *rest)


def pth(pickle, data=b"\0" * 16, method=STORED, *others):
    return archive(entry("x/data.pkl", pickle, method), entry("x/data/0", data), *others)


def shared(levels):
    """Dictionaries that hold the one before twice."""
    made = value({}) + b"q\0"
    for _ in range(levels):
        made = b"}(" + value("a") + made + value("b") + b"h\0uq\0"
    return made


def legacy_recipe(*parts):
    """A file of before 1.6 without storages, whose object is pickled in parts: [(bytes, times), ...]."""
    before, after = legacy({}, keys=(), data=b"").split(pickled({}))
    return [(before + b"\x80\2", 1), *parts, (b"." + after, 1)]


ELEMENTS = struct.pack("<q", 4) + b"\0" * 16  # a storage of four


def legacy(objects, keys=("0",), data=ELEMENTS, version=1001):
    system = pickled({"little_endian": True})
    listed = pickled(list(keys)) if isinstance(keys, tuple) else keys
    return raw(value(0x1950A86A20F9469CFC6C)) + pickled(version) + system + pickled(objects) + listed + data


PICKLES = {
    "empty": (b"", "byte 0 of the pickle: expected 1 bytes, 0 are left: it is cut short"),
    "no_protocol": (b"N.", "byte 0 of the pickle: expected a pickle of protocol 2 to 5; one of protocol 0 or 1"),
    "protocol_1": (b"\x80\1N.", "expected a pickle of protocol 2 to 5, got 1"),
    "protocol_6": (b"\x80\6N.", "expected a pickle of protocol 2 to 5, got 6"),
    "no_stop": (b"\x80\2}", "byte 3 of the pickle: expected 1 bytes, 0 are left"),
    "nothing": (raw(b""), "expected one value at the end, got 0"),
    "two_values": (raw(b"NN"), "expected one value at the end, got 2"),
    "mark_left": (raw(b"(N"), "byte 4 of the pickle: expected one value at the end"),
    "trailing": (pickled({}) + b"more", "4 trailing bytes after the pickle"),
    "stack_underflow": (raw(b"N\x86"), "byte 3 of the pickle: the stack is empty"),
    "stack_underflow_at_mark": (raw(b"N(\x85"), "byte 4 of the pickle: the stack is empty"),
    "mark_underflow": (raw(b"Nt"), "byte 3 of the pickle: there is no mark on the stack"),
    "memo_miss": (raw(b"h\7"), "nothing was put into the memo as 7"),
    "memo_miss_long": (raw(b"j\xff\xff\xff\xff"), "nothing was put into the memo as 4294967295"),
    "memo_of_nothing": (raw(b"r\xff\xff\xff\xff"), "byte 2 of the pickle: the stack is empty"),
    "string_4_gib": (raw(b"X\xff\xff\xff\xffabc"), "expected 4294967295 bytes, 4 are left: it is cut short"),
    "string_cut_short": (b"\x80\2X\4\0", "expected 4 bytes, 2 are left"),
    "byte_string_cut_short": (b"\x80\2U\xffab", "expected 255 bytes, 2 are left"),
    "float_cut_short": (b"\x80\2G\0\0", "expected 8 bytes, 2 are left"),
    "integer_cut_short": (b"\x80\2\x8a\x09abc", "expected 9 bytes, 3 are left"),
    "global_cut_short": (b"\x80\2ctorch\nFloatStorage", "a name without end: it is cut short"),
    "unknown_instruction": (raw(b"\xff"), "got 0xff"),
    "stack_global": (raw(b"\x8c\x02os\x8c\x06system\x93"), "or a module, got a global"),
    "stack_global_alone": (raw(value(1) + value("system") + b"\x93"), "expected the name of a global, got an integer"),
    "instance": (raw(b"(ios\nsystem\n"), "got 0x69"),
    "object": (raw(b"(cos\nsystem\no"), "got 0x6f"),
    "extension": (raw(b"\x82\1"), "got 0x82"),
    "eval": (pickled(called("builtins.eval", "print('ran')")), 'got an object, "builtins.eval", which is not made'),
    "eval_of_python_2": (pickled(called("__builtin__.eval", "1")), 'an object, "__builtin__.eval", which is not made'),
    "posix_system": (pickled(called("posix.system", "true")), 'got an object, "posix.system", which is not made'),
    "global_in_terminal": (pickled(called("a\x1b[2J.b")), 'got an object, "a\\x1b[2J.b", which is not made'),
    "global_without_end": (
        pickled(named("m" * 50_000 + ".n")),
        "expected the name of a global to have at most 1000 bytes, got 50001",
    ),
    "object_without_state": (
        pickled(called("torch.nn.modules.container.Sequential")),
        'or a module, got an object, "torch.nn.modules.container.Sequential", which is not made',
    ),
    "class": (pickled(named("__main__.Generator")), "or a module, got a global"),
    "call_of_no_global": (raw(value("eval") + b")R"), "or a module, got an object"),
    "call_of_no_tuple": (raw(named("torch.Size") + b"]R"), "expected a tuple of arguments, got a list"),
    "new_object": (raw(named("collections.OrderedDict") + b"N\x81"), "expected a tuple of arguments, got None"),
    "size_of_nothing": (pickled(called("torch.Size")), 'got an object, "torch.Size"'),
    "dictionary_of_number": (pickled(called("collections.OrderedDict", 7)), 'an object, "collections.OrderedDict"'),
    "dictionary_of_numbers": (pickled(called("collections.OrderedDict", [7])), "OrderedDict's list to be one of pairs"),
    "many_objects": (raw(named("os.system") + b"q\0" + b"h\0)R" * 250_001), "expected at most 500000 values, got more"),
    "state_of_itself": (raw(called("os.system") + b"q\0h\0b"), 'got an object, "os.system", which is not made'),
    "module_in_itself": (
        raw(called("os.system") + b"q\0" + value({"_modules": {"a": Raw(b"h\0")}, "_parameters": {}}) + b"b"),
        '"a" holds itself',
    ),
    "shared_state": (
        raw(
            value({"_modules": {}, "_parameters": {}} | {f"k{i}": None for i in range(20_000)})
            + b"q\x000]("
            + (called("os.system") + b"h\0b") * 2_000
            + b"e"
        ),
        "its dictionaries unfold to names that are much longer than its pickle",
    ),
    "name_4_gib": (raw(b"\x8d\0\0\0\0\1\0\0\0abc"), "expected 4294967296 bytes, 4 are left: it is cut short"),
    "frame_cut_short": (b"\x80\4\x95\0\0", "expected 8 bytes, 2 are left"),
    "mark_popped": (raw(b"(0N1"), "there is no mark on the stack"),
    "state_of_list": (raw(b"]}b"), "expected an object to give a state, got a list"),
    "append_to_tuple": (raw(b")Na"), "expected a list to append to, got a tuple"),
    "appends_to_dictionary": (raw(b"}(Ne"), "expected a list to append to, got a dictionary"),
    "item_of_list": (raw(b"]NNs"), "expected a dictionary to set items of, got a list"),
    "odd_items": (raw(b"}(NNNu"), "expected keys and values to set, got 3 of both together"),
    "list_holds_itself": (raw(b"]q\0h\0a"), '"0" holds itself'),
    "dictionary_holds_itself": (raw(b"}q\0" + value("a") + b"h\0s"), '"a" holds itself'),
    "two_hold_each_other": (raw(b"}q\0" + value("a") + b"]q\1h\0as"), '"a.0" holds itself'),
    "deep_lists": (raw(b"]" * 100_000 + b"a" * 99_999), "dictionaries are nested more than 64 deep"),
    "deep_tuples": (raw(b")" + b"\x85" * 100_000), "are nested more than 64 deep"),
    "deep_marks": (raw(b"(" * 100_000), "expected one value at the end, got 0"),
    "shared_2_30": (raw(shared(30)), "its dictionaries unfold to names that are much longer than its pickle"),
    "long_names": (
        raw(b"}" + value("k" * 20_000) + b"}(" + b"".join(value(k) + b"]" for k in range(500)) + b"us"),
        "its dictionaries unfold to names that are much longer",
    ),
    "many_values": (raw(b"]" * 500_001), "expected at most 500000 values, got more"),
    "many_on_the_stack": (raw(b"N" * 500_001), "expected at most 500000 values on the stack, got more"),
    "many_marks": (raw(b"(" * 500_001), "expected at most 500000 marks, got more"),
    "memo_place_too_large": (
        raw(b"}r" + struct.pack("<I", 500_000)),
        "at most 500000 places in the memo, got the number 500000",
    ),
    "a_number": (pickled(7), "expected a dictionary of tensors, or a module, got an integer"),
    "bad_utf8": (raw(b"}U\1\xff" + tensor() + b"s"), 'the key "\\xff" is not valid UTF-8'),
    "name_twice": (pickled({"a": {"b": tensor()}, "a.b": tensor()}), 'tensor "a.b": occurs twice'),
}

PERSISTENT = {
    "string": (raw(value("0") + b"Q"), "persistent id: expected a tuple, got a string"),
    "empty": (raw(b")Q"), 'persistent id: expected ("storage", type, key, location, count)'),
    "short": (pickled(identified("storage", 1)), 'expected ("storage", type'),
    "other_kind": (pickled(identified("secret", 1, 2, 3, 4)), 'expected ("storage"'),
    "module": (pickled(identified("module", 1, 2, 3)), "or a module, got a persistent id"),
    "type": (pickled(identified("storage", 1, "0", "cpu", 4)), "expected a type of storage, got an integer"),
    "unknown_type": (
        pickled(stored(kind="torch.ComplexFloatStorage")),
        'entry "x/data/0": expected 4 elements of 8 bytes, got 16 bytes',
    ),
    "no_storage": (pickled(stored(kind="torch.Size")), 'uint8, bool, got "torch.Size"'),
    "key": (pickled(identified("storage", named("torch.FloatStorage"), 0, "cpu", 4)), "expected a string as key"),
    "count": (pickled(stored("4")), "expected a number of elements, got a string"),
    "count_negative": (pickled(stored(-4)), "got the negative number -4"),
    "count_2_61": (pickled(stored(2**61)), '"0": 2305843009213693952 elements are more than 2^63 - 1 bytes'),
    "count_huge": (pickled(stored(2**80)), "expected a number of elements, got a large integer"),
    "two_ways": (pickled([stored(), stored(kind="torch.IntStorage")]), 'storage "0" is described in two ways'),
    "view_beyond": (
        pickled(identified("storage", named("torch.FloatStorage"), "0", "cpu", 4, ("1", 3, 2))),
        "has 4 elements, a view of it needs 2 from 3",
    ),
    "view_short": (
        pickled(identified("storage", named("torch.FloatStorage"), "0", "cpu", 4, ("1", 3))),
        "expected (key, offset, count) as view, got 2 values",
    ),
    "missing_entry": (pickled(stored(key="../1")), 'there is no entry "x/data/../1" in the archive'),
    "count_differs": (pickled(stored(5)), 'entry "x/data/0": expected 5 elements of 4 bytes, got 16 bytes'),
}

BIG = 2**62
TENSORS = {
    "arity": (tensor(rest=()), 'tensor "w": expected 6 or 7 arguments for torch._utils._rebuild_tensor_v2, got 4'),
    "arity_v1": (
        called("torch._utils._rebuild_tensor", 1),
        "expected 4 arguments for torch._utils._rebuild_tensor, got 1",
    ),
    "parameter_of_number": (
        called("torch._utils._rebuild_parameter", 1, 2, 3),
        "expected a tensor in a parameter",
    ),
    "no_storage": (tensor(storage=Raw(b"K\1")), "expected a storage, got an integer"),
    "offset": (tensor("0"), "expected a whole number as offset, got a string"),
    "offset_negative": (tensor(-1), "a negative offset: -1"),
    "offset_past_the_end": (tensor(1), "shape (4,) with strides (1,) from element 1 leaves its storage of 4 elements"),
    "offset_2_62": (tensor(BIG), "from element 4611686018427387904 leaves its storage"),
    "shape_list": (tensor(shape=[4]), "expected a tuple as shape, got a list"),
    "shape_text": (tensor(shape=("4",)), "expected whole numbers as shape, got a string"),
    "shape_negative": (tensor(shape=(-4,)), "a negative number in its shape: -4"),
    "shape_huge": (tensor(shape=(2**63,)), "expected whole numbers as shape, got a large integer"),
    "shape_overflow": (tensor(shape=(BIG, BIG), strides=(0, 0)), "has more than 2^63 - 1 bytes"),
    "shape_overflow_beside_zero": (
        tensor(shape=(BIG, 2, 0), strides=(0, 0, 0)),
        "(4611686018427387904, 2, 0) has more",
    ),
    "shape_rank": (tensor(shape=(1,) * 65, strides=(1,) * 65), "expected at most 64 dimensions, got 65"),
    "strides_number": (tensor(strides=1), "expected a tuple as strides, got an integer"),
    "strides_negative": (tensor(3, strides=(-1,)), "a negative number in its strides: -1"),
    "strides_missing": (tensor(strides=()), "expected as many strides as dimensions, got 0 and 1"),
    "strides_past_the_end": (tensor(strides=(2,)), "with strides (2,) from element 0 leaves its storage"),
    "strides_overflow": (tensor(2, (3, 3), (BIG, BIG)), "from element 2 leaves its storage of 4 elements"),
    "strides_wrap": (tensor(0, (5,), (BIG,)), "shape (5,) with strides (4611686018427387904,) from element 0 leaves"),
    "expanded_2_40": (tensor(0, (2**40,), (0,)), "gathers 4398046511104 bytes, more than a file of this size should"),
    "scalar_of_nothing": (
        tensor(0, (), (), identified("storage", named("torch.FloatStorage"), "0", "cpu", 4, ("1", 4, 0))),
        "shape () with strides () from element 0 leaves its storage of 0 elements",
    ),
    "untyped": (tensor(storage=stored(16, kind="torch.storage.UntypedStorage")), "bool, got one without type"),
    "dtype": (
        called("torch._utils._rebuild_tensor_v3", stored(), 0, (4,), (1,), False, HOOKS, 7),
        "expected a dtype, got an integer",
    ),
    "dtype_of_typed": (
        called("torch._utils._rebuild_tensor_v3", stored(), 0, (4,), (1,), False, HOOKS, named("torch.float32")),
        "expected an UntypedStorage for torch._utils._rebuild_tensor_v3",
    ),
}

ARCHIVES = {
    "two_pickles": (archive(entry("a/data.pkl"), entry("b/data.pkl")), "expected one data.pkl in the archive, got two"),
    "byteorder": (pth(pickled({}), b"", STORED, entry("x/byteorder", b"middle")), 'as byteorder, got "middle"'),
    "untyped_big_endian": (
        pth(pickled(stored(16, kind="torch.UntypedStorage")), b"\0" * 16, STORED, entry("x/byteorder", b"big")),
        'entry "x/data/0": big-endian, and of no type',
    ),
    "wrong_crc": (
        archive(entry("x/data.pkl", pickled(stored())), entry("x/data/0", b"\0" * 16, crc=1)),
        'entry "x/data/0": expected CRC 00000001, got ecbb4b55: its bytes are not those that were saved',
    ),
    "pickle_large": (
        archive(entry("x/data.pkl", raw(b"](" + b"N" * 5_000_000 + b"e"), DEFLATED)),
        'entry "x/data.pkl": a pickle of 5000006 bytes, more than an archive of',
    ),
    "pickle_bomb": (
        archive(entry("x/data.pkl", b"\x80\2" + b"(" * 30_000_000, DEFLATED)),
        'entry "x/data.pkl": inflates to 30000002 bytes, more than an archive',
    ),
}

WEIGHT = {"w": tensor()}
LEGACY = {
    "only_a_number": (legacy(WEIGHT)[:15], "version: byte 0 of the pickle: expected 1 bytes, 0 are left"),
    "version": (legacy(WEIGHT, version=1002), "expected version 1001 of the format"),
    "version_code": (
        legacy(WEIGHT, version=called("os.system", "true")),
        "expected version 1001 of the format",
    ),
    "keys": (legacy(WEIGHT, keys=pickled({})), "expected a list of storages, got a dictionary"),
    "keys_numbers": (legacy(WEIGHT, keys=(0,)), "expected a string as a storage's key, got an integer"),
    "keys_code": (
        legacy(WEIGHT, keys=pickled(named("os.system"))),
        "expected a list of storages, got a global",
    ),
    "key_unknown": (legacy(WEIGHT, keys=("1",)), 'storage "1": no tensor tells what it is'),
    "key_missing": (legacy(WEIGHT, keys=(), data=b""), 'storage "0" is missing'),
    "key_twice": (legacy(WEIGHT, keys=("0", "0"), data=2 * ELEMENTS), 'storage "0" occurs twice'),
    "count_cut_short": (legacy(WEIGHT, data=b"\4\0\0"), 'storage "0": its count is cut short'),
    "count_differs": (
        legacy(WEIGHT, data=struct.pack("<q", 5) + b"\0" * 20),
        "expected 4 elements, its record counts 5",
    ),
    "count_2_64": (legacy(WEIGHT, data=b"\xff" * 24), "its record counts 18446744073709551615"),
    "data_cut_short": (legacy(WEIGHT, data=ELEMENTS[:-1]), 'storage "0": expected 16 bytes, 15 are left'),
    "trailing": (legacy(WEIGHT, data=ELEMENTS + b"more"), "4 trailing bytes after the last storage"),
    "class": (
        legacy(identified("module", 1, "net.py", "class Net: ..."), keys=(), data=b""),
        "or a module, got a persistent id",
    ),
    "deep_long_names": (
        legacy_recipe((b"}" + value("k" * 5_000), 1), (b"}" + value("k" * 50_000), 60), (b"]", 1), (b"s", 61)),
        "its dictionaries unfold to names that are much longer than its pickle",
    ),
    "many_instructions": (
        legacy_recipe((b"}", 1), (b"q\0", 5_000_000)),
        "expected at most 5000000 instructions, got more",
    ),
    "many_tensors": (
        legacy_recipe(
            (b"](X" + struct.pack("<I", 1_000_000), 1),
            (b"a", 1_000_000),
            (tensor(storage=identified("storage", named("torch.FloatStorage"), "0", "cpu", 0), shape=(0,)) + b"q\0", 1),
            (b"](" + b"h\0" * 1000 + b"eq\1", 1),
            (b"h\1", 101),
            (b"e", 1),
        )[:-1]
        + [(b"." + pickled(["0"]) + b"\0" * 8, 1)],
        "expected at most 100000 tensors, got more",
    ),
    "expanded_2_40": (legacy({"w": tensor(0, (2**40,), (0,))}), "gathers 4398046511104 bytes"),
}

OTHERS = {
    "git_lfs.pth": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        "what Git LFS leaves in the place of a file; get it with git lfs pull",
    ),
    "page.pth": (
        b"<!DOCTYPE html>\n<html><head><title>Sign in</title>",
        "a web page, not the file that a link was for",
    ),
    "page_with_space.safetensors": (b"\n  <html>", "a web page"),
    "keras.h5": (b"\x89HDF\r\n\x1a\n" + bytes(40), "an HDF5 file, as Keras writes them"),
    "gguf.pth": (b"GGUF\3\0\0\0" + bytes(24), "a GGUF file"),
    "text_pickle.pth": (b"(dp0\nVweight\np1\nI1\ns.", "a pickle of protocol 0"),
    "text_pickle_of_dict.pth": (b"ccollections\nOrderedDict\np0\n(tRp1\n.", "a pickle of protocol 0 or 1"),
    "text_pickle_of_torch.pth": (b"L119547037146038801333356L\n.", "a pickle of protocol 0 or 1"),
    "binary_pickle.pth": (b"}q\0.", "a pickle of protocol 0 or 1"),
    "onnx.pth": (b"\x08\x0a\x12\7pytorch\x1a\x062.13.0:\4\n\2\n\0", "an ONNX file, a network and its weights"),
    "onnx_runtime.pth": (b"\x18\0\0\0ORTM" + bytes(16), "a network for ONNX Runtime"),
    "lite.pth": (b"\x1c\0\0\0TFL3" + bytes(16), "a network for TensorFlow Lite"),
    "openvino.pth": (b'<?xml version="1.0"?>\n<net name="G" version="11">', "such as OpenVINO's of a network"),
    "ncnn.pth": (b"7767517\n3 3\nInput in0 0 1 in0\n", "a network for ncnn"),
    "keras.pth": (
        archive(entry("metadata.json"), entry("config.json"), entry("model.weights.h5")),
        "a Keras file; save its arrays in Python: numpy.savez",
    ),
    "distributed_checkpoint.pth": (
        b"\x80\4\x95\x17\5\0\0\0\0\0\0\x8c\x25torch.distributed.checkpoint.metadata\x94.",
        "of torch.distributed.checkpoint, which cuts tensors in pieces; make one file of its folder: python -m",
    ),
    "noise.pth": (bytes(range(7, 207)), "not a weights file"),
    "tar.pth": (
        b"sys_info".ljust(257, b"\0") + b"ustar\x0000".ljust(255, b"\0"),
        "a tar archive, as PyTorch wrote them before",
    ),
    "plain_pickle.pkl": (b"\x80\4N.", "a pickle, but not torch.save's"),
}


def all_files():
    """name: (bytes, words)"""
    yield from ((f"zip_{name}.zip", row) for name, row in ZIP.items())
    yield from ((f"npz_{name}.npz", row) for name, row in NPZ.items())
    for name, (pickle, words) in PICKLES.items():
        yield f"pickle_{name}.pth", (pth(pickle, method=DEFLATED if len(pickle) > 1000 else STORED), words)
    yield from ((f"persistent_{name}.pth", (pth(pickle), words)) for name, (pickle, words) in PERSISTENT.items())
    yield from ((f"tensor_{name}.pth", (pth(pickled({"w": of})), words)) for name, (of, words) in TENSORS.items())
    yield from ((f"archive_{name}.pth", row) for name, row in ARCHIVES.items())
    yield from ((f"legacy_{name}.pth", row) for name, row in LEGACY.items())
    yield from OTHERS.items()


def main():
    write_corpus("pytorch", dict(all_files()))


if __name__ == "__main__":
    main()
