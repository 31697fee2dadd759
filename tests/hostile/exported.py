"""Makes the hostile programs of torch.export: tests/hostile/exported/, which are refused when they are loaded, and
tests/hostile/exported_calls/, which are refused when they are called; in exported.json and exported_calls.json, what
each refusal must contain. Running it again changes no byte.

    python3 tests/hostile/exported.py
"""

import copy
import json
import struct

from corpus import write_corpus
from pt2 import CONFIG, described, ints
from pytorch import DEFLATED, archive, entry

MODEL = "models/model.json"
CONSTANTS = "data/constants/model_constants_config.json"
FLOAT16, FLOAT32, INT64, COMPLEX64 = 6, 7, 5, 10
LARGEST = 2**63 - 1

# ---- programs -------------------------------------------------------------------------------------------------------


def tensor(*sizes, dtype=FLOAT32):
    """What a program says of a tensor; a size is a number or the text of an expression."""
    return {
        "dtype": dtype,
        "sizes": [
            {"as_int": size} if isinstance(size, int) else {"as_expr": {"expr_str": size, "hint": None}}
            for size in sizes
        ],
    }


def named(name):
    return {"as_tensor": {"name": name}}


def node(target, outputs=("y",), path=None, **arguments):
    """A node of ATen's operation `target`, which makes the tensors `outputs`."""
    metadata = {} if path is None else {"nn_module_stack": f"L__self__{path},{path},torch.nn.modules.conv.Conv2d"}
    return {
        "target": target if target.startswith(("torch.", "_operator", "math")) else f"torch.ops.aten.{target}",
        "inputs": [{"name": name, "arg": value, "kind": 1} for name, value in arguments.items()],
        "outputs": [named(name) if isinstance(name, str) else name for name in outputs],
        "metadata": metadata,
    }


def many(*names):
    return {"as_tensors": [{"name": name} for name in names]}


def as_ints(*numbers):
    return {"as_ints": list(numbers)}


def as_int(number):
    return {"as_int": number}


def number_result(name):
    return {"as_sym_int": {"as_name": name}}


X = named("x")
NONE = {"as_none": True}
W = {"parameter": {"arg": {"name": "p_w"}, "parameter_name": "w"}}
USER = {"user_input": {"arg": X}}


def program(*nodes, types=None, output=None, **changes):
    """A program of an input x and, where something reads it, a parameter w, both (2, 3), that gives what its last node
    gives. `changes` are those to what lies outside of the graph."""
    nodes = list(nodes) or [node("add.Tensor", self=X, other=named("p_w"))]
    types = {"p_w": tensor(2, 3), "x": tensor(2, 3), "y": tensor(2, 3)} | (types or {})
    output = named("y") if output is None else output
    is_read = '"p_w"' in json.dumps([nodes, output])  # else a call would be refused for it: x may stand for both
    program = {
        "graph_module": {
            "graph": {
                "inputs": [named("p_w"), X] if is_read else [X],
                "outputs": [output],
                "nodes": nodes,
                "tensor_values": {name: value for name, value in types.items() if value is not None},
            },
            "signature": {
                "input_specs": [W, USER] if is_read else [USER],
                "output_specs": [{"user_output": {"arg": output}}],
            },
            "module_call_graph": [{"fqn": ""}],
        },
        "schema_version": {"major": 8, "minor": 20},
        "range_constraints": {},
        "guards_code": [],
        "torch_version": "2.13.0",
    } | changes
    return copy.deepcopy(program)  # which may be changed


def changed(path, value, base=None):
    """A program in which something is another: "graph.nodes" of its graph_module, "schema_version" of itself."""
    base = program() if base is None else base
    keys = path.split(".")
    at = base if keys[0] in base else base["graph_module"]
    for key in keys[:-1]:
        at = at[int(key) if isinstance(at, list) else key]
    key = int(keys[-1]) if isinstance(at, list) else keys[-1]
    if value is None:
        del at[key]
    else:
        at[key] = value
    return base


def pt2(model, weight=None, method=DEFLATED, weights=None, **others):
    """An archive of a program, or of a text in its place; `weight` is what is said of w."""
    text = model if isinstance(model, (str, bytes)) else json.dumps(model)
    text = text if isinstance(text, bytes) else text.encode()
    config = {"w": weight or described()} if weights is None else weights
    files = {
        "archive_format": b"pt2",
        MODEL: text,
        CONFIG: json.dumps({"config": config}).encode(),
        "data/weights/weight_0": struct.pack("<6f", *range(6)),
    } | others
    return archive(*(entry(f"p/{name}", content, method) for name, content in files.items()))


def one(target, *args, **arguments):
    """An archive of a program of one node."""
    return pt2(program(node(target, *args, **arguments)))


def argument(value, name="other", target="add.Tensor"):
    return pt2(program(node(target, **{"self": X, name: value})))


def spec(value, given=X):
    return pt2(changed("graph.inputs.1", given, changed("signature.input_specs.1", value)))


def result(value, given=None):
    return pt2(
        changed("graph.outputs.0", given or named("y"), changed("signature.output_specs.0", {"user_output": value}))
    )


