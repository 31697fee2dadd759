"""Makes tests/golden/names: weights under the names that training scripts leave them with, and what they must become.

    pip install -r tests/golden/requirements.txt
    python tests/golden/names.py

    spectral_norm, parametrized_spectral_norm, weight_norm, parametrized_weight_norm
                    NAME.safetensors is a state_dict after some steps, NAME_folded.safetensors the weights that its
                    layers use in eval mode
    netG.safetensors            a generator's state_dict as it is
    checkpoint.pth              {"epoch", "netG", "netD", "optimizer"}, of which netG comes from a DataParallel
    instance_norm.pth           with the running statistics that InstanceNorm2d saved before PyTorch 0.4
    model.safetensors.index.json, model-0000?-of-00003.safetensors
                                netG in three files, as Hugging Face saves large models

Running it again changes no byte.
"""

import copy
import json
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import parametrizations

FOLDER = Path(__file__).resolve().parent / "names"


def save(name, tensors, metadata=None):
    save_file({key: tensor.detach().contiguous() for key, tensor in tensors.items()}, FOLDER / name, metadata)


def normed_net(norm):
    """As many channels in as out, so that only the layer's kind tells the dimension that spectral norm keeps."""
    return nn.Sequential(
        norm(nn.ConvTranspose2d(4, 4, 3, 2, 1)),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        norm(nn.ConvTranspose2d(4, 6, (2, 3), bias=False)),
        nn.Flatten(),
        norm(nn.Linear(6 * 8 * 9, 3)),
    )


def one_dim_each(weight_norm):
    """A weight_norm along another dimension of each layer it is called for: 0, 1, none."""
    dims = iter((0, 1, None))
    return lambda layer: weight_norm(layer, dim=next(dims))


def make_normed(name, norm):
    torch.manual_seed(0)
    net = normed_net(norm)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    for _ in range(3):
        optimizer.zero_grad()
        net(torch.randn(2, 4, 4, 4)).square().sum().backward()
        optimizer.step()
    net.eval()
    net(torch.randn(1, 4, 4, 4))
    save(f"{name}.safetensors", net.state_dict())
    save(f"{name}_folded.safetensors", {f"{i}.weight": net[i].weight for i in (0, 3, 5)})


def generator():
    return nn.Sequential(
        nn.ConvTranspose2d(5, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.ConvTranspose2d(4, 3, 4, 2)
    )


def make_checkpoint(netG):
    netD = nn.Sequential(nn.Conv2d(3, 2, 3), nn.LeakyReLU(0.2))
    optimizer = torch.optim.Adam(netG.parameters(), 2e-4)
    netG(torch.randn(2, 5, 2, 2)).square().sum().backward()
    optimizer.step()
    save("netG.safetensors", netG.state_dict())
    checkpoint = {
        "epoch": 3,
        "netG": nn.DataParallel(copy.deepcopy(netG)).state_dict(),
        "netD": netD.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    torch.save(checkpoint, FOLDER / "checkpoint.pth")


def make_instance_norm():
    net = nn.Sequential(nn.ConvTranspose2d(3, 4, 2), nn.InstanceNorm2d(4, track_running_stats=True), nn.Tanh())
    state = OrderedDict((key, value) for key, value in net.state_dict().items() if not key.endswith("tracked"))
    torch.save(state, FOLDER / "instance_norm.pth")


def make_shards(netG):
    """The index is what huggingface_hub writes: JSON of two spaces, keys sorted."""
    names = sorted(netG.state_dict())
    parts = {f"model-{k + 1:05}-of-00003.safetensors": names[k::3] for k in range(3)}
    for file, keys in parts.items():
        save(file, {key: netG.state_dict()[key] for key in keys}, {"format": "pt"})
    index = {
        "metadata": {"total_size": sum(tensor.nbytes for tensor in netG.state_dict().values())},
        "weight_map": {key: file for file, keys in parts.items() for key in keys},
    }
    (FOLDER / "model.safetensors.index.json").write_text(json.dumps(index, indent=2, sort_keys=True) + "\n")


def main():
    FOLDER.mkdir(exist_ok=True)
    torch.set_num_threads(1)  # sums in one order
    make_normed("spectral_norm", nn.utils.spectral_norm)
    make_normed("parametrized_spectral_norm", parametrizations.spectral_norm)
    make_normed("weight_norm", one_dim_each(nn.utils.weight_norm))
    make_normed("parametrized_weight_norm", one_dim_each(parametrizations.weight_norm))
    torch.manual_seed(0)
    netG = generator()
    make_checkpoint(netG)
    make_instance_norm()
    make_shards(netG)


if __name__ == "__main__":
    main()
