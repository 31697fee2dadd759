"""Makes networks/: what PyTorch answers of the networks in examples/, at small width and full structure.

    pip install -r tests/golden/requirements.txt
    python tests/golden/networks.py [name ...]

NAME.pth is the state_dict of the twin in twins/NAME.py, as torch.save writes it; NAME.safetensors has input0, input1
... and output0, output1 ..., of a batch of two. Parameters and inputs are drawn from a seed. Outputs are computed in
float64 and stored as float32, so that they carry no rounding but the last. Running it again changes no byte.

A twin's module has `twin()`, the network, `inputs()`, what it is asked, and where the values below do not suit it,
`fill(network)`.
"""

import importlib
import sys
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "networks"
sys.path.insert(0, str(HERE.parents[1] / "examples" / "weights"))

from convert_dcgan import write_safetensors  # noqa: E402
from spectral import settle  # noqa: E402


def fill(network):
    """Weights under which values keep their size from layer to layer, so that the output depends on every one."""
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            values = torch.randn(parameter.shape)
            if parameter.dim() > 1:
                values *= (2 * parameter.shape[0] / parameter.numel()) ** 0.5
            else:
                values = values * 0.1 + (name == "weight")
            parameter.data = values
        for name, buffer in module.named_buffers(recurse=False):
            if name == "running_mean":
                buffer.copy_(torch.randn(buffer.shape) * 0.5)
            elif name == "running_var":
                buffer.copy_(torch.randn(buffer.shape).abs() + 0.5)
        settle(module)


def make(name):
    twin = importlib.import_module(f"twins.{name}")
    torch.manual_seed(0)
    network = twin.twin().eval()
    getattr(twin, "fill", fill)(network)
    inputs = twin.inputs()
    torch.save(network.state_dict(), FOLDER / f"{name}.pth")
    with torch.no_grad():
        outputs = network.double()(*(x.double() if x.is_floating_point() else x for x in inputs))
    tensors = {f"input{i}": x for i, x in enumerate(inputs)}
    for i, output in enumerate(outputs if isinstance(outputs, tuple) else [outputs]):
        tensors[f"output{i}"] = output.float()
    write_safetensors(FOLDER / f"{name}.safetensors", tensors)


def main():
    torch.set_num_threads(1)
    for name in sys.argv[1:] or sorted(path.stem for path in (HERE / "twins").glob("*.py")):
        make(name)


if __name__ == "__main__":
    main()