# ---- refused when loaded --------------------------------------------------------------------------------------------

ARCHIVES = {
    "no_zip": (b"no zip", "expected an archive of torch.export.save (.pt2), which is a zip archive"),
    "other_zip": (archive(entry("a")), "expected an archive of torch.export.save, got another zip archive"),
    "before_2_8": (
        archive(entry("serialized_state_dict.pt"), entry("serialized_exported_program.json")),
        "written by a PyTorch before 2.8",
    ),
    "other_format": (pt2(program(), **{"archive_format": b"pt3"}), 'expected pt2 as archive_format, got "pt3"'),
    "no_program": (archive(entry("p/archive_format", b"pt2")), "expected a program, models/*.json, got none"),
    "compiled": (
        archive(entry("p/archive_format", b"pt2"), entry("p/data/aotinductor/model/a.so")),
        "compiled by AOTInductor",
    ),
    "two_programs": (pt2(program(), **{"models/b.json": b"{}"}), "holds 2 programs: model, b; say which one"),
    "two_folders": (
        archive(entry("p/archive_format", b"pt2"), entry("q/archive_format", b"pt2"), entry("q/" + MODEL, b"{}")),
        'expected one folder with everything in it, got "p/archive_format" and "q/archive_format"',
    ),
    "program_twice": (
        archive(entry("p/archive_format", b"pt2"), entry("p/" + MODEL, b"{}"), entry("p/" + MODEL, b"{}")),
        'entry "p/models/model.json": occurs twice',
    ),
    "damaged": (
        archive(entry("p/archive_format", b"pt2"), entry("p/" + MODEL, b"{}", crc=1)),
        "its bytes are not those that were saved",
    ),
    "large": (
        pt2(" " * 16_000_001, method=DEFLATED),
        'p/models/model.json": expected at most 16000000 bytes, got 16000001',
    ),
    "byte_order": (pt2(program(), byteorder=b"middle"), "expected little or big as byteorder"),
    "no_weights": (pt2(program(), **{CONFIG: b"{}"}), "expected an object with the key config"),
    "weight_missing": (pt2(program(), weights={}), 'there is no tensor "w" among the weights'),
    "weight_beyond": (pt2(program(), described(strides=ints(4, 1))), "leaves its storage of 6 elements"),
    "weight_record": (pt2(program(), described(path="weight_7")), 'there is no entry "p/data/weights/weight_7"'),
    "weight_other_sizes": (
        pt2(program(), described(sizes=ints(3, 2), strides=ints(2, 1))),
        'the tensor "w" is of (3, 2) and float32, which is not what the program says',
    ),
    "weight_other_type": (
        pt2(program(), described(dtype=FLOAT16)),
        'the tensor "w" is of (2, 3) and float16, which is not what the program says',
    ),
    "weight_symbolic": (
        pt2(program(types={"p_w": tensor("s0", 3)})),
        'the tensor "w" is of (2, 3) and float32, which is not what the program says',
    ),
    "weight_pickled": (pt2(program(), described(use_pickle=True)), "which is a tensor of a class of its own, pickled"),
    "weight_sparse": (pt2(program(), described(layout=1)), "which is of layout 1, not strided"),
    "weight_complex": (pt2(program(), described(dtype=COMPLEX64)), "which is of the type with the number 10"),
}

JSON = {
    "no_json": (pt2("{"), 'p/models/model.json" is not valid JSON'),
    "no_object": (pt2("[]"), "expected a schema_version with a key major"),
    "not_utf8": (pt2(b'{"\xff": 1}'), "is not valid JSON"),
    "zero_byte": (pt2("{}\0"), "has a zero byte"),
    "key_twice": (pt2('{"schema_version": {"major": 8, "major": 8}}'), 'the key "major" occurs twice'),
    "nested": (pt2("[" * 100_000), "nested more than 64 deep"),
    "objects_nested": (pt2('{"a":' * 100_000), "nested more than 64 deep"),
    "values": (pt2("[" + "0," * 1_000_000 + "0]"), "values, got more"),
    "infinite": (pt2('{"schema_version": {"major": 1e999}}'), "is not valid JSON"),
}

