"""Makes the hostile .npy files: tests/hostile/npy/ and, in npy.json, what the refusal of each must contain. Running it
again changes no byte.

    python3 tests/hostile/npy.py
"""

import struct

from corpus import write_corpus

MAGIC = b"\x93NUMPY"


def file(header, data=b"", version=1):
    """With this dictionary, of a version whose length has two bytes or four."""
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return MAGIC + bytes([version, 0]) + length + header.encode("latin-1") + data


def dictionary(descr, shape, fortran_order="False"):
    return f"{{'descr': '{descr}', 'fortran_order': {fortran_order}, 'shape': {shape}, }}    \n"


def shaped(shape):
    """Of this shape, with six float32."""
    return file(dictionary("<f4", shape), bytes(24))


TYPES = "expected one of f8, f4, f2, i8, i4, i2, i1, u1, u2, u4, u8, b1 as type, got "

FILES = {
    "only_magic": (MAGIC, "expected a version of 2 bytes, got 0"),
    "version_0": (file("{}", version=0), "expected version 1.0, 2.0 or 3.0 of the format, got 0.0"),
    "version_4": (file("{}", version=4), "expected version 1.0, 2.0 or 3.0 of the format, got 4.0"),
    "version_1.1": (MAGIC + b"\1\1\2\0{}", "expected version 1.0, 2.0 or 3.0 of the format, got 1.1"),
    "half_a_length": (MAGIC + b"\2\0\2\0", "expected a header length of 4 bytes, got 2"),
    "length_0xfffffff0": (
        MAGIC + b"\2\0\xf0\xff\xff\xff{}",
        "expected a header of at most 10000 bytes, got a length of 4294967280",
    ),
    "length_beyond_cap": (file(" " * 10_001), "at most 10000 bytes, got a length of 10001"),
    "length_beyond_file": (MAGIC + b"\1\0\3\0{}", "expected a header of 3 bytes, got 2"),
    "no_header": (file(""), "the header: expected a dictionary, got the end"),
    "spaces": (file("   \n"), "the header: expected a dictionary, got the end"),
    "list": (file("[1]"), 'expected a dictionary, got "[1]"'),
    "open_dictionary": (file("{"), "expected a key in quotes, got the end"),
    "open_key": (file("{'descr"), 'expected a key in quotes, got "\'descr"'),
    "number_as_key": (file("{1: 2}"), 'expected a key in quotes, got "1: 2}"'),
    "no_colon": (file("{'descr' '<f4'}"), 'expected ":" after a key'),
    "no_comma": (file("{'descr': '<f4' 'shape': ()}"), 'expected "," or "}" after a value'),
    "no_keys": (file("{}"), "descr is missing"),
    "no_descr": (file("{'fortran_order': False, 'shape': ()}"), "descr is missing"),
    "no_fortran_order": (file("{'descr': '<f4', 'shape': ()}"), "fortran_order is missing"),
    "no_shape": (file("{'descr': '<f4', 'fortran_order': False}"), "shape is missing"),
    "extra_key": (
        file("{'descr': '<f4', 'fortran_order': False, 'shape': (), 'more': 1}"),
        'expected only the keys descr, fortran_order and shape, got "more"',
    ),
    "descr_twice": (file("{'descr': '<f4', 'descr': '<f4'}"), "descr is given twice"),
    "fortran_order_twice": (file("{'fortran_order': True, 'fortran_order': True}"), "fortran_order is given twice"),
    "shape_twice": (file("{'shape': (), 'shape': ()}"), "shape is given twice"),
    "more_after": (file(dictionary("<f4", "()") + "{}"), "expected nothing after the dictionary"),
    "zero_after": (file(dictionary("<f4", "()") + "\0"), "expected nothing after the dictionary"),
    "objects": (file(dictionary("|O", "(1,)")), "expected an array of plain numbers, got Python objects"),
    "structured": (
        file("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}"),
        "expected an array of plain numbers, got a structured type",
    ),
    "type_with_shape": (
        file("{'descr': ('<f4', (2,)), 'fortran_order': False, 'shape': (1,)}"),
        "expected an array of plain numbers, got a structured type",
    ),
    "complex": (file(dictionary("<c8", "()")), TYPES + '"<c8"'),
    "durations": (file(dictionary("<m8", "()")), TYPES + '"<m8"'),
    "empty_type": (file(dictionary("", "()")), TYPES + '""'),
    "only_byte_order": (file(dictionary(">", "()")), TYPES + '">"'),
    "number_as_type": (file("{'descr': 4}"), 'expected a string for descr, got "4}"'),
    "fortran_order_1": (file("{'fortran_order': 1}"), 'expected True or False for fortran_order, got "1}"'),
    "shape_number": (shaped("6"), 'expected a tuple for shape, got "6, }'),
    "shape_in_parentheses": (shaped("(6)"), "expected a tuple for shape, got the number (6), which is no (6,)"),
    "shape_list": (shaped("[6]"), 'expected a tuple for shape, got "[6], }'),
    "shape_fraction": (shaped("(1.5,)"), 'expected "," or ")" in shape, got ".5,)'),
    "shape_word": (shaped("(True,)"), 'expected a whole number in shape, got "True,)'),
    "shape_comma": (shaped("(,)"), 'expected a whole number in shape, got ",)'),
    "shape_negative": (shaped("(-6,)"), "shape has a negative size"),
    "shape_2^63": (shaped("(9223372036854775808,)"), "a size in shape does not fit 63 bits"),
    "elements_overflow": (shaped("(4294967296, 4294967296)"), "has more elements than 63 bits can count"),
    "elements_overflow_after_0": (shaped("(0, 4294967296, 4294967296)"), "more elements than 63 bits"),
    "bytes_overflow": (shaped("(4611686018427387904,)"), "has more than 2^63 - 1 bytes"),
    "rank_65": (shaped(f"({'1, ' * 65})"), "expected at most 64 dimensions, got more"),
    "parentheses_9000_deep": (shaped("(" * 9000), 'expected a whole number in shape, got "((((((((('),
    "braces_9000_deep": (file("{" * 9000), 'expected a key in quotes, got "{{{{{{{{'),
    "open_shape": (file("{'shape': (1, 2"), 'expected "," or ")" in shape, got the end'),
    "short_data": (file(dictionary("<f4", "(6,)"), bytes(23)), "expected data of 24 bytes, got 23"),
    "no_data": (file(dictionary("<f4", "(1000000000000,)")), "expected data of 4000000000000 bytes, got 0"),
    "trailing_data": (file(dictionary("<f4", "(6,)"), bytes(25)), "1 trailing bytes after the data"),
}


def main():
    write_corpus("npy", {f"{name}.npy": row for name, row in FILES.items()})


if __name__ == "__main__":
    main()
