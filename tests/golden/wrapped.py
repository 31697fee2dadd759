"""Makes wrapped/: what PyTorch prints and saves of modules in its wrappers, and of layers with parametrizations.

    pip install -r tests/golden/requirements.txt
    python tests/golden/wrapped.py

Of each, NAME.txt is the print, NAME.pth its own state_dict, NAME.inside.safetensors that of the module without wrappers
or parametrizations. answers.safetensors has what the module computes, under its name, of the input x.
"""

import copy
import os
import sys
import warnings
from pathlib import Path

import torch
from torch import distributed, nn
from torch.distributed.fsdp import FullyShardedDataParallel
from torch.nn.utils import parametrizations, parametrize
from torch.optim.swa_utils import AveragedModel

FOLDER = Path(__file__).resolve().parent / "wrapped"
sys.path.insert(0, str(FOLDER.parents[2] / "examples" / "weights"))

from convert_dcgan import write_safetensors  # noqa: E402

warnings.simplefilter("ignore")


def network():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, bias=False),
        nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(True)),
        nn.ConvTranspose2d(4, 2, 4, 2, 1),
        nn.Tanh(),
    ).eval()
    for values in net.state_dict().values():
        if values.is_floating_point():
            values.copy_(torch.rand(values.shape) - 0.3)
    net[1][0].running_var.abs_()
    return net


def with_norm(norm):
    """Layers of each class that has a weight of two dimensions or more, in training for a moment, for spectral norm."""
    torch.manual_seed(0)
    net = nn.Sequential(
        norm(nn.Conv2d(3, 4, 3, padding=1)),
        nn.LeakyReLU(0.2),
        norm(nn.ConvTranspose2d(4, 2, 4, 2, 1)),
        norm(nn.Linear(12, 5)),
    )
    for parameter in net.parameters():
        parameter.data = torch.randn(parameter.shape)
    with torch.no_grad():
        net(torch.randn(1, 3, 5, 6))
    return net.eval()


def without_norm(net):
    for layer in net:
        if parametrize.is_parametrized(layer):
            parametrize.remove_parametrizations(layer, "weight")
    return net


def modules():
    """Name, module, and the same without what wraps it."""
    net = network()
    yield "data_parallel", nn.DataParallel(net), net
    yield "distributed", nn.parallel.DistributedDataParallel(net), net
    yield "sharded", FullyShardedDataParallel(copy.deepcopy(net), device_id=torch.device("cpu")), net
    yield "compiled", torch.compile(net), net
    yield "averaged", AveragedModel(net), net
    yield "averaged_parallel", AveragedModel(nn.DataParallel(net)), net
    yield "compiled_parallel", torch.compile(nn.DataParallel(net)), net
    yield "parallel_compiled", nn.DataParallel(torch.compile(net)), net
    yield "compiled_parts", nn.Sequential(net[0], torch.compile(net[1]), torch.compile(net[2]), net[3]), net
    for name in ("weight_norm", "spectral_norm"):
        norm = getattr(parametrizations, name)
        net, plain = with_norm(norm), without_norm(with_norm(norm))
        yield name, net, plain
        yield f"{name}_parallel", nn.DataParallel(net), plain


def main():
    FOLDER.mkdir(exist_ok=True)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29533")
    distributed.init_process_group("gloo", rank=0, world_size=1)
    torch.manual_seed(0)
    answers = {"x": torch.randn(2, 3, 5, 6)}
    for name, module, inside in modules():
        (FOLDER / f"{name}.txt").write_text(f"{module}\n")
        torch.save(module.state_dict(), FOLDER / f"{name}.pth")
        write_safetensors(FOLDER / f"{name}.inside.safetensors", inside.state_dict())
        with torch.no_grad():
            answers[name] = copy.deepcopy(inside).double()(answers["x"].double()).float()
    write_safetensors(FOLDER / "answers.safetensors", answers)
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
