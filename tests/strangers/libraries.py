"""Checkpoints that other people's libraries write, by their own code."""

import argparse
import os
import pathlib
import tempfile
import warnings

import accelerate
import diffusers
import ema_pytorch
import ignite.engine
import ignite.handlers
import lightning
import safetensors.torch
import timm
import timm.optim
import timm.utils
import torch
import torch_ema
import torchvision
from huggingface_hub import PyTorchModelHubMixin
from lightning.pytorch.callbacks import ModelCheckpoint, StochasticWeightAveraging
from networks import Discriminator, Generator
from spandrel.architectures.ESRGAN.__arch.RRDB import RRDBNet
from spandrel.architectures.SwinIR.__arch.SwinIR import SwinIR
from torch import nn


class LightningGAN(lightning.LightningModule):
    """A user's, with hyperparameters that are saved and an average that is not its own."""

    def __init__(self, latent=8, betas=(0.5, 0.999), out=pathlib.Path("runs")):
        super().__init__()
        self.save_hyperparameters()
        self.generator, self.discriminator = Generator(latent), Discriminator()
        self.register_buffer("fixed", torch.randn(2, latent, 1, 1))

    def training_step(self, batch, index):
        fake = self.generator(batch[0])
        self.log("loss", fake.abs().mean())
        return fake.abs().mean() + self.discriminator(fake).mean()

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), betas=self.hparams.betas)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]

    def on_save_checkpoint(self, checkpoint):
        checkpoint["ema"] = {name: values * 0.5 for name, values in self.generator.state_dict().items()}


def latents(count=4):
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(count, 8, 1, 1)), batch_size=2)


def lightning_checkpoints(folder):
    """A trainer's own files, and one that it is asked for, with and without its loops."""
    saved = ModelCheckpoint(folder, filename="best", monitor="loss", save_last=True)
    trainer = lightning.Trainer(max_epochs=2, accelerator="cpu", callbacks=[saved, StochasticWeightAveraging(1e-2)],
                                logger=False, enable_progress_bar=False, enable_model_summary=False)  # fmt: skip
    trainer.fit(LightningGAN(), latents())
    trainer.save_checkpoint(folder / "asked.ckpt")
    trainer.save_checkpoint(folder / "weights_only.ckpt", weights_only=True)
    fabric = lightning.Fabric(accelerator="cpu", devices=1)
    net, optimizer = fabric.setup(Generator(), torch.optim.Adam(Generator().parameters()))
    fabric.save(folder / "fabric.ckpt", {"model": net, "optimizer": optimizer, "step": 3})


def timm_checkpoints(folder):
    """timm's models, the saver of its train.py, and its averaged models."""
    for name, options in (("resnet10t", {}), ("convnext_atto", {"depths": (1, 1, 1, 1), "dims": (8, 8, 8, 8)}),
                          ("vit_tiny_patch16_224", {"depth": 1, "embed_dim": 24, "num_heads": 3})):  # fmt: skip
        torch.save(timm.create_model(name, num_classes=3, **options).state_dict(), folder / f"{name}.pth")
    net = timm.create_model("mobilenetv3_small_050", num_classes=3)
    average = timm.utils.ModelEmaV3(net, decay=0.9)
    average.update(net)
    optimizer = timm.optim.create_optimizer_v2(net, "lamb", lr=1e-3)
    with tempfile.TemporaryDirectory() as scratch:
        saver = timm.utils.CheckpointSaver(net, optimizer, argparse.Namespace(model="mobilenetv3_small_050", lr=1e-3),
                                           average, timm.utils.NativeScaler("cpu"), checkpoint_dir=scratch)  # fmt: skip
        saver.save_checkpoint(epoch=3, metric=0.5)
        for path in pathlib.Path(scratch).iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
    torch.save(net, folder / "whole.pth")


def vision_checkpoints(folder):
    """torchvision's models, whole and not, scripted; spandrel's (Real-ESRGAN, SwinIR)."""
    net = torchvision.models.shufflenet_v2_x0_5(num_classes=2)
    torch.save(net, folder / "shufflenet.pth")
    torch.save(net.state_dict(), folder / "shufflenet.legacy.pth", _use_new_zipfile_serialization=False)
    torch.jit.save(torch.jit.script(net.eval()), folder / "shufflenet.pt")
    torch.save(torchvision.models.squeezenet1_1(num_classes=2).half(), folder / "squeezenet.pth")
    upscaler = RRDBNet(num_filters=4, num_blocks=1)
    torch.save({"params_ema": upscaler.state_dict()}, folder / "esrgan.pth")
    torch.save(upscaler, folder / "esrgan.whole.pth")
    torch.jit.save(torch.jit.trace(upscaler.eval(), torch.rand(1, 3, 8, 8)), folder / "esrgan.pt")
    torch.save(SwinIR(depths=[1], num_heads=[2], embed_dim=8, window_size=4), folder / "swinir.pth")