PROGRAMS = {
    "schema_missing": (pt2(changed("schema_version", None)), "expected a schema_version with a key major"),
    "schema_newer": (
        pt2(changed("schema_version.major", 9)),
        "expected version 8 of the format, got 9; save it with a PyTorch of 2.8 or newer",
    ),
    "schema_text": (pt2(changed("schema_version.major", "8")), "expected a schema_version with a key major"),
    "graph_missing": (pt2(changed("graph", None)), "expected a graph_module with a graph and a signature"),
    "signature_missing": (pt2(changed("signature", None)), "expected a graph_module with a graph and a signature"),
    "nodes_missing": (pt2(changed("graph.nodes", None)), "expected a graph with a key nodes"),
    "nodes_object": (pt2(changed("graph.nodes", {})), "expected a graph with a key nodes"),
    "nodes_numbers": (pt2(changed("graph.nodes", [1])), "expected a node with a key target"),
    "nodes_many": (
        pt2(changed("graph.nodes", [{"target": "a", "inputs": [], "outputs": []}] * 20_001)),
        "expected at most 20000 nodes, got more",
    ),
    "types_missing": (pt2(changed("graph.tensor_values", None)), "expected a graph with a key tensor_values"),
    "type_number": (pt2(changed("graph.tensor_values.y", 1)), "expected a tensor's description with a key sizes"),
    "type_dtype": (
        pt2(changed("graph.tensor_values.y.dtype", "f")),
        "expected a tensor's description with a key dtype",
    ),
    "size_negative": (pt2(program(types={"y": tensor(-1)})), "expected sizes of at least 0, got -1"),
    "size_beyond": (pt2(program(types={"y": tensor(2**63)})), "expected a number or an expression as a size"),
    "size_text": (
        pt2(changed("graph.tensor_values.y.sizes", [{"as_int": "2"}])),
        "expected a number or an expression as a size",
    ),
    "size_of_two_kinds": (
        pt2(changed("graph.tensor_values.y.sizes", [{"as_int": 2, "as_expr": {"expr_str": "2"}}])),
        "expected an object with one key as a size",
    ),
    "size_unknown": (
        pt2(changed("graph.tensor_values.y.sizes", [{"as_float": 2.0}])),
        'expected a number or an expression as a size, got something of the kind "as_float"',
    ),
    "rank": (pt2(program(types={"y": tensor(*[1] * 65)})), "expected at most 64 dimensions, got 65"),
    "expressions": (
        pt2(changed("guards_code", [f"s{i}" + "+1" * 1990 for i in range(26)])),
        "expected at most 100000 bytes of expressions of sizes, got more",
    ),
    "guards_numbers": (pt2(changed("guards_code", [1])), "expected texts as guards_code, got something else"),
    "range_text": (
        pt2(changed("range_constraints", {"s0": {"min_val": "0", "max_val": None}})),
        'expected a whole number or null as min_val of "s0"',
    ),
    "range_beyond": (
        pt2(changed("range_constraints", {"s0": {"min_val": 0, "max_val": 2**63}})),
        'expected a whole number or null as max_val of "s0"',
    ),
    "modules_many": (
        pt2(changed("module_call_graph", [{"fqn": f"m{i}"} for i in range(10_001)])),
        "expected at most 10000 modules, got more",
    ),
    "modules_nested": (
        pt2(changed("module_call_graph", [{"fqn": "a" + ".a" * 101}])),
        "expected modules nested at most 100 deep",
    ),
    "module_long": (pt2(changed("module_call_graph", [{"fqn": "a" * 501}])), "expected at most 500 bytes as the name"),
    "module_escape": (
        pt2(changed("module_call_graph", [{"fqn": "\x1b[2J"}])),
        "expected the name of a module or tensor that can be printed",
    ),
    "module_unnamed": (pt2(changed("module_call_graph", [{"fqn": "a."}])), "a child's name must not be empty"),
    "module_is_parameter": (pt2(changed("module_call_graph", [{"fqn": "w"}])), '"w"'),
    "node_path_escape": (
        pt2(program(node("relu", path="\x1b[2J", self=X))),
        "expected the name of a module or tensor that can be printed",
    ),
}

INPUTS = {
    "inputs_missing": (pt2(changed("graph.inputs", None)), "expected a graph with a key inputs"),
    "inputs_fewer": (pt2(changed("graph.inputs", [X])), "expected as many inputs of the graph as of its signature"),
    "inputs_many": (
        pt2(changed("graph.inputs", [X] * 20_001, changed("signature.input_specs", [USER] * 20_001))),
        "expected at most 20000 inputs, got 20001",
    ),
    "input_twice": (
        pt2(changed("graph.inputs", [X, X], changed("signature.input_specs", [USER, USER]))),
        'the name "x" is given twice',
    ),
    "input_other": (spec(USER, named("z")), "the signature's \"x\" is not the graph's input"),
    "parameter_other": (pt2(changed("graph.inputs.0", X)), "the signature's \"w\" is not the graph's input"),
    "parameter_escape": (
        pt2(changed("signature.input_specs.0.parameter.parameter_name", "\x1b[2J")),
        "expected the name of a module or tensor that can be printed",
    ),
    "input_token": (spec({"token": {"arg": {"name": "t"}}}), 'an input is a "token", which is not supported'),
    "input_custom": (
        spec({"user_input": {"arg": {"as_custom_obj": {"name": "x"}}}}),
        'an input is of the kind "as_custom_obj", which is not supported; tensors are',
    ),
    "input_number": (
        spec({"user_input": {"arg": {"as_sym_int": {"as_name": "x"}}}}, {"as_sym_int": {"as_name": "x"}}),
        'the input "x" is a number that may change',
    ),
    "input_untyped": (pt2(program(types={"x": None})), 'nothing is said of the input "x"'),
    "input_half": (pt2(program(types={"x": tensor(2, 3, dtype=FLOAT16)})), 'the input "x" is of float16'),
    "input_complex": (pt2(program(types={"x": tensor(2, 3, dtype=COMPLEX64)})), 'the input "x" is of'),
    "input_two_kinds": (spec(USER | W), "expected an object with one key as what an input is"),
    "input_unnamed": (spec({"user_input": {"arg": {"as_tensor": {"name": ""}}}}), "expected a name of an input"),
    "input_long": (
        spec({"user_input": {"arg": named("x" * 501)}}, named("x" * 501)),
        "expected at most 500 bytes as the name of an input, got 501",
    ),
    "constant_valueless": (spec({"constant_input": {"name": "x"}}), 'the constant input "x" has no value'),
    "constant_tensor": (
        spec({"constant_input": {"name": "x", "value": named("p_w")}}),
        'the constant input "x": it is neither a number',
    ),
    "constant_complex": (
        spec({"constant_input": {"name": "x", "value": {"as_complex": {"real": 1, "imag": 0}}}}),
        'the constant input "x": it has a complex number',
    ),
    "buffer": (
        pt2(
            changed("signature.input_specs.0", {"buffer": {"arg": {"name": "p_w"}, "buffer_name": "w"}}),
        ),
        "expected a buffer with a key persistent",
    ),
    "buffer_constant": (
        pt2(
            changed(
                "signature.input_specs.0",
                {"buffer": {"arg": {"name": "p_w"}, "buffer_name": "w", "persistent": False}},
            )
        ),
        'there is no tensor "w" among the constants',
    ),
}

