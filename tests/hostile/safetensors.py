"""Makes the hostile safetensors files, and indices of such files: tests/hostile/safetensors/ and, in safetensors.json,
what the refusal of each must contain. Running it again changes no byte.

    python3 tests/hostile/safetensors.py
"""

import struct

from corpus import write_corpus


def u64(value):
    return struct.pack("<Q", value)


def file(header, data=b""):
    """A length, a header, data."""
    header = header if isinstance(header, bytes) else header.encode()
    return u64(len(header)) + header + data


def large(*parts, data=b""):
    """The same as a recipe: the header is made of (text, times)."""
    parts = [(text.encode(), times) for text, times in parts]
    return [(u64(sum(len(part) * times for part, times in parts)), 1), *parts, (data, 1)]


def tensor(fields, data=b""):
    """One tensor "x" with these fields."""
    return file('{"x":{' + fields + "}}", data)


def shaped(shape, offsets, data=b""):
    """One F32 tensor "x" of this shape and these offsets."""
    return tensor(f'"dtype":"F32","shape":{shape},"data_offsets":{offsets}', data)


def two(first, second):
    """Two F32 tensors of one element at these offsets of eight bytes."""
    fields = '{"dtype":"F32","shape":[1],"data_offsets":'
    return file('{"x":' + fields + first + '},"y":' + fields + second + "}}", b"d" * 8)


EMPTY = '{"dtype":"U8","shape":[0],"data_offsets":[0,0]}'

LENGTHS = {
    "7_bytes": (bytes([1] * 7), "not a weights file"),
    "length_0": (u64(0) + b"{}", "the header is empty"),
    "length_2^63": (u64(2**63) + b"{}", "got a length of 9223372036854775808"),
    "length_2^64-1": (u64(2**64 - 1) + b"{}", "got a length of 18446744073709551615"),
    "length_beyond_cap": (
        u64(100_000_001) + b"{}",
        "expected a header of at most 100000000 bytes, got a length of 100000001",
    ),
    "length_beyond_file": (u64(3) + b"{}", "expected a header of 3 bytes, got 2"),
}

JSON = {
    "bad_utf8": (file(b'{"\xff":' + EMPTY.encode() + b"}"), "ill-formed UTF-8"),
    "zero_byte": (file("{}\0garbage"), "the header has a zero byte, at 2"),
    "array": (file("[]"), 'expected the header to begin with {, got "["'),
    "string": (file('"{}"'), 'expected the header to begin with {, got "\\""'),
    "unfinished": (file("{"), "the header is not valid JSON at byte 2: unexpected end"),
    "lone_surrogate": (file(r'{"\ud800":1}'), "surrogate U+D800..U+DBFF must be followed"),
    "two_objects": (file("{}{}"), "at byte 3: unexpected '{'; expected end of input"),
    "number_as_tensor": (file('{"x":1}'), 'header key "x": expected an object, got a number'),
    "null_as_tensor": (file('{"x":null}'), 'header key "x": expected an object, got null'),
    "arrays_10^5_deep": (large(('{"x":', 1), ("[", 100_000)), 'header key "x": expected an object, got an array'),
    "objects_10^5_deep": (
        large(('{"x":', 100_000)),
        'tensor "x": "x": expected only dtype, shape and data_offsets',
    ),
    "shape_10^5_deep": (
        large(('{"x":{"dtype":"F32","shape":', 1), ("[", 100_000)),
        'tensor "x": "shape": expected a size, got an array',
    ),
    "tensor_twice": (file('{"x":' + EMPTY + ',"x":' + EMPTY + "}"), 'tensor "x" occurs twice'),
    "tensor_twice_by_escapes": (
        file('{"xy":' + EMPTY + r',"\u0078y":' + EMPTY + "}"),
        'tensor "xy" occurs twice',
    ),
    "10^6_tensors": (
        large(("{", 1), (f'"x":{EMPTY},', 1_000_000), (f'"y":{EMPTY}}}', 1)),
        "expected at most 100000 tensors, got more",
    ),
    "10^6_lines_of_metadata": (
        large(('{"__metadata__":{', 1), ('"x":"",', 1_000_000), ('"y":""}}', 1)),
        '__metadata__ key "x": this key occurs twice',
    ),
    "endless_key": (large(('{"', 1), ("k", 1_000_000), ('":1}', 1)), 'kkk"...: expected an object, got a number'),
    "metadata_string": (file('{"__metadata__":"pt"}'), 'key "__metadata__": expected an object, got a string'),
    "metadata_number": (file('{"__metadata__":{"a":1}}'), '__metadata__ key "a": expected a string, got a number'),
    "metadata_nested": (file('{"__metadata__":{"b":{}}}'), '__metadata__ key "b": expected a string, got an object'),
    "metadata_twice": (
        file('{"__metadata__":{},"__metadata__":{}}'),
        'header key "__metadata__": this key occurs twice',
    ),
    "metadata_line_twice": (
        file(r'{"__metadata__":{"a":"","\u0061":""}}'),
        '__metadata__ key "a": this key occurs twice',
    ),
}

