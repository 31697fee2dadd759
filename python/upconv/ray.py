"""Pictures by the million on a Ray cluster, as `upconv generate --shards` makes them on one machine.

upconv.ray.generate("netG.pt2", "/shared/fake-{shard:05d}.tar", shards=400, count=1_000_000)

The same from a shell is `python -m upconv.ray netG.pt2 --out ...`. `Paint` is for pipelines of one's own.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import upconv

Model = str | os.PathLike[str] | upconv.Module | Callable[[], upconv.Module]


@dataclasses.dataclass(frozen=True)
class Summary:
    """What a call of generate() came to."""

    shards: int  #: all of them
    painted: int  #: those that were not there before
    pictures: int  #: that were painted
    seconds: float
    ways: int  #: how many choices of algorithms there were; more than one where processors disagreed


@dataclasses.dataclass(frozen=True)
class _Network:
    """A network as it is sent: arrays lie in the object store, once for each node, and are mapped there."""

    make: Callable[[], upconv.Module] | None = None
    text: str = ""
    archive: Any = None  # the bytes of a .pt2
    weights: Mapping[str, Any] | None = None

    def module(self) -> upconv.Module:
        """The network with its weights."""
        if self.archive is not None:
            return upconv.load_exported(self.archive.tobytes())
        module = self.make() if self.make else upconv.parse_module(self.text)
        if self.weights is not None:
            module.load_state_dict(self.weights)
        return module


def _network(model: Model, weights: str | os.PathLike[str] | Mapping[str, Any] | None) -> _Network:
    given = upconv.load(weights) if isinstance(weights, (str, os.PathLike)) else weights
    if isinstance(model, (str, os.PathLike)):
        if given is not None:
            raise ValueError("weights: a .pt2 has its own; to load others, give a function that makes the network")
        return _Network(archive=np.fromfile(model, np.uint8))
    if isinstance(model, upconv.Exported):
        raise TypeError("model: an Exported does not keep its archive: give the name of the .pt2 instead")
    if isinstance(model, upconv.Module):
        try:
            upconv.parse_module(str(model))
        except upconv.Error as error:
            raise TypeError(
                f"model: expected a module of layers alone, or a function that makes one of yours: {error}"
            ) from None
        return _Network(text=str(model), weights=model.state_dict() if given is None else given)
    return _Network(make=model, weights=given)


def _latent(module: upconv.Module, shape: Sequence[int] | None) -> tuple[int, ...]:
    """The shape of one latent: as given, or as a .pt2 says."""
    if shape is not None:
        return tuple(shape)
    if not isinstance(module, upconv.Exported):
        raise ValueError("shape: expected that of one latent, as the network does not tell: (100, 1, 1)")
    sizes = module.inputs[0][1][1:]
    if any(isinstance(size, str) for size in sizes):
        raise ValueError(f"shape: expected that of one latent, as the network leaves it open: {sizes}")
    return tuple(int(size) for size in sizes)


def _open(network: _Network, out: str, options: Mapping[str, Any], threads: int) -> upconv.Shards:
    module = network.module()
    rest = dict(options)
    shape = rest.pop("shape")
    if rest.get("pictures") is None:
        rest["shape"] = _latent(module, shape)
    return upconv.Shards(module, out, threads=threads, **rest)


_opened: dict[str, upconv.Shards] = {}  # of this process, the last job's


def _write(network: _Network, job: str, out: str, options: Mapping[str, Any], shard: int) -> int:
    """One task: a shard, where it is not there. Gives how many pictures were painted, or -1."""
    if job not in _opened:
        _opened.clear()
        _opened[job] = _open(network, out, options, _threads())
    shards = _opened[job]
    return -1 if shards.is_there(shard) else shards.write(shard)


def generate(
    model: Model,
    out: str,
    shards: int,
    seed: int = 0,
    *,
    count: int,
    weights: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    shape: Sequence[int] | None = None,
    manifest: str | os.PathLike[str] | None = None,
    num_cpus: int = 1,
    progress: bool = True,
    **options: Any,
) -> Summary:
    """Paints `count` pictures into `shards` tars on the Ray cluster that is there, or on one of this machine.

    model: a .pt2, a module of upconv's layers, or a function that makes a module, whose weights are `weights`.
    out: a name with {shard:05d}, absolute, in a folder that all nodes share.
    shape: of one latent, (100, 1, 1), where the network is no .pt2.
    num_cpus: of each task, which paints a shard at a time with so many threads.
    options: what upconv.Shards takes beside.

    Shards that are there and whole are left out, so after whatever happened the same call goes on. Tasks whose worker
    or node is lost run again without end; an error of the data is raised at once.
    """
    ray = _ray()
    if not os.path.isabs(out):
        raise ValueError(f"out: expected an absolute name, as workers have folders of their own, got {out}")
    began = time.monotonic()
    network = _network(model, weights)
    if isinstance(model, (str, os.PathLike)):
        options.setdefault("network", Path(model).name)
    options |= {"shards": shards, "seed": seed, "count": count, "shape": shape}
    here = _open(network, out, options, 1)  # what is wrong is said before anything is sent
    if not ray.is_initialized():
        ray.init(log_to_driver=False)
    sent, job = ray.put(network), uuid.uuid4().hex
    task = ray.remote(num_cpus=num_cpus, max_retries=-1)(_write)

    painted = pictures = 0
    left = iter(range(shards))
    running: dict[Any, int] = {}
    with _bar(count, progress) as bar:
        while True:
            # Enough to keep all busy; nodes may come and go.
            window = max(2, 2 * int(ray.cluster_resources().get("CPU", 1)) // num_cpus)
            while len(running) < window and (shard := next(left, None)) is not None:
                running[task.remote(sent, job, out, options, shard)] = shard
            if not running:
                break
            done, _ = ray.wait(list(running))
            for one in done:
                shard = running.pop(one)
                try:
                    made = ray.get(one)
                except ray.exceptions.RayTaskError as error:
                    for other in running:
                        ray.cancel(other)
                    raise error.cause if isinstance(error.cause, upconv.Error) else error from None
                painted += made >= 0
                pictures += max(0, made)
                bar.update(here.range(shard)[1])
    # Once more: what a killed worker left of a shard that another one wrote meanwhile goes now.
    missing = [shard for shard in range(shards) if not here.is_there(shard)]
    if missing:
        raise upconv.Error(f"{here.name(missing[0])}: was painted and is not there: is {out} a folder that all share?")
    ways = here.save_manifest(manifest) if manifest is not None else 1
    return Summary(shards, painted, pictures, time.monotonic() - began, ways)


def _ray() -> Any:
    """Ray, imported where it is needed; not all of it has types."""
    try:
        import ray
    except ImportError:
        raise ImportError("upconv.ray.generate needs Ray: pip install 'upconv[ray]'") from None
    return ray


def _bar(count: int, progress: bool) -> Any:
    """A bar with pictures a second and the time that is left."""
    from tqdm import tqdm

    return tqdm(total=count, unit=" pictures", unit_scale=True, disable=None if progress else True)


class Paint:
    """Numbers in, files of pictures out: for `ray.data.Dataset.map_batches`, and whatever else calls with batches.

    ds = ray.data.range(1_000_000).map_batches(
        upconv.ray.Paint, fn_constructor_args=("netG.pt2",), batch_size=None, num_cpus=1,
        compute=ray.data.ActorPoolStrategy(size=3))

    A batch is a dictionary of arrays. Column "id" says which pictures are meant, whose latents are drawn here; where
    `inputs` names columns, these are what the network takes: latents, pictures, labels. What comes back has the other
    columns and one of bytes, "png", so that neither latents nor numbers of pictures travel.

    `files(*arrays)` does the same without columns: for a batch function of Spark or Beam.
    """

    def __init__(
        self,
        model: Model,
        *,
        weights: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        shape: Sequence[int] | None = None,
        seed: int = 0,
        ids: str = "id",
        inputs: Sequence[str] = (),
        classes: int = 0,
        threads: int = 0,
        format: str = "png",
        **options: Any,
    ) -> None:
        module = _network(model, weights).module()
        self._shape, self._seed, self._classes = _latent(module, shape), seed, classes
        self._ids, self._inputs, self._format = ids, tuple(inputs), format
        labels = len(inputs) > 1 or classes > 0
        self._painter = upconv.Painter(
            module, [self._shape], labels=labels, threads=threads or _threads(), format=format, **options
        )

    def files(self, *arrays: Any) -> list[bytes]:
        """The files of pictures whose inputs these are, one row of each array for each picture."""
        return self._painter(*arrays)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        if self._inputs:
            arrays = [np.asarray(batch[name]) for name in self._inputs]
        else:
            indices = np.asarray(batch[self._ids], np.int64)
            latents = [upconv.latents(self._seed, int(index), 1, self._shape) for index in indices]
            arrays = [np.concatenate(latents) if latents else np.empty((0, *self._shape), np.float32)]
            if self._classes:
                arrays.append(indices % self._classes)
        files = np.empty(len(arrays[0]), object)
        files[:] = self.files(*arrays)
        return {name: column for name, column in batch.items() if name not in self._inputs} | {self._format: files}


def _threads() -> int:
    """As many as Ray gave this actor or task, or 0 outside of one, which is all."""
    import sys

    ray = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return 0
    try:
        given = ray.get_runtime_context().get_assigned_resources()
    except AssertionError:  # what Ray 2.60 says where a driver asks
        return 0
    # Neither oneTBB nor upconv knows what Ray gave; below one CPU there is still a thread.
    return max(1, int(given.get("CPU", 1)))


def main(arguments: Sequence[str] | None = None) -> None:
    """python -m upconv.ray"""
    parser = argparse.ArgumentParser(
        prog="python -m upconv.ray",
        description="Paint pictures into shards on a Ray cluster, or on one of this machine.",
    )
    parser.add_argument("model", help="a .pt2 that torch.export.save wrote")
    parser.add_argument("--out", required=True, help="/shared/fake-{shard:05d}.tar, in a folder that all nodes share")
    parser.add_argument("--shards", type=int, required=True)
    parser.add_argument("--count", type=int, required=True, help="pictures of all shards together")
    parser.add_argument("--first", type=int, default=0, help="the index of the first picture")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--classes", type=int, default=0, help="labels: the index modulo so many")
    parser.add_argument("--labels", help="labels: a file of them")
    parser.add_argument("--pictures", help="the pictures that the network takes, where it takes pictures")
    parser.add_argument("--format", default="png", choices=["png", "npy", "jpeg"])
    parser.add_argument("--quality", type=int, default=90, help="of JPEG")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--accuracy", default="standard", choices=["exact", "standard", "fast"])
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"], help="what layers multiply")
    parser.add_argument("--isa", help="the instruction set on all nodes, so that all give the same bytes")
    parser.add_argument("--tune", default="throughput", choices=["latency", "throughput", "measured"])
    parser.add_argument("--choices", help="a file of algorithms that upconv tune wrote")
    parser.add_argument("--manifest", help="a JSON of all shards")
    parser.add_argument("--num-cpus", type=int, default=1, help="of each task")
    parser.add_argument("--address", help="of the cluster, as ray.init takes it")
    given = vars(parser.parse_args(arguments))
    address, model = given.pop("address"), given.pop("model")
    if address is not None:
        _ray().init(address=address, log_to_driver=False)
    given["out"] = os.path.abspath(given["out"])
    for name in ("labels", "pictures", "choices"):
        given[name] = given[name] and os.path.abspath(given[name])
    summary = generate(model, **given)
    print(
        f"{given['out']}: {summary.painted} of {summary.shards} shards painted, {summary.pictures} pictures in "
        f"{summary.seconds:.1f} s, {summary.pictures / summary.seconds:.0f} pictures/s"
    )


if __name__ == "__main__":
    # By its own name, under which workers find it.
    from upconv.ray import main as run

    run()