ARGUMENTS = {
    "used_before": (argument(named("y")), 'the value "y" is used before it is made'),
    "used_never": (argument(named("z")), 'the value "z" is used before it is made'),
    "made_twice": (
        pt2(program(node("relu", self=X), node("relu", self=X))),
        'the name "y" is given twice',
    ),
    "made_over_input": (pt2(program(node("relu", ["x"], self=X))), 'the name "x" is given twice'),
    "argument_twice": (
        pt2(changed("graph.nodes.0.inputs", [{"name": "self", "arg": X}] * 2)),
        'the argument "self" of "torch.ops.aten.add.Tensor" is given twice',
    ),
    "argument_missing": (one("add.Tensor", self=X), "its argument other is missing"),
    "argument_unknown": (one("relu", self=X, slope=as_int(1)), 'it has an argument "slope", which is not known'),
    "argument_bare": (argument(3), "expected an object with one key as the argument"),
    "argument_two_kinds": (argument({"as_int": 1, "as_float": 1.0}), "expected an object with one key as the argument"),
    "argument_empty": (argument({}), "expected an object with one key as the argument"),
    "argument_kind": (argument({"as_number": 1}), 'an argument of the unknown kind "as_number"'),
    "int_text": (argument({"as_int": "1"}), 'the value of "as_int" is of another kind'),
    "int_beyond": (argument(as_int(2**63)), 'the value of "as_int" is of another kind'),
    "int_fraction": (argument(as_int(1.5)), 'the value of "as_int" is of another kind'),
    "ints_bare": (argument({"as_ints": 1}, "size", "view"), 'expected a list as "as_ints"'),
    "ints_null": (argument({"as_ints": [None]}, "size", "view"), 'expected numbers or texts in "as_ints"'),
    "ints_nested": (
        argument({"as_ints": [{"as_ints": [{"as_ints": [1]}]}]}, "size", "view"),
        "its argument size is of a kind that is not supported",
    ),
    "ints_texts": (
        argument({"as_ints": ["1"]}, "size", "view"),
        "its argument size is of a kind that is not supported",
    ),
    "sym_int_nested": (
        argument({"as_sym_int": {"as_sym_int": {"as_sym_int": {"as_complex": 1}}}}),
        "it has a complex number as an argument",
    ),
    "sym_int_tensor": (argument({"as_sym_int": {"as_name": "p_w"}}), '"p_w" is a tensor, where a number is expected'),
    "float_text": (argument({"as_float": "inf"}), 'the value of "as_float" is of another kind'),
    "bool_number": (argument({"as_bool": 1}), 'the value of "as_bool" is of another kind'),
    "tensor_number": (
        pt2(
            program(
                node("sym_size.int", [number_result("s")], self=X, dim=as_int(0)),
                node("relu", self=named("s")),
            )
        ),
        '"s" is a number, where a tensor is expected',
    ),
    "tensor_bare": (argument({"as_tensor": "x"}), "expected a name of"),
    "tensors_bare": (argument({"as_tensors": X}, "tensors", "cat"), 'expected a list as "as_tensors"'),
    "type_unknown": (argument({"as_scalar_type": 99}, "dtype", "to.dtype"), "of the type with the number 99"),
    "type_text": (argument({"as_scalar_type": "7"}, "dtype", "to.dtype"), 'the value of "as_scalar_type"'),
    "layout_sparse": (argument({"as_layout": 1}), "it has a layout that is not strided"),
    "graph": (
        pt2(
            program(
                node(
                    "torch.ops.higher_order.cond",
                    pred=X,
                    true_graph={"as_graph": {"name": "a", "graph": program()["graph_module"]["graph"]}},
                )
            )
        ),
        "torch.ops.higher_order.cond: it is not known; export with run_decompositions(), or without control flow",
    ),
    "graph_argument": (argument({"as_graph": {"name": "a", "graph": {}}}), "it is given functions, as control flow is"),
    "custom_object": (argument({"as_custom_obj": {"name": "a"}}), "it is given an object of a class of its own"),
    "operation_unknown": (one("no_such.op", path="a.b", self=X), "no_such.op: it is not known, 1 time, first in a.b"),
    "operation_escape": (one("\x1b[2Jrelu", self=X), "\\x1b[2Jrelu"),
    "operation_long": (one("x" * 500, self=X), "expected at most 500 bytes as the name of an operation"),
    "operations_unknown": (
        pt2(program(*(node(f"a{i}", [f"y{i}"], self=X) for i in range(30)), node("relu", self=X))),
        "torch.ops.aten.a19: it is not known, 1 time\n  and 10 more",
    ),
    "text_number": (argument(as_int(1), "approximate", "gelu"), "its argument approximate is of a kind"),
    "result_kind": (one("relu", ["y", {"as_complex": {}}], self=X), 'its result is of the kind "as_complex"'),
    "results_none": (
        pt2(program(node("relu", [], self=X), node("relu", self=X))),
        "torch.ops.aten.relu: it has no result, 1 time",
    ),
    "conv2d_without_result": (
        pt2(program(node("conv2d", [], input=X, weight=named("p_w"), groups=as_int(2)), node("relu", self=X))),
        "torch.ops.aten.conv2d: it has no result, 1 time",
    ),
    "results_bare": (one("relu", [{"as_tensors": 1}], self=X), "expected a list of tensors as a result"),
    "result_half": (
        pt2(program(types={"y": tensor(2, 3, dtype=FLOAT16)})),
        "its result is of float16; upconv computes in float32",
    ),
    "result_complex": (
        pt2(program(types={"y": tensor(2, 3, dtype=COMPLEX64)})),
        "its result is of a type that is not computed with",
    ),
    "dropout_training": (
        pt2(
            program(
                node("dropout", input=X, p={"as_float": 0.5}, train={"as_bool": True}),
                types={"y": None},
            )
        ),
        "torch.ops.aten.dropout: it was exported in training: export after .eval(), 1 time",
    ),
    "parameter_in_place": (
        one("relu_", self=named("p_w")),
        "relu_: it changes a parameter or buffer, which stay as they are here",
    ),
    "read_after_write": (
        pt2(
            program(
                node("view", ["v"], self=X, size=as_ints(3, 2)),
                node("relu_", ["r"], self=X),
                node("relu", self=named("v")),
            )
        ),
        'it reads "v" after something wrote over its memory in place',
    ),
}