def averages(folder):
    """Wrappers that average a network."""
    net = Generator()
    wrapper = ema_pytorch.EMA(net, beta=0.9, update_every=1)
    wrapper.update()
    wrapper.update()
    torch.save(wrapper.state_dict(), folder / "ema_pytorch.pth")
    torch.save({"step": 5, "ema": wrapper.state_dict(), "whole": wrapper.ema_model}, folder / "ema_pytorch.whole.pth")
    moving = torch_ema.ExponentialMovingAverage(net.parameters(), decay=0.9)
    moving.update()
    torch.save({"net": net.state_dict(), "ema": moving.state_dict()}, folder / "torch_ema.pth")


def ignite_checkpoints(folder):
    """Ignite's Checkpoint handler."""
    net = Generator()
    optimizer = torch.optim.Adam(net.parameters())

    def step(engine, batch):
        optimizer.zero_grad()
        loss = net(batch[0]).abs().mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    trainer = ignite.engine.Engine(step)
    average = ignite.handlers.EMAHandler(net)
    average.attach(trainer)
    kept = {"model": net, "optimizer": optimizer, "trainer": trainer, "ema": average.ema_model}
    saver = ignite.handlers.Checkpoint(kept, ignite.handlers.DiskSaver(str(folder), require_empty=False))
    trainer.add_event_handler(ignite.engine.Events.EPOCH_COMPLETED, saver)
    trainer.run(latents(), max_epochs=1)


def hub_checkpoints(folder):
    """What models of Hugging Face's libraries save: diffusers, accelerate, the mixin of the hub."""
    decoder = diffusers.AutoencoderKL(block_out_channels=(8,), norm_num_groups=4, layers_per_block=1, latent_channels=2)
    decoder.save_pretrained(folder / "vae")
    decoder.save_pretrained(folder / "vae_bin", safe_serialization=False)
    decoder.half().save_pretrained(folder / "vae_half", variant="fp16", max_shard_size="20KB")
    unet = diffusers.UNet2DModel(block_out_channels=(8, 8), norm_num_groups=4, layers_per_block=1, sample_size=8,
                                 down_block_types=("DownBlock2D",) * 2, up_block_types=("UpBlock2D",) * 2)  # fmt: skip
    unet.save_pretrained(folder / "unet", max_shard_size="30KB")
    average = diffusers.training_utils.EMAModel(unet.parameters(), model_cls=type(unet), model_config=unet.config)
    average.save_pretrained(folder / "unet_ema")
    torch.save(average.state_dict(), folder / "unet_ema.pth")

    class Hub(nn.Module, PyTorchModelHubMixin):
        def __init__(self, latent: int = 8):
            super().__init__()
            self.generator = Generator(latent)

    Hub().save_pretrained(folder / "hub")

    accelerator = accelerate.Accelerator(cpu=True)
    net = Generator()
    optimizer = torch.optim.AdamW(net.parameters())
    net, optimizer, schedule = accelerator.prepare(net, optimizer, torch.optim.lr_scheduler.StepLR(optimizer, 1))
    net(torch.rand(1, 8, 1, 1)).mean().backward()
    optimizer.step()
    accelerator.save_state(str(folder / "accelerate"))
    accelerator.save_state(str(folder / "accelerate_bin"), safe_serialization=False)
    accelerator.save({"unwrapped": accelerator.unwrap_model(net).state_dict()}, folder / "accelerate.pth")
    accelerator.save_model(net, str(folder / "accelerate_model"), max_shard_size="10KB")
    safetensors.torch.save_model(net, str(folder / "model.safetensors"))


def distributed(folder):
    """DistributedDataParallel, sharded modules and distributed checkpoints, of one process."""
    import torch.distributed as dist
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
    from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard

    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29517", "GLOO_SOCKET_IFNAME": "lo"}
    dist.init_process_group("gloo", rank=0, world_size=1)
    try:
        net = nn.parallel.DistributedDataParallel(Generator())
        torch.save(net.state_dict(), folder / "ddp.pth")
        torch.save({"model": net.module, "state": net.module.state_dict()}, folder / "ddp_module.pth")
        torch.save(nn.SyncBatchNorm.convert_sync_batchnorm(Generator()), folder / "sync_batch_norm.pth")
        sharded = Generator()
        fully_shard(sharded)
        whole = get_model_state_dict(sharded, options=StateDictOptions(full_state_dict=True, cpu_offload=True))
        torch.save(whole, folder / "fsdp2_full.pth")
        torch.save(sharded.state_dict(), folder / "fsdp2_dtensor.pth")
        dcp.save(Generator().state_dict(), checkpoint_id=folder / "distributed")
        try:
            one = FullyShardedDataParallel(Generator(), device_id=torch.device("cpu"))
            torch.save(one.state_dict(), folder / "fsdp1_full.pth")
        except (RuntimeError, AssertionError, ValueError) as error:
            warnings.warn(f"FSDP, first version, is not to be had without an accelerator: {error}", stacklevel=1)
    finally:
        dist.destroy_process_group()


ALL = [lightning_checkpoints, timm_checkpoints, vision_checkpoints, averages, ignite_checkpoints, hub_checkpoints]
ALL += [distributed]  # last: it sets the environment