FIELDS = {
    "unknown_dtype": (tensor('"dtype":"F9"'), 'BOOL, got "F9"'),
    "dtype_of_ours": (tensor('"dtype":"float32"'), 'got "float32"'),
    "dtype_number": (tensor('"dtype":4'), '"dtype": expected a string, got a number'),
    "field_twice": (tensor('"dtype":"F32","dtype":"F32"'), '"dtype": this field occurs twice'),
    "field_twice_by_escapes": (tensor(r'"shape":[],"sh\u0061pe":[]'), '"shape": this field occurs twice'),
    "no_dtype": (tensor('"shape":[0],"data_offsets":[0,0]'), 'tensor "x": has no dtype'),
    "no_shape": (tensor('"dtype":"F32","data_offsets":[0,0]'), 'tensor "x": has no shape'),
    "no_offsets": (tensor('"dtype":"F32","shape":[0]'), 'tensor "x": has no data_offsets'),
    "shape_string": (shaped('"1"', "[0,4]"), '"shape": expected an array, got a string'),
    "size_boolean": (shaped("[true]", "[0,4]"), '"shape": expected a size, got a boolean'),
    "size_negative": (shaped("[-1]", "[0,4]"), "got the negative number -1"),
    "size_fraction": (shaped("[1.5]", "[0,4]"), 'from 0 to 2^63 - 1, got "1.5"'),
    "size_2^63": (shaped("[0,9223372036854775808]", "[0,0]"), "got 9223372036854775808"),
    "size_2^64": (shaped("[18446744073709551616]", "[0,0]"), 'got "18446744073709551616"'),
    "size_400_digits": (shaped(f"[1{'0' * 400}]", "[0,0]"), "got one beyond every range"),
    "rank_65": (shaped(f"[1{',1' * 64}]", "[0,4]", b"dddd"), "expected at most 64 dimensions, got more"),
    "rank_10^6": (
        large(('{"x":{"dtype":"F32","shape":[1', 1), (",1", 999_999), ('],"data_offsets":[0,4]}}', 1), data=b"dddd"),
        "expected at most 64 dimensions, got more",
    ),
    "offsets_1": (shaped("[1]", "[0]"), "expected 2 offsets, got 1"),
    "offsets_3": (shaped("[1]", "[0,4,8]"), "expected 2 offsets, got more"),
    "offset_negative": (shaped("[1]", "[-4,0]"), "got the negative number -4"),
    "offset_fraction": (shaped("[1]", "[0,4e0]"), 'got "4e0"'),
    "offset_nested": (shaped("[1]", "[0,[4]]"), '"data_offsets": expected an offset, got an array'),
}

