"""Shards on a real Ray cluster of this machine, whose workers and drivers are killed. Skipped where there is no Ray."""

import json
import os
import random
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import upconv

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"
NET = GOLDEN / "run" / "netG.pt2"
SHARDS, COUNT = 40, 20_000

os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}
ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'upconv[ray]'")
pytest.importorskip("tqdm")
import upconv.ray  # noqa: E402


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster of two processors; its processes are children of this one."""
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as folder:  # short, or sockets' names are too long
        context = ray.init(
            num_cpus=2,
            include_dashboard=False,
            object_store_memory=100 * 2**20,
            log_to_driver=False,
            _temp_dir=folder,
        )
        yield context.address_info["gcs_address"]
        ray.shutdown()


@pytest.fixture(autouse=True)
def timeout() -> Iterator[None]:
    """A job of Ray may wait for ever without a word."""

    def end(*_: Any) -> None:
        raise TimeoutError("four minutes are over")

    signal.signal(signal.SIGALRM, end)
    signal.alarm(240)
    yield
    signal.alarm(0)


def status(pid: int) -> tuple[str, int]:
    """The command and the parent of a process."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return command, int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except (OSError, IndexError, ValueError):
        return "", 0


def workers() -> list[int]:
    """Processes of this cluster that are painting."""

    def is_ours(pid: int) -> bool:
        while pid > 1 and pid != os.getpid():
            pid = status(pid)[1]
        return pid == os.getpid()

    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if status(pid)[0].startswith("ray::_write") and is_ours(pid)]


def kill_one(chance: random.Random) -> bool:
    """Kills a worker as soon as there is one, a moment later."""
    for _ in range(400):
        if found := workers():
            time.sleep(chance.uniform(0, 0.2))
            try:
                os.kill(chance.choice(found), signal.SIGKILL)
                return True
            except ProcessLookupError:
                pass
        time.sleep(0.01)
    return False


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.tar"))}


