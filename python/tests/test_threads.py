"""Threads of Python on one network."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import upconv
from goldens import calls
from test_processes import PAINTER, batch, drawn


def test_threads_of_one_network_have_equal_results():
    net, exported = drawn(), upconv.load_exported(PAINTER)
    inputs, _ = calls(PAINTER)[0]
    expected, expected_exported = {size: net(batch(size)) for size in range(1, 11)}, exported(*inputs)

    def is_right(i: int) -> bool:
        size = i % 10 + 1
        return np.array_equal(net(batch(size)), expected[size]) and np.array_equal(exported(*inputs), expected_exported)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(is_right, range(400)))


def test_the_interpreter_is_free_while_a_network_runs():
    net = drawn()
    program = upconv.compile(net, batch(256), threads=1)
    program(batch(256))
    x, ticks, running = batch(256), [], True
    started = threading.Event()

    def tick() -> None:
        started.set()
        while running:
            ticks.append(time.perf_counter())
            time.sleep(0.0005)

    thread = threading.Thread(target=tick)
    thread.start()
    started.wait()
    inside = 0
    for _ in range(20):  # one may be unlucky on a busy machine
        begin = time.perf_counter()
        program(x)
        end = time.perf_counter()
        inside += sum(begin + (end - begin) / 4 < moment < end - (end - begin) / 4 for moment in list(ticks))
        if inside > 10:
            break
    running = False
    thread.join()
    assert inside > 10