LAYOUTS = {
    "reversed": (shaped("[1]", "[4,0]", b"dddd"), "data_offsets [4, 0] are reversed"),
    "too_few_bytes": (
        shaped("[2]", "[0,4]", b"dddd"),
        "shape (2,) of float32 expected 8 bytes, data_offsets [0, 4] give 4",
    ),
    "bytes_for_nothing": (shaped("[0]", "[0,4]", b"dddd"), "expected 0 bytes"),
    "product_overflows": (
        shaped("[4611686018427387904,4]", "[0,0]"),
        "shape (4611686018427387904, 4) of float32 has more than 2^63 - 1 bits",
    ),
    "product_overflows_before_0": (
        shaped("[4611686018427387904,2,0]", "[0,0]"),
        "shape (4611686018427387904, 2, 0) of float32 has more",
    ),
    "product_overflows_after_0": (
        shaped("[0,4611686018427387904,2]", "[0,0]"),
        "shape (0, 4611686018427387904, 2) of float32 has more",
    ),
    "product_wraps": (
        shaped("[4611686018427387905]", "[0,4]", b"dddd"),
        "shape (4611686018427387905,) of float32 has more",
    ),
    "overlap": (two("[0,4]", "[2,6]"), 'tensor "y": overlaps another: expected its data to begin at 4, got 2'),
    "same_data": (two("[0,4]", "[0,4]"), "expected its data to begin at 4, got 0"),
    "gap": (two("[0,4]", "[6,10]"), 'tensor "y": leaves a gap: expected its data to begin at 4, got 6'),
    "gap_at_start": (shaped("[1]", "[4,8]", b"dddddddd"), "to begin at 0, got 4"),
    "trailing": (shaped("[1]", "[0,4]", b"dddddd"), "2 trailing bytes after the last tensor"),
    "trailing_no_tensor": (file("{}", b"d"), "1 trailing bytes after the last tensor"),
    "truncated": (
        shaped("[1]", "[0,4]", b"ddd"),
        'tensor "x": ends at byte 4 of the data, which has 3: the file is cut short',
    ),
    "offset_near_2^63": (
        shaped("[1]", "[9223372036854775800,9223372036854775804]"),
        "leaves a gap: expected its data to begin at 0, got 9223372036854775800",
    ),
}


def index(weight_map):
    return f'{{"metadata":{{}},"weight_map":{weight_map}}}'.encode()


OUTSIDE = 'weight_map: "x": expected the name of a file beside the index, got '

INDICES = {
    "open": (b'{"weight_map":{', "the index is not valid JSON"),
    "zero": (b"{}\0", "the index has a zero byte, at 2"),
    "no_map": (b"{}", "the index has no weight_map"),
    "nested_map": (b'{"metadata":{"weight_map":{"x":"a.safetensors"}}}', "the index has no weight_map"),
    "map_twice": (b'{"weight_map":{},"weight_map":{}}', "weight_map occurs twice"),
    "map_list": (index('["a.safetensors"]'), "weight_map: expected an object, got an array"),
    "map_string": (index('"a.safetensors"'), "weight_map: expected an object, got a string"),
    "number": (index('{"x":1}'), 'weight_map: "x": expected the name of a file, got a number'),
    "object": (index('{"x":{}}'), 'weight_map: "x": expected the name of a file, got an object'),
    "parent": (index('{"x":"../safetensors/trailing.safetensors"}'), OUTSIDE + '"../safetensors/'),
    "absolute": (index('{"x":"/etc/passwd"}'), OUTSIDE + '"/etc/passwd"'),
    "dots": (index('{"x":".."}'), OUTSIDE + '".."'),
    "empty": (index('{"x":""}'), OUTSIDE + '""'),
    "itself": (index('{"x":"itself.index.json"}'), "names files beside it: load the index by its path"),
    "missing": (index('{"x":"missing.safetensors"}'), "missing.safetensors: there is no such file"),
    "hostile": (index('{"x":"gap.safetensors"}'), "leaves a gap"),
}


def main():
    tables = (LENGTHS, JSON, FIELDS, LAYOUTS)
    files = {f"{name}.safetensors": row for table in tables for name, row in table.items()}
    write_corpus("safetensors", files | {f"{name}.index.json": row for name, row in INDICES.items()})


if __name__ == "__main__":
    main()