def test_killed_workers_and_drivers_change_no_byte(cluster: str, tmp_path: Path) -> None:
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    calm.mkdir()
    killed.mkdir()
    shards = upconv.Shards(
        upconv.load_exported(NET),
        str(calm / "fake-{shard:02d}.tar"),
        shape=(8, 1, 1),
        shards=SHARDS,
        count=COUNT,
        seed=5,
        network=NET.name,
    )
    for shard in range(SHARDS):
        shards.write(shard)

    command = [
        *[sys.executable, "-m", "upconv.ray", str(NET), "--address", cluster, "--seed", "5"],
        *["--out", str(killed / "fake-{shard:02d}.tar"), "--shards", str(SHARDS), "--count", str(COUNT)],
    ]
    seed = random.randrange(10**6)
    print("seed", seed)
    chance = random.Random(seed)
    of_workers = of_drivers = 0
    while of_drivers < 5:
        driver = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while of_workers < 2 * (of_drivers + 1) and driver.poll() is None:
            of_workers += kill_one(chance)
        time.sleep(chance.uniform(0, 0.5))
        if driver.poll() is None:
            driver.kill()
            of_drivers += 1
        assert "Error" not in driver.communicate()[1]
        for path in chance.sample(sorted(killed.glob("*.tar")), k=len(contents(killed)) * 3 // 4):
            path.unlink()  # or too little is left to be killed
    assert of_workers >= 10

    last = subprocess.run(command, check=False, capture_output=True, text=True, timeout=200)
    assert last.returncode == 0, last.stderr
    assert f"of {SHARDS} shards painted" in last.stdout
    assert contents(killed) == contents(calm)
    assert [path.name for path in killed.iterdir() if path.name.endswith(".part")] == []


def test_generate_tells_what_it_did_and_leaves_out_what_is_there(cluster: str, tmp_path: Path) -> None:
    out, manifest = str(tmp_path / "fake-{shard}.tar"), tmp_path / "fakes.json"
    first = upconv.ray.generate(NET, out, 4, 3, count=30, manifest=manifest, progress=False)
    assert (first.shards, first.painted, first.pictures, first.ways) == (4, 4, 30, 1)
    assert upconv.ray.generate(NET, out, 4, 3, count=30, progress=False).painted == 0
    assert len(json.loads(manifest.read_text())["shards"]) == 4
    with tarfile.open(tmp_path / "fake-3.tar") as tar:
        assert tar.getnames()[:2] == ["000000023.png", "000000023.json"]
        about = json.load(tar.extractfile("000000023.json"))  # type: ignore[arg-type]
    assert about["seed"] == 3 and about["network"] == "netG.pt2"


def test_modules_and_functions_that_make_them_are_sent(cluster: str, tmp_path: Path) -> None:
    def make() -> upconv.Module:
        return upconv.parse_module("Sequential(Linear(4, 12), Unflatten(1, (3, 2, 2)), Tanh())")

    weights = {"0.weight": np.ones((12, 4), np.float32), "0.bias": np.zeros(12, np.float32)}
    module = make()
    module.load_state_dict(weights)
    upconv.ray.generate(make, str(tmp_path / "a{shard}"), 2, count=9, weights=weights, shape=(4,), progress=False)
    upconv.ray.generate(module, str(tmp_path / "b{shard}"), 2, count=9, shape=(4,), progress=False)
    for shard in range(2):
        assert (tmp_path / f"a{shard}").read_bytes() == (tmp_path / f"b{shard}").read_bytes()


def test_errors_of_the_data_are_not_repeated(cluster: str, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    np.save(pictures / "0.npy", np.zeros((3, 6, 5), np.float32))
    with pytest.raises(upconv.Error, match="there are 1 pictures, and 2 were asked for"):
        upconv.ray.generate(
            GOLDEN / "written" / "chain.pt2", str(tmp_path / "{shard}"), 2, count=2, pictures=pictures, progress=False
        )
    with pytest.raises(ValueError, match="expected an absolute name"):
        upconv.ray.generate(NET, "fake-{shard}.tar", 2, count=2)
    with pytest.raises(TypeError, match="give the name of the .pt2 instead"):
        upconv.ray.generate(upconv.load_exported(NET), str(tmp_path / "{shard}"), 2, count=2)


def test_paint_makes_the_files_that_shards_have(tmp_path: Path) -> None:
    upconv.Shards(upconv.load_exported(NET), str(tmp_path / "{shard}"), shape=(8, 1, 1), shards=1, count=6).write(0)
    with tarfile.open(tmp_path / "0") as tar:
        expected = [tar.extractfile(f"{index:09}.png").read() for index in (5, 2)]  # type: ignore[union-attr]
    paint = upconv.ray.Paint(NET)
    painted = paint({"id": np.array([5, 2]), "kept": np.array([1, 2])})
    assert list(painted["png"]) == expected and list(painted["kept"]) == [1, 2]
    latents = np.concatenate([upconv.latents(0, index, 1, (8, 1, 1)) for index in (5, 2)])
    assert list(upconv.ray.Paint(NET, inputs=["z"])({"z": latents})["png"]) == expected
    assert paint({"id": np.array([], np.int64)})["png"].shape == (0,)


def test_paint_in_a_pipeline_of_ray_data(cluster: str) -> None:
    pytest.importorskip("ray.data", reason="pip install 'ray[data]'")
    rows = (
        ray.data.range(12, override_num_blocks=2)
        .map_batches(
            upconv.ray.Paint,
            fn_constructor_args=(NET,),
            batch_size=None,
            num_cpus=1,
            compute=ray.data.ActorPoolStrategy(size=1),
        )
        .take_all()
    )
    paint = upconv.ray.Paint(NET)
    assert {row["id"]: row["png"] for row in rows} == dict(enumerate(paint({"id": np.arange(12)})["png"]))
