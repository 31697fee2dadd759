"""Makes exported/: archives of torch.export.save, what they are called with, and what PyTorch answers.

    pip install -r tests/golden/requirements.txt
    python tests/golden/exported.py [name ...]

Without names it makes all, which is what exported_operations.py, exported_networks.py and exported_meaning.py list.
Running it again changes no byte.

Each NAME.pt2 is what torch.export.save wrote, without what it says of the machine that wrote it (stack traces, the
example inputs, without which PyTorch itself loads no archive). Beside it lies NAME.safetensors with its calls: tensors
"CALL.inINDEX" and "CALL.outINDEX", truths as float32 of 0 and 1 and all integers as int64, as upconv has them. Outputs
are computed in float64 and rounded to float32 once, but for cases that are about types. Archives that are `bare` have
of their programs what upconv reads. NAME.state.safetensors is the network's state_dict(), with its order as metadata.
The metadata of NAME.safetensors has each call's, as JSON:

    {"errors": [1e-7, ...]}    how far PyTorch's own float32 lies from each output at most
    {"refused": "..."}         which words of the refusal where there are no outputs

refused.json has the words of those archives that are refused when they are loaded.
"""

import copy
import io
import json
import sys
import warnings
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.utils._pytree as pytree

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "exported"
sys.path.insert(0, str(HERE.parents[1] / "examples" / "weights"))

from convert_dcgan import write_safetensors  # noqa: E402

ALIGNMENT = 64
WHEN = (2020, 1, 1, 0, 0, 0)
FORMS = ("", "functional", "core")


@dataclass
class Refused:
    """A call that is refused: with what, and in which words."""

    xs: tuple
    words: str


@dataclass
class Case:
    """A network, what it is exported with, and what it is then called with."""

    name: str
    make: object  # a function without arguments, called after the seed is set
    xs: tuple  # the example, or what makes it
    dynamic: object = None  # dynamic_shapes
    calls: list = field(default_factory=list)  # of inputs, or Refused; the example comes first
    forms: tuple = ("",)
    refused: str = ""  # words, where it is not loaded
    double: bool = True  # whether the truth is computed in float64
    export: dict = field(default_factory=dict)  # more that torch.export.export is told
    training: bool = False
    bare: bool = False  # whether only what upconv reads is kept of the program
    call_example: bool = True
    state: bool = False  # whether its state_dict() is written too, as NAME.state.safetensors
    save: object = None  # how it is saved, for what torch.export.save does not do


def slim_graph(graph, bare):
    for node in graph["nodes"]:
        stack = node["metadata"].get("nn_module_stack", "")
        node["metadata"] = {} if bare and ";" not in stack else {"nn_module_stack": stack}
        for one in node["inputs"]:
            if "as_graph" in one["arg"]:
                slim_graph(one["arg"]["as_graph"]["graph"], bare)
        if bare:
            del node["is_hop_single_tensor_return"], node["name"]
            node["inputs"] = [{"name": one["name"], "arg": one["arg"]} for one in node["inputs"]]
    if bare:
        for name, about in graph["tensor_values"].items():
            graph["tensor_values"][name] = {"dtype": about["dtype"], "sizes": about["sizes"]}


def slim(program, bare):
    """A program's JSON without paths; where it is bare, without what upconv does not read."""
    tree = json.loads(program)
    slim_graph(tree["graph_module"]["graph"], bare)
    if bare:
        calls = tree["graph_module"]["module_call_graph"]
        tree["graph_module"]["module_call_graph"] = [{"fqn": call["fqn"]} for call in calls]
    return json.dumps(tree, separators=(",", ":")).encode()


def rewrite(archive, bare):
    """The same zip archive, its program slim, its entries stored and aligned as PyTorch has them, without times."""
    source, target = zipfile.ZipFile(io.BytesIO(archive)), io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as out:
        for entry in source.infolist():
            data = source.read(entry)
            if "/data/sample_inputs/" in entry.filename or entry.filename.endswith("/.data/serialization_id"):
                continue
            if "/models/" in entry.filename:
                data = slim(data, bare)
            info = zipfile.ZipInfo(entry.filename, WHEN)
            begin = target.tell() + 30 + len(entry.filename.encode())
            gap = -(begin + 4) % ALIGNMENT
            info.extra = b"FB" + gap.to_bytes(2, "little") + b"Z" * gap
            out.writestr(info, data)
    return target.getvalue()