OUTPUTS = {
    "outputs_missing": (pt2(changed("graph.outputs", None)), "expected a graph with a key outputs"),
    "outputs_fewer": (pt2(changed("graph.outputs", [])), "expected as many outputs of the graph as of its signature"),
    "output_never": (result({"arg": named("z")}), 'the value "z" is used before it is made'),
    "output_list": (result({"arg": as_ints(1)}), "an output cannot be given: it is a list"),
    "output_complex": (result({"arg": {"as_complex": {}}}), "an output cannot be given: it has a complex number"),
    "output_argless": (result({}), "expected an arg of an output"),
    "output_kind": (
        pt2(changed("signature.output_specs.0", {"loss_output": {"arg": {"name": "y"}}})),
        'it gives a "loss_output", which is not supported',
    ),
    "output_buffer": (
        pt2(changed("signature.output_specs.0", {"buffer_mutation": {"arg": {"name": "y"}, "buffer_name": "w"}})),
        'it gives a "buffer_mutation", which is not supported: parameters and buffers stay as they are',
    ),
    "output_unreadable": (
        pt2(program(node("relu", self=X), output=named("p_w")), described(use_pickle=True)),
        "an output cannot be given: it is a tensor of a class of its own, pickled",
    ),
    "output_after_write": (
        pt2(program(node("relu", ["r"], self=X), node("relu_", self=named("r")), output=named("r"))),
        'the output "r" was written over in place',
    ),
}

# ---- refused when called --------------------------------------------------------------------------------------------


def shaped(x, target, y=None, **arguments):
    """An archive of one node of an input of other sizes; nothing is said of its result unless y is."""
    return pt2(program(node(target, self=X, **arguments), types={"x": tensor(*x), "y": y}))


def resampled(x, target, output_size=NONE, scale_factors=NONE):
    resampling = node(target, input=X, output_size=output_size, scale_factors=scale_factors)
    return pt2(program(resampling, types={"x": tensor(*x), "y": None}))


def parts(x, target, count, **arguments):
    return pt2(
        program(
            node(target, [many(*(f"y{i}" for i in range(count)))], self=X, **arguments),
            types={"x": tensor(*x), "y": None},
            output=named("y0"),
        )
    )


def computed(target, a, b):
    """A number computed of sizes, then used as one."""
    return pt2(
        program(
            node(target, [number_result("s")], a=a, b=b),
            node("view", self=X, size={"as_sym_ints": [{"as_name": "s"}]}),
            types={"y": None},
        )
    )


