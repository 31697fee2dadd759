"""Makes the hostile archives of torch.export: tests/hostile/pt2/ and, in pt2.json, what each refusal must contain.
Running it again changes no byte.

    python3 tests/hostile/pt2.py
"""

import json

from corpus import write_corpus
from pytorch import DEFLATED, archive, entry

FLOAT32 = 7
CONFIG = "data/weights/model_weights_config.json"


def ints(*numbers):
    return [{"as_int": number} for number in numbers]


def described(path="weight_0", use_pickle=False, **changes):
    """A tensor of 2 x 3 elements, but for `changes`."""
    meta = {
        "dtype": FLOAT32,
        "sizes": ints(2, 3),
        "strides": ints(3, 1),
        "storage_offset": {"as_int": 0},
        "layout": 7,
    } | changes
    return {"path_name": path, "is_param": True, "use_pickle": use_pickle, "tensor_meta": meta}


def pt2(config, data=bytes(24), format=b"pt2", method=DEFLATED, **others):
    """`config` is the text of the configuration, or what it says of a tensor called w."""
    if not isinstance(config, (str, bytes)):
        config = json.dumps({"config": {"w": config}})
    config = config if isinstance(config, bytes) else config.encode()
    files = {"archive_format": format, CONFIG: config, "data/weights/weight_0": data} | others
    return archive(*(entry(f"p/{name}", content, method) for name, content in files.items()))


FILES = {
    "other_format": (pt2(described(), format=b"pt3"), 'expected pt2 as archive_format, got "pt3"'),
    "no_weights": (
        archive(entry("p/archive_format", b"pt2"), entry("p/models/model.json", b"{}")),
        "expected a list of weights, data/weights/*_weights_config.json, got none",
    ),
    "compiled": (
        archive(entry("p/archive_format", b"pt2"), entry("p/data/aotinductor/model/a.so", b"code")),
        "compiled by AOTInductor",
    ),
    "no_json": (pt2("{"), 'p/data/weights/model_weights_config.json" is not valid JSON'),
    "not_utf8": (pt2(b'{"config": {"\xff": 1}}'), "is not valid JSON"),
    "zero_byte": (pt2('{"config": {}}\0'), "has a zero byte"),
    "no_object": (pt2("[]"), "expected an object with the key config"),
    "config_number": (pt2('{"config": 3}'), "expected an object with the key config"),
    "config_twice": (pt2('{"config": {}, "config": {}}'), 'the key "config" occurs twice'),
    "tensor_twice": (pt2('{"config": {"w": 1, "w": 2}}'), 'the key "w" occurs twice'),
    "nested": (pt2("[" * 100_000), "nested more than 64 deep"),
    "objects_nested": (pt2('{"a":' * 100_000), "nested more than 64 deep"),
    "values": (pt2("[" + "0," * 400_001 + "0]"), "expected at most 400000 values, got more"),
    "description_number": (pt2('{"config": {"w": 1}}'), 'tensor "w": expected a path_name and a tensor_meta'),
    "path_number": (pt2(described(path=3)), "expected a path_name and a tensor_meta"),
    "path_outside": (pt2(described(path="../../x")), 'there is no entry "p/data/weights/../../x" in the archive'),
    "path_missing": (pt2(described(path="weight_1")), 'there is no entry "p/data/weights/weight_1" in the archive'),
    "dtype_word": (pt2(described(dtype="7")), "expected numbers as its dtype and layout"),
    "dtype_huge": (pt2(described(dtype=2**64)), "expected numbers as its dtype and layout"),
    "sizes_number": (pt2(described(sizes=6)), "expected a list as its sizes"),
    "sizes_bare": (pt2(described(sizes=[2, 3])), 'expected {"as_int": ...} in its sizes'),
    "sizes_symbol": (pt2(described(sizes=[{"as_expr": {}}, {"as_int": 3}])), 'expected {"as_int": ...} in its sizes'),
    "sizes_negative": (pt2(described(sizes=ints(-2, 3))), "a negative number in its sizes: -2"),
    "sizes_huge": (pt2(described(sizes=ints(2**63, 3))), 'expected {"as_int": ...} in its sizes'),
    "sizes_overflow": (pt2(described(sizes=ints(2**62, 8))), "has more than 2^63 - 1 bytes"),
    "rank_65": (pt2(described(sizes=ints(*[1] * 65))), "expected at most 64 dimensions, got 65"),
    "strides_fewer": (pt2(described(strides=ints(1))), "expected as many strides as dimensions, got 1 and 2"),
    "strides_negative": (pt2(described(strides=ints(3, -1))), "a negative number in its strides: -1"),
    "strides_beyond": (pt2(described(strides=ints(4, 1))), "leaves its storage of 6 elements"),
    "strides_overflow": (pt2(described(strides=ints(2**63 - 1, 2**63 - 1))), "leaves its storage of 6 elements"),
    "offset_negative": (pt2(described(storage_offset={"as_int": -1})), "a negative number in its storage_offset: -1"),
    "offset_beyond": (pt2(described(storage_offset={"as_int": 1})), "leaves its storage of 6 elements"),
    "offset_missing": (pt2(described(storage_offset=None)), 'expected {"as_int": ...} in its storage_offset'),
    "record_short": (pt2(described(), data=bytes(23)), "leaves its storage of 5 elements"),
    "expanded": (
        pt2(described(sizes=ints(2**20, 2**20), strides=ints(0, 0))),
        "more than a file of this size should; save it contiguous",
    ),
    "byte_order": (pt2(described(), byteorder=b"middle"), "expected little or big as byteorder"),
    "old_weights": (
        archive(entry("serialized_state_dict.pt", b"no zip")),
        'entry "serialized_state_dict.pt": expected a file of torch.save',
    ),
    "old_weights_npz": (
        archive(entry("serialized_state_dict.pt", archive(entry("a.npy", b"x")))),
        '"serialized_state_dict.pt": expected a file of torch.save',
    ),
}


def main():
    write_corpus("pt2", {f"{name}.pt2": row for name, row in FILES.items()})


if __name__ == "__main__":
    main()
