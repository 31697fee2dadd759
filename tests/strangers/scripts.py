"""Checkpoints as the training scripts of public repositories leave them, each in its repository's way."""

import argparse
import collections
import copy
import datetime
import enum
import pathlib
import random
import types

import numpy as np
import torch
from networks import Discriminator, Everything, Generator, Parametrized, Scripted
from torch import nn


class Mode(enum.Enum):
    TRAIN = 1


class AttrDict(dict):
    """HiFi-GAN's and many others': a dictionary whose keys are its attributes."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.__dict__ = self


Losses = collections.namedtuple("Losses", "g d")


def trained(net, make=torch.optim.Adam, **options):
    """An optimizer with a state."""
    optimizer = make(net.parameters(), **options)
    for parameter in net.parameters():
        parameter.grad = torch.rand_like(parameter)
    optimizer.step()
    return optimizer


def dcgan(folder):
    """pytorch/examples and its many children."""
    net = Generator()
    torch.save(net.state_dict(), folder / "netG_epoch_24.pth")
    args = argparse.Namespace(ngpu=1, nz=100, lr=2e-4, out=pathlib.Path("runs/a"), manual_seed=None, cuda=False)
    everything = {
        "epoch": 24, "netG": net.state_dict(), "netD": Discriminator().state_dict(),
        "optG": trained(net, lr=2e-4, betas=(0.5, 0.999)).state_dict(), "args": args, "opt": vars(args),
        "best": np.float64(12.5), "fid": np.float32(3.0), "step": np.int64(7), "mode": Mode.TRAIN,
        "when": datetime.datetime.now(datetime.timezone.utc), "took": datetime.timedelta(hours=3),
        "fixed_noise": torch.randn(2, 8, 1, 1), "losses": Losses([0.5], [1.5]), "tags": {"a", "b"},
        "frozen": frozenset([1]), "img_list": [torch.rand(1, 3, 4, 4)], "device": torch.device("cpu"),
        "dtype": torch.float16, "size": torch.Size([3, 4]), "none": None,
        "complex": 1j, "range": range(3), "slice": slice(1, None), "bytes": b"\x00", "array": bytearray(b"ab"),
        "ellipsis": ..., "type": nn.Conv2d, "function": nn.functional.relu, "simple": types.SimpleNamespace(a=1),
    }  # fmt: skip
    for protocol in (2, 3, 4, 5):
        torch.save(everything, folder / f"everything{protocol}.pth", pickle_protocol=protocol)
    torch.save(everything, folder / "everything.legacy.pth", _use_new_zipfile_serialization=False)


def stylegan(folder):
    """rosinality/stylegan2-pytorch: several networks, their optimizers, args and an average."""
    net, average = Generator(), Generator()
    torch.save(
        {"g": net.state_dict(), "d": Discriminator().state_dict(), "g_ema": average.state_dict(),
         "g_optim": trained(net, betas=(0.0, 0.99)).state_dict(), "ada_aug_p": 0.0, "latent_avg": torch.rand(8),
         "args": argparse.Namespace(iter=800000, path="lmdb")},
        folder / "000100.pt",
    )  # fmt: skip


def basicsr(folder):
    """BasicSR and Real-ESRGAN: params and params_ema, and a training state beside them."""
    net = Generator()
    torch.save({"params": net.state_dict(), "params_ema": Generator().state_dict()}, folder / "net_g_5000.pth")
    optimizer = trained(net)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 4])
    state = {"epoch": 1, "iter": 5000, "optimizers": [optimizer.state_dict()], "schedulers": [scheduler.state_dict()]}
    torch.save(state, folder / "5000.state")


def pix2pix(folder):
    """junyanz/pytorch-CycleGAN-and-pix2pix takes the module off the GPU and off DataParallel."""
    net = nn.DataParallel(Generator())
    torch.save(net.module.cpu().state_dict(), folder / "latest_net_G.pth")
    torch.save(net.state_dict(), folder / "parallel.pth")
    torch.save(net, folder / "whole_parallel.pth")


def schedulers(folder):
    """Every kind of optimizer and schedule with its state, as state_dict and whole."""
    kinds = [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop, torch.optim.Adagrad,
             torch.optim.Adadelta, torch.optim.NAdam, torch.optim.RAdam, torch.optim.Rprop]  # fmt: skip
    states = {}
    for kind in kinds:
        net = nn.Conv2d(2, 2, 1)
        optimizer = trained(net, kind, lr=0.1)
        plans = torch.optim.lr_scheduler
        schedule = plans.SequentialLR(
            optimizer, [plans.LinearLR(optimizer), plans.CosineAnnealingLR(optimizer, 5)], [2]
        )
        states[kind.__name__] = {"net": net.state_dict(), "optimizer": optimizer.state_dict(),
                                 "schedule": schedule.state_dict()}  # fmt: skip
    torch.save(states, folder / "states.pth")
    net = nn.Conv2d(2, 2, 1)
    torch.save({"net": net.state_dict(), "optimizer": trained(net)}, folder / "whole_optimizer.pth")
    torch.save({"net": net.state_dict(), "scaler": torch.amp.GradScaler("cpu").state_dict()}, folder / "scaler.pth")


def random_states(folder):
    """All the generators, so that training can go on."""
    states = {"python": random.getstate(), "numpy": np.random.get_state(), "torch": torch.get_rng_state(),
              "cuda": [torch.get_rng_state()], "generator": torch.Generator().get_state()}  # fmt: skip
    logs = collections.defaultdict(list, {"g": [1.0, 2.0]})
    nested = collections.defaultdict(lambda_free_dict, {"a": collections.defaultdict(int, {"b": 1})})
    window = collections.deque([torch.rand(2), 0.5], maxlen=4)
    counts, ordered = collections.Counter("aab"), collections.OrderedDict(x=torch.rand(1))
    chain = collections.ChainMap({"a": torch.rand(1)}, {})
    torch.save({"net": Generator().state_dict(), "random": states, "logs": logs, "nested": nested, "window": window,
                "counts": counts, "ordered": ordered, "chain": chain, "hparams": AttrDict(lr=1, net=AttrDict(width=2))},
               folder / "resume.pth")  # fmt: skip


def lambda_free_dict():
    return collections.defaultdict(int)


def averages(folder):
    """Averaged models, by hand and by torch.optim.swa_utils."""
    net = Generator()
    averaged = torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    averaged.update_parameters(net)
    torch.save(averaged.state_dict(), folder / "averaged.pth")
    torch.save({"model": net.state_dict(), "ema": averaged.state_dict()["module.main.0.weight"]}, folder / "one.pth")
    shadow = {name: values.clone() for name, values in net.named_parameters()}
    torch.save(
        {"net": net, "ema": shadow, "deep": copy.deepcopy(net).eval().requires_grad_(False)}, folder / "hand.pth"
    )


def whole(folder):
    """torch.save(net), in each form."""
    everything = Everything()
    everything(torch.rand(1, 3, 2, 2))
    for name, net in (("generator", Generator()), ("discriminator", Discriminator()), ("everything", everything)):
        torch.save(net, folder / f"{name}.pth")
        torch.save(net.eval(), folder / f"{name}.legacy.pth", _use_new_zipfile_serialization=False)
        for protocol in (3, 4, 5):
            torch.save(net, folder / f"{name}{protocol}.pth", pickle_protocol=protocol)
        torch.save(net.state_dict(), folder / f"{name}.state.pth")
        torch.save({"epoch": 3, "netG": net, "nets": [net, nn.Identity()]}, folder / f"{name}.inside.pth")
        torch.save(net.half(), folder / f"{name}.half.pth")
    torch.save({"netG": Parametrized().state_dict()}, folder / "parametrized.state.pth")  # which no whole model may be
    torch.save(nn.Sequential(), folder / "nothing.pth")


def compiled(folder):
    """torch.compile'd networks: `_orig_mod.` before every name."""
    net = torch.compile(Generator())
    torch.save(net.state_dict(), folder / "compiled.pth")
    torch.save({"ema": nn.DataParallel(net).state_dict()}, folder / "compiled_parallel.pth")