def as_upconv_has_it(x):
    if x.dtype == torch.bool:
        return x.float()
    if not x.is_floating_point():
        return x.long()
    return x.float()


def tensors_of(outputs):
    """What of a network's outputs is a tensor: upconv gives no others."""
    return [y.detach() for y in pytree.tree_leaves(outputs) if isinstance(y, torch.Tensor)]


def in_double(x):
    return x.double() if isinstance(x, torch.Tensor) and x.dtype == torch.float32 else x


def truth(model, xs):
    torch.set_default_dtype(torch.float64)
    try:
        model = copy.deepcopy(model).double()
        return tensors_of(model(*pytree.tree_map(in_double, xs)))
    finally:
        torch.set_default_dtype(torch.float32)


def answers(case, model, xs):
    """Outputs and errors."""
    single = tensors_of(model(*pytree.tree_map(lambda x: x.clone() if isinstance(x, torch.Tensor) else x, xs)))
    exact = truth(model, xs) if case.double else single
    errors, outputs = [], []
    for one, two in zip(single, exact, strict=True):
        assert one.shape == two.shape and one.is_floating_point() == two.is_floating_point()
        one, two = as_upconv_has_it(one), two.double() if two.is_floating_point() else as_upconv_has_it(two)
        same = (one == two) | (one.isnan() & two.isnan())
        error = torch.where(same, torch.zeros(()), (one - two).abs().float())
        errors.append(float(f"{error.max().item() if error.numel() else 0:.2g}"))
        assert errors[-1] < 1e-3 * (1 + two.abs().max().item()), f"{case.name}: {errors[-1]}"
        outputs.append(as_upconv_has_it(two))
    return outputs, errors


def calls_of(case, model):
    """The tensors and the metadata of a case's calls."""
    tensors, metadata = {}, {}
    calls = ([case.xs] if case.call_example else []) + case.calls
    for number, call in enumerate(calls):
        xs = call.xs if isinstance(call, Refused) else call
        given = [x for x in pytree.tree_leaves(xs) if isinstance(x, torch.Tensor)]
        for index, x in enumerate(given):
            tensors[f"{number}.in{index}"] = as_upconv_has_it(x)
        if isinstance(call, Refused):
            metadata[f"{number:02}"] = json.dumps({"refused": call.words})
            continue
        outputs, errors = answers(case, model, xs)
        for index, y in enumerate(outputs):
            tensors[f"{number}.out{index}"] = y
        metadata[f"{number:02}"] = json.dumps({"errors": errors})
    return {name: x.contiguous() for name, x in tensors.items()}, metadata


def decomposed(program, form):
    return {
        "": lambda: program,
        "functional": lambda: program.run_decompositions({}),
        "core": program.run_decompositions,
    }[form]()


def write(case, refused):
    torch.manual_seed(0)
    model = case.make()
    model.train(case.training)
    program = torch.export.export(model, case.xs, dynamic_shapes=case.dynamic, **case.export)
    for form in case.forms:
        name = f"{case.name}.{form}" if form else case.name
        archive = io.BytesIO()
        if case.save:
            case.save(decomposed(program, form), archive)
        else:
            torch.export.save(decomposed(program, form), archive)
        (FOLDER / f"{name}.pt2").write_bytes(rewrite(archive.getvalue(), case.bare or bool(case.refused)))
        if case.refused:
            refused[name] = case.refused
    if case.state:
        state = model.state_dict()
        tensors = {name: value.contiguous().clone() for name, value in state.items()}
        write_safetensors(FOLDER / f"{case.name}.state.safetensors", tensors, {"order": json.dumps(list(state))})
    if not case.refused:
        with torch.no_grad():
            write_safetensors(FOLDER / f"{case.name}.safetensors", *calls_of(case, model))


def main(names):
    import exported_meaning
    import exported_networks
    import exported_operations

    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / "refused.json"
    refused = json.loads(file.read_text()) if names else {}
    modules = (exported_operations, exported_networks, exported_meaning)
    cases = {}
    for case in (case for module in modules for case in module.cases()):
        assert case.name not in cases, f"two cases are called {case.name}"
        cases[case.name] = case
    for name in names or cases:
        print(name, flush=True)
        write(cases[name], refused)
    file.write_text(json.dumps(dict(sorted(refused.items())), indent=1) + "\n")


if __name__ == "__main__":
    # The lists import this file: let them find it as it runs.
    sys.modules["exported"] = sys.modules["__main__"]
    main(sys.argv[1:])
