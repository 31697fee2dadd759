"""Makes init.safetensors: the parameters that PyTorch's layers begin with, and what torch.nn.init makes.

    pip install -r tests/golden/requirements.txt
    python tests/golden/init.py

"NAME/KEY" is a parameter of the network or the function NAME below, after torch.manual_seed(the metadata's "NAME").
tests/framework/init_test.cpp constructs the same in C++."""

import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import init

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "examples" / "weights"))

from convert_dcgan import write_safetensors  # noqa: E402

NETWORKS = {
    "layers": lambda: nn.Sequential(
        nn.ConvTranspose2d(6, 4, 3),
        nn.BatchNorm2d(4),
        nn.Conv2d(4, 8, (3, 2), groups=2, bias=False),
        nn.ConvTranspose2d(8, 6, 2, groups=2),
        nn.PReLU(),
        nn.Linear(5, 7),
        nn.Linear(3, 2, bias=False),
        nn.GroupNorm(2, 6),
    ),
    "embeddings": lambda: nn.Sequential(
        nn.Embedding(3, 3),
        nn.Linear(3, 1),
        nn.Embedding(2, 2, padding_idx=1),
        nn.Embedding(5, 7),
        nn.Embedding(1, 3),
        nn.Embedding(8, 4, padding_idx=0),
    ),
}

FUNCTIONS = {
    "uniform_": lambda w: init.uniform_(w, -0.3, 0.8),
    "normal_": lambda w: init.normal_(w, 0.1, 0.02),
    "trunc_normal_": lambda w: init.trunc_normal_(w, 0.1, 0.5, -0.5, 0.5),
    "trunc_normal_tail": lambda w: init.trunc_normal_(w, 0, 1, 1.5, 3),
    "xavier_uniform_": lambda w: init.xavier_uniform_(w, 1.5),
    "xavier_normal_": lambda w: init.xavier_normal_(w),
    "kaiming_uniform_": lambda w: init.kaiming_uniform_(w, 0.2, "fan_out"),
    "kaiming_normal_": lambda w: init.kaiming_normal_(w, nonlinearity="relu"),
}


def weights_init(module):
    """As in pytorch/examples/dcgan."""
    name = module.__class__.__name__
    if name.find("Conv") != -1:
        init.normal_(module.weight, 0.0, 0.02)
    elif name.find("BatchNorm") != -1:
        init.normal_(module.weight, 1.0, 0.02)
        init.zeros_(module.bias)


def main():
    tensors = {}
    for seed, (name, make) in enumerate(NETWORKS.items()):
        torch.manual_seed(seed)
        tensors |= {f"{name}/{key}": value.clone() for key, value in make().state_dict().items()}
    torch.manual_seed(5)
    for name, function in FUNCTIONS.items():
        for shape in ((3, 4), (7, 5, 3, 3)):
            tensors[f"{name}/{len(shape)}"] = function(torch.empty(shape)).clone()
    torch.manual_seed(6)
    network = nn.Sequential(nn.ConvTranspose2d(5, 4, 4, bias=False), nn.BatchNorm2d(4), nn.ReLU())
    network.apply(weights_init)
    tensors |= {f"dcgan/{key}": value.clone() for key, value in network.state_dict().items()}
    write_safetensors(HERE / "init.safetensors", tensors)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