def torchscript(folder):
    """Scripted, traced, frozen, optimised, on its own and with more in the archive."""
    net = Scripted().eval()
    torch.jit.save(torch.jit.script(net), folder / "scripted.pt")
    torch.jit.save(torch.jit.trace(net, torch.rand(1, 3, 2, 2)), folder / "traced.pt")
    torch.jit.save(torch.jit.freeze(torch.jit.script(net)), folder / "frozen.pt")
    torch.jit.save(torch.jit.script(net.half()), folder / "half.pt")
    torch.jit.save(torch.jit.trace(Generator().eval(), torch.rand(1, 8, 1, 1)), folder / "generator.pt",
                   _extra_files={"config.json": '{"latent": 8}'})  # fmt: skip
    torch.jit.script(Generator().eval()).save(folder / "generator.scripted.pt")
    torch.jit.save(torch.jit.script(nn.ModuleDict({"a": nn.Conv2d(1, 1, 1)})["a"]), folder / "child.pt")


def exported(folder):
    """torch.export.save: static, dynamic, decomposed, and what weights may be."""

    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, padding=1).to(memory_format=torch.channels_last)
            self.again = self.conv
            self.gain = nn.Parameter(torch.rand(3, dtype=torch.float16))
            self.register_buffer("grid", torch.rand(1, 3, 1, 1), persistent=False)
            self.register_buffer("count", torch.tensor(3))
            base = torch.rand(12)
            self.register_buffer("part", base[3:9:2])
            self.register_buffer("wide", torch.rand(3, 1, 1).expand(3, 1, 2))
            self.unused = nn.Parameter(torch.rand(0, 3))

        def forward(self, x):
            return (
                self.again(self.conv(x)) * self.gain.float().view(1, -1, 1, 1)
                + self.grid
                + self.part.sum()
                + self.count
            )

    image = torch.rand(2, 3, 4, 4)
    torch.export.save(torch.export.export(Odd().eval(), (image,)), folder / "odd.pt2")
    net, z = Generator().eval(), torch.rand(2, 8, 1, 1)
    torch.export.save(torch.export.export(net, (z,)), folder / "static.pt2")
    sizes = {"z": {0: torch.export.Dim("batch", min=1, max=64)}}
    dynamic = torch.export.export(net, (z,), dynamic_shapes=sizes)
    torch.export.save(dynamic, folder / "dynamic.pt2")
    torch.export.save(dynamic.run_decompositions(), folder / "core.pt2")


ALL = [dcgan, stylegan, basicsr, pix2pix, schedulers, random_states, averages, whole, compiled, torchscript, exported]
