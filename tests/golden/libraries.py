"""Makes strangers/by_*: checkpoints that other people's libraries wrote, of the network of strangers.py.

    ./dev strangers                    # makes the environment that has them
    build/strangers/venv/bin/python tests/golden/libraries.py

Each has the weights of strangers/net.safetensors. Running it again changes what the libraries say of themselves: times,
versions and random states.
"""

import argparse
import pathlib
import sys
import tempfile
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "strangers"))

import torch  # noqa: E402
import vision  # noqa: E402, F401  before what needs torchvision

# isort: split
import accelerate  # noqa: E402
import ema_pytorch  # noqa: E402
import ignite.engine  # noqa: E402
import ignite.handlers  # noqa: E402
import lightning  # noqa: E402
import timm.utils  # noqa: E402
from strangers import FOLDER, network  # noqa: E402
from torch import nn  # noqa: E402


class Training(lightning.LightningModule):
    def __init__(self, lr=1e-3):
        super().__init__()
        self.save_hyperparameters()
        self.net = network()

    def training_step(self, batch, index):
        return self.net(batch).sum() * 0

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=self.hparams.lr, momentum=0.9)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]

    def on_save_checkpoint(self, checkpoint):
        checkpoint["state_dict"] = Training().state_dict()  # as before the step, whose statistics are the batch's


def by_lightning(path):
    trainer = lightning.Trainer(max_steps=1, accelerator="cpu", logger=False, enable_checkpointing=False,
                                enable_progress_bar=False, enable_model_summary=False)  # fmt: skip
    trainer.fit(Training(), torch.utils.data.DataLoader(torch.randn(2, 4, 2, 2)))
    trainer.save_checkpoint(path)


def by_timm(path):
    net = network()
    net(torch.randn(1, 4, 2, 2))
    average = timm.utils.ModelEmaV3(net)
    with tempfile.TemporaryDirectory() as scratch:
        saver = timm.utils.CheckpointSaver(net, torch.optim.SGD(net.parameters()), argparse.Namespace(model="net"),
                                           average, checkpoint_dir=scratch)  # fmt: skip
        saver.save_checkpoint(epoch=3, metric=0.5)
        path.write_bytes((pathlib.Path(scratch) / "last.pth.tar").read_bytes())


def by_ignite(path):
    net = network()
    trainer = ignite.engine.Engine(lambda engine, batch: None)
    kept = {"model": net, "optimizer": torch.optim.SGD(net.parameters()), "trainer": trainer}
    with tempfile.TemporaryDirectory() as scratch:
        saver = ignite.handlers.Checkpoint(kept, ignite.handlers.DiskSaver(scratch))
        saver(trainer)
        path.write_bytes(next(pathlib.Path(scratch).iterdir()).read_bytes())


def by_ema_pytorch(path):
    torch.save(ema_pytorch.EMA(network(), include_online_model=True).state_dict(), path)


def by_accelerate(path):
    accelerator = accelerate.Accelerator(cpu=True)
    accelerator.prepare(network())
    with tempfile.TemporaryDirectory() as scratch:
        accelerator.save_state(scratch, safe_serialization=False)
        path.write_bytes((pathlib.Path(scratch) / "pytorch_model.bin").read_bytes())
        path.with_suffix(".random").write_bytes((pathlib.Path(scratch) / "random_states_0.pkl").read_bytes())


def by_swa_utils(path):
    torch.save(torch.optim.swa_utils.AveragedModel(network()).state_dict(), path)


def by_compile(path):
    torch.save({"state": nn.DataParallel(torch.compile(network())).state_dict()}, path)


def main():
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    by_lightning(FOLDER / "by_lightning.ckpt")
    by_timm(FOLDER / "by_timm.pth.tar")
    by_ignite(FOLDER / "by_ignite.pt")
    by_ema_pytorch(FOLDER / "by_ema_pytorch.pth")
    by_accelerate(FOLDER / "by_accelerate.bin")
    by_swa_utils(FOLDER / "by_swa_utils.pth")
    by_compile(FOLDER / "by_compile.pth")


if __name__ == "__main__":
    main()