def dynamic(*sizes, guards=(), ranges=None):
    types = {"x": tensor(*sizes), "y": None}
    return pt2(program(node("relu", self=X), types=types, guards_code=list(guards), range_constraints=ranges or {}))


def convolved(stride=1, padding=0, dilation=1, groups=1, target="conv2d"):
    return pt2(
        program(
            node("view", ["k"], self=named("p_w"), size=as_ints(1, 1, 2, 3)),
            node(
                target,
                input=X,
                weight=named("k"),
                stride=as_ints(stride, stride),
                padding=as_ints(padding, padding),
                dilation=as_ints(dilation, dilation),
                groups=as_int(groups),
            ),
            types={"x": tensor(1, 1, 4, 4), "k": tensor(1, 1, 2, 3), "y": None},
        )
    )


HUGE = 2**62

CALLS = {
    "result_sizes": (
        pt2(program(types={"y": tensor(3, 2)})),
        "add.Tensor: gives (2, 3), where the program says (3, 2)",
    ),
    "result_rank": (pt2(program(types={"y": tensor(6)})), "gives (2, 3), where the program says (6,)"),
    "result_type": (
        pt2(program(types={"y": tensor(2, 3, dtype=INT64)})),
        "gives float32, where the program says int64",
    ),
    "results_fewer": (
        pt2(
            program(
                node("split_with_sizes", [many("y", "z")], self=X, split_sizes=as_ints(1, 1, 1), dim=as_int(1)),
                types={"y": None},
            )
        ),
        "split_with_sizes: gives 3 results, where the program has 2",
    ),
    "result_unmade": (
        pt2(
            program(
                node("max_pool2d_with_indices", ["y", "i"], self=X, kernel_size=as_ints(1, 1)),
                node("relu", ["z"], self=named("i")),
                types={"x": tensor(1, 1, 2, 2), "y": None},
            )
        ),
        "relu: its argument self is a result that is not made here",
    ),
    "output_number": (
        pt2(
            program(
                node("sym_size.int", [number_result("s")], self=X, dim=as_int(0)),
                output={"as_sym_int": {"as_name": "s"}},
            )
        ),
        "the output s is a number, not a tensor",
    ),
    "sym_size_dim": (
        pt2(program(node("sym_size.int", [number_result("s")], self=X, dim=as_int(-(2**63))), node("relu", self=X))),
        "sym_size.int: dimension -2147483648 of a value of shape (2, 3)",
    ),
    "floordiv_zero": (computed("_operator.floordiv", as_int(1), as_int(0)), "or something is divided by 0"),
    "floordiv_least": (computed("_operator.floordiv", as_int(-(2**63)), as_int(-1)), "does not fit 64 bits"),
    "mod_zero": (computed("_operator.mod", as_int(1), as_int(0)), "or something is divided by 0"),
    "mul_beyond": (computed("_operator.mul", as_int(HUGE), as_int(2)), "does not fit 64 bits"),
    "sub_beyond": (computed("_operator.sub", as_int(-(2**63)), as_int(1)), "does not fit 64 bits"),
    "pow_beyond": (computed("_operator.pow", as_int(2), as_int(LARGEST)), "does not fit 64 bits"),
    "trunc_beyond": (
        pt2(program(node("math.trunc", [number_result("s")], x={"as_float": "Infinity"}), node("relu", self=X))),
        "math.trunc: expected a whole number of 64 bits, got inf",
    ),
    "assertion": (
        pt2(
            program(
                node("_assert_scalar", [], self={"as_bool": False}, assert_msg={"as_string": "\x1b[2J" + "a" * 1000}),
                node("relu", self=X),
            )
        ),
        'the program asserts what is not so: "\\x1b[2Jaaa',
    ),
    "view_other": (one("view", self=X, size=as_ints(4, 2)), "view"),
    "view_two_unknown": (one("view", self=X, size=as_ints(-1, -1)), "view"),
    "view_negative": (one("view", self=X, size=as_ints(-2, -3)), "view"),
    "view_beyond": (one("view", self=X, size=as_ints(HUGE, HUGE)), "view"),
    "view_rank": (
        shaped((2, 3), "view", size=as_ints(2, 3, *[1] * 63)),
        "gives 65 dimensions, at most 64 are expected",
    ),
    "expand_other": (one("expand", self=X, size=as_ints(2, 4)), "expand"),
    "expand_beyond": (shaped((1,), "expand", size=as_ints(HUGE, HUGE, 1)), "more elements than 63 bits can count"),
    "expand_large": (shaped((1,), "expand", size=as_ints(2**39)), "which is more than 274877906944 elements"),
    "repeat_beyond": (shaped((4,), "repeat", repeats=as_ints(HUGE)), "repeat expected sizes that 63 bits can count"),
    "repeat_negative": (shaped((4,), "repeat", repeats=as_ints(-1)), "repeat expected sizes of at least 0"),
    "interleave_beyond": (
        shaped((4,), "repeat_interleave.self_int", repeats=as_int(HUGE)),
        "expected repeats of at least 0",
    ),
    "interleave_scalar": (
        shaped((), "repeat_interleave.self_int", repeats=as_int(2), dim=as_int(0)),
        "expected a value with at least one dimension, got a scalar",
    ),
    "permute_twice": (one("permute", self=X, dims=as_ints(0, 0)), "expected each dimension once, got (0, 0)"),
    "movedim_twice": (
        one("movedim.intlist", self=X, source=as_ints(0, 0), destination=as_ints(0, 1)),
        "expected each dimension once",
    ),
    "movedim_scalar": (
        shaped((), "movedim.intlist", source=as_ints(0), destination=as_ints(0)),
        "expected a value with at least one dimension, got a scalar",
    ),
    "roll_scalar": (
        shaped((), "roll", shifts=as_ints(1), dims=as_ints(0)),
        "expected a value with at least one dimension, got a scalar",
    ),
    "roll_fewer": (one("roll", self=X, shifts=as_ints(1), dims=as_ints(0, 1)), "expected as many shifts as dims"),
    "flip_twice": (one("flip", self=X, dims=as_ints(0, -2)), "dimension 0 is given twice"),
    "narrow_beyond": (
        one("narrow", self=X, dim=as_int(0), start=as_int(1), length=as_int(LARGEST)),
        "expected a start and a length within 2",
    ),
    "slice_step": (one("slice.Tensor", self=X, step=as_int(0)), "expected a positive step, got 0"),
    "slice_dim": (one("slice.Tensor", self=X, dim=as_int(-(2**63))), "expected dim within the 2 dimensions"),
    "select_index": (
        one("select.int", self=X, dim=as_int(0), index=as_int(-(2**63))),
        "select expected an index within",
    ),
    "unbind_many": (
        parts((2**30, 1), "unbind.int", 2),
        "unbind.int: gives 1073741824 results, where the program has 2",
    ),
    "split_many": (
        parts((2**30, 1), "split.Tensor", 2, split_size=as_int(1)),
        "split.Tensor: gives 1073741824 results, where the program has 2",
    ),
    "split_zero": (
        parts((4,), "split.Tensor", 2, split_size=as_int(0)),
        "expected a split_size of at least 1, got 0",
    ),
    "split_sum": (
        parts((4,), "split_with_sizes", 3, split_sizes=as_ints(HUGE, HUGE, HUGE)),
        "split expected sizes whose sum is 4",
    ),
    "chunk_many": (
        parts((2**30, 1), "chunk", 2, chunks=as_int(LARGEST)),
        "chunk: gives 1073741824 results, where the program has 2",
    ),
    "chunk_zero": (parts((4,), "chunk", 2, chunks=as_int(0)), "expected at least one chunk, got 0"),
    "chunk_fewer": (parts((4,), "chunk", 3, chunks=as_int(2)), "chunk: gives 2 results, where the program has 3"),
    "cat_other": (
        one("cat", tensors=many("x", "p_w"), dim=as_int(2)),
        "expected dim within the 2 dimensions",
    ),
    "cat_none": (one("cat", tensors={"as_tensors": []}), "expected at least one tensor"),
    "cat_hole": (
        one("cat", tensors={"as_optional_tensors": [X, {"as_none": True}]}),
        "its argument tensors is a result that is not made here",
    ),
    "arange_many": (one("arange", end=as_int(2**40)), "expected at most 4194304 numbers, got"),
    "arange_large": (one("arange", end=as_int(LARGEST)), "numbers up to 2^53"),
    "arange_step": (
        one("arange.start_step", start=as_int(0), end=as_int(1), step=as_int(0)),
        "expected a step that is not 0",
    ),
    "arange_nan": (one("arange", end={"as_float": "NaN"}), "numbers up to 2^53"),
    "full_type": (
        one("full", size=as_ints(2, 3), fill_value={"as_float": "Infinity"}, dtype={"as_scalar_type": INT64}),
        "expected a whole number of 64 bits, got inf",
    ),
    "full_negative": (one("full", size=as_ints(-2, 3), fill_value=as_int(0)), "full"),
    "full_beyond": (one("full", size=as_ints(HUGE, 4), fill_value=as_int(0)), "more elements than 63 bits can count"),
    "index_float": (one("index.Tensor", self=X, indices=many("p_w")), "expected indices of int64, got float32"),
    "pad_beyond": (shaped((1, 1, 2, 2), "pad", pad=as_ints(HUGE, HUGE)), "pad"),
    "pad_least": (shaped((1, 1, 2, 2), "pad", pad=as_ints(-(2**63), 0)), "pad"),
    "pad_odd": (shaped((1, 1, 2, 2), "pad", pad=as_ints(1)), "expected two numbers for each of at most 4 dimensions"),
    "pad_mode": (
        shaped((1, 1, 2, 2), "pad", pad=as_ints(1, 1, 1, 1), mode={"as_string": "\x1b[2J"}),
        'expected a word as mode, got "\\x1b[2J"',
    ),
    "upsample_infinite": (
        resampled((1, 1, 2, 2), "upsample_nearest2d.vec", scale_factors={"as_floats": [1e300, 1e300]}),
        "upsample_nearest2d.vec",
    ),
    "upsample_neither": (resampled((1, 1, 2, 2), "upsample_nearest2d.vec"), "upsample_nearest2d.vec"),
    "upsample_row_two": (
        resampled((1, 1, 2), "upsample_nearest1d.vec", output_size=as_ints(4, 4)),
        "expected one size or scale_factor for a 3-D input",
    ),
    "conv_groups": (convolved(groups=0), "groups must be positive"),
    "conv_groups_negative": (convolved(groups=-(2**63)), "groups must be positive"),
    "conv_stride": (convolved(stride=0), "stride must be positive"),
    "conv_dilation": (convolved(dilation=0), "dilation must be positive"),
    "conv_dilation_huge": (convolved(dilation=HUGE), "dilation"),
    "conv_padding": (convolved(padding=-1), "padding must"),
    "conv_padding_huge": (convolved(padding=HUGE), "padding must"),
    "transposed_stride": (convolved(stride=HUGE, target="conv_transpose2d.input"), "stride"),
    "pool_kernel": (shaped((1, 1, 4, 4), "max_pool2d", kernel_size=as_ints(0, 0)), "kernel_size"),
    "pool_padding": (
        shaped((1, 1, 4, 4), "avg_pool2d", kernel_size=as_ints(2, 2), padding=as_ints(HUGE, HUGE)),
        "padding",
    ),
    "shuffle_factor": (shaped((1, 4, 2, 2), "pixel_shuffle", upscale_factor=as_int(2**32)), "pixel_shuffle"),
    "group_norm_zero": (
        pt2(program(node("group_norm", input=X, num_groups=as_int(0)), types={"x": tensor(1, 4, 2, 2), "y": None})),
        "num_groups must be positive",
    ),
    "var_correction": (
        one("var.correction", self=X, correction={"as_float": 1e300}),
        "expected a whole number of 64 bits",
    ),
    "cast_half": (one("to.dtype", self=X, dtype={"as_scalar_type": FLOAT16}), "expected float32, int64, int32 or bool"),
    "guard_false": (
        dynamic("s0", 3, guards=["L['x'].size()[0] * 2 == 7"]),
        "the guard L['x'].size()[0] * 2 == 7 fails, with 16 and 7",
    ),
    "guard_call": (
        dynamic("s0", 3, guards=["__import__('os').system('x')"]),
        "the guard __import__('os').system('x') is not understood",
    ),
    "guard_nested": (dynamic("s0", 3, guards=["(" * 1000 + "1" + ")" * 1000]), "is not understood"),
    "guard_unary": (dynamic("s0", 3, guards=["-" * 1000 + "1"]), "is not understood"),
    "guard_long": (dynamic("s0", 3, guards=["1" + " + 1" * 2000]), "is not understood"),
    "guard_chain": (dynamic("s0", 3, guards=["0" + "+0" * 1990]), "fails"),
    "guard_zero": (dynamic("s0", 3, guards=["1 // (L['x'].size()[0] - 8) == 0"]), "is not understood"),
    "guard_least": (dynamic("s0", 3, guards=["(0 - 9223372036854775807 - 1) // -1 == 0"]), "is not understood"),
    "guard_power": (dynamic("s0", 3, guards=["2 ** 9223372036854775807 == 0"]), "is not understood"),
    "guard_dim": (dynamic("s0", 3, guards=["L['x'].size()[2] == 0"]), "is not understood"),
    "guard_other": (dynamic("s0", 3, guards=["L['z'].size()[0] == 0"]), "is not understood"),
    "range_least": (
        dynamic("s0", 3, ranges={"s0": {"min_val": 9, "max_val": 20}}),
        "the size s0 is 8, and the program was exported for 9 to 20",
    ),
    "range_most": (
        dynamic("s0", 3, ranges={"s0": {"min_val": 0, "max_val": 7}}),
        "the size s0 is 8, and the program was exported for 0 to 7",
    ),
    "range_not_understood": (
        dynamic("s0", 3, ranges={"s0 ^ 2": {"min_val": 0, "max_val": 7}}),
        "the range of s0 ^ 2 is not understood",
    ),
    "size_not_understood": (dynamic("exec('x')", 3), "its size is exec('x'), which is not understood"),
    "size_not_linear": (dynamic("s0*s0", 3), "sizes of s0*s0"),
    "size_constant": (dynamic("0*s0", 3), "its size is 0*s0, which is not understood"),
    "weights_alone": (
        pt2(
            program(
                node("view", ["v"], self=named("p_w"), size=as_ints(7)),
                node("add.Tensor", self=X, other=named("v")),
                types={"v": tensor(7), "y": None},
            )
        ),
        "view",
    ),
}


def main():
    loads = ARCHIVES | JSON | PROGRAMS | INPUTS | ARGUMENTS | OUTPUTS
    write_corpus("exported", {f"{name}.pt2": row for name, row in loads.items()})
    write_corpus("exported_calls", {f"{name}.pt2": row for name, row in CALLS.items()})


if __name__ == "__main__":
    main()
