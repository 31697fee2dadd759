"""Forked processes, spawned ones, and those that are killed."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import upconv
from goldens import GOLDEN, ROOT, calls

PAINTER = GOLDEN / "exported/painter_dynamic.pt2"
PARSED = """Sequential(ConvTranspose2d(16, 32, 4, 2, 1, bias=False), BatchNorm2d(32), ReLU(),
  ConvTranspose2d(32, 3, 4, 2, 1), Tanh())"""


def drawn(text: str = PARSED) -> upconv.Module:
    """The module with the weights of a seed, whichever process asks."""
    net = upconv.parse_module(text)
    rng = np.random.default_rng(0)
    weights = {name: rng.standard_normal(x.shape, np.float32) for name, x in net.state_dict().items() if x.ndim > 0}
    net.load_state_dict({name: abs(x) if name.endswith("var") else x / 4 for name, x in weights.items()}, strict=False)
    return net


def batch(size: int) -> np.ndarray:
    return upconv.randn((size, 16, 8, 8), seed=size)


def computed(size: int) -> bytes:
    """What a worker of a pool is asked for."""
    return drawn()(batch(size)).tobytes()


def in_child(is_right, seconds: float = 60) -> str:
    """What became of a forked process that was asked: right, wrong, raised or hung."""
    child = os.fork()
    if child == 0:
        result = 2
        try:
            result = 0 if is_right() else 1
        finally:
            os._exit(result)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return {0: "right", 1: "wrong", 2: "raised"}.get(os.waitstatus_to_exitcode(status), f"died: {status}")
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hung"


def test_golden_networks_run_in_a_child():
    for path in [PAINTER, GOLDEN / "exported/layers.core.pt2", GOLDEN / "exported/heads_dynamic.pt2"]:
        net = upconv.load_exported(path)
        inputs, _ = calls(path)[0]
        before = net(*inputs)

        def is_right(net=net, inputs=inputs, before=before, path=path):
            again, anew = net(*inputs), upconv.load_exported(path)(*inputs)
            pairs = zip(before, again, anew) if isinstance(before, tuple) else [(before, again, anew)]
            return all(np.array_equal(a, b) and np.array_equal(a, c) for a, b, c in pairs)

        assert in_child(is_right) == "right"


def test_children_of_a_process_whose_threads_run():
    net = drawn()
    program = upconv.compile(net, batch(8))
    expected = {size: upconv.compile(net, batch(size), threads=1)(batch(size)) for size in (8, 5)}
    over = threading.Event()

    def work(changes: bool) -> None:
        size = 1
        while not over.is_set():
            net(batch(size))
            size = size % 12 + 1 if changes else 8

    threads = [threading.Thread(target=work, args=(changes,)) for changes in (False, True)]
    for thread in threads:
        thread.start()

    def is_right() -> bool:
        return all(
            np.array_equal(run(batch(size)), expected[size])
            for run, size in [(program, 8), (net, 8), (net, 5), (drawn(), 5)]
        )

    try:
        for _ in range(30):
            assert in_child(is_right) == "right"
    finally:
        over.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_pools_of_processes(method):
    expected = {size: computed(size) for size in (1, 8)}
    with multiprocessing.get_context(method).Pool(2) as pool:
        results = pool.map_async(computed, [1, 8] * 4)
        assert results.get(timeout=120) == [expected[1], expected[8]] * 4


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor")
def test_who_forks_before_the_first_run_leaves_threads_to_its_children():
    code = """
import os, sys
sys.path.insert(0, sys.argv[1])
import test_processes, upconv
net = upconv.load_exported(sys.argv[2])  # loaded, not run
child = os.fork()
program = upconv.compile(test_processes.drawn(), test_processes.batch(8))
threads = program.threads
program(test_processes.batch(8))
grandchild = os.fork() if child == 0 else 0
if grandchild == 0 and child == 0:
    os._exit(upconv.compile(test_processes.drawn(), test_processes.batch(8)).threads != 1)
alone = os.waitstatus_to_exitcode(os.waitpid(child or grandchild, 0)[1])
os._exit(alone != 0 or threads < 2 or len(os.listdir("/proc/self/task")) < 2)
"""
    arguments = [sys.executable, "-c", code, str(Path(__file__).parent), str(PAINTER)]
    assert subprocess.run(arguments, check=False, timeout=120).returncode == 0


def test_a_killed_worker_leaves_no_file(tmp_path):
    weights, temporary = tmp_path / "weights", tmp_path / "temporary"
    weights.mkdir()
    temporary.mkdir()
    shutil.copy(ROOT / "examples/weights/dcgan.safetensors", weights)
    shutil.copy(PAINTER, weights)
    code = f"""
import sys
sys.path[:0] = [{str(Path(__file__).parent)!r}]
import numpy as np, upconv, test_networks
net = upconv.parse_module(test_networks.GENERATOR)
net.load({str(weights / "dcgan.safetensors")!r})
exported = upconv.load_exported({str(weights / PAINTER.name)!r})
batch = 1
while True:
    net(upconv.randn((batch, 100, 1, 1)))
    print(batch, flush=True)
    batch = batch % 8 + 1
"""
    folders = [tmp_path, weights, temporary, Path("/tmp"), Path("/dev/shm"), Path.cwd()]

    def files() -> set[Path]:
        mine = ("upconv", "dcgan", "painter", "tbb")
        return {
            path
            for folder in folders
            if folder.is_dir()
            for path in folder.iterdir()
            if tmp_path in path.parents or any(word in path.name.lower() for word in mine)
        }

    before = files()
    for moment in (0.0, 0.001, 0.005, 0.02):
        worker = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(temporary)}
        )
        assert worker.stdout is not None
        for _ in range(3):
            worker.stdout.readline()  # it runs
        time.sleep(moment)
        worker.kill()
        assert worker.wait(timeout=60) == -signal.SIGKILL
        worker.stdout.close()
    assert files() == before
