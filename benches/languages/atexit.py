"""Registers, runs or removes functions with CPython's atexit, and prints the nanoseconds for each."""

import atexit
import random
import sys
from time import perf_counter_ns

measure, count = sys.argv[1], int(sys.argv[2])


def tell(start):
    print((perf_counter_ns() - start) / count)


def handler(one, two, three):
    pass


if measure == "register":
    start = perf_counter_ns()
    for at in range(count):
        atexit.register(handler, at, 1, 2)
    tell(start)
elif measure == "run":
    atexit.register(lambda: tell(start))
    for at in range(count):
        atexit.register(handler, at, 1, 2)
    start = perf_counter_ns()
elif measure == "remove":
    handlers = [atexit.register(lambda: None) for _ in range(count)]
    random.shuffle(handlers)
    start = perf_counter_ns()
    for one in handlers:
        atexit.unregister(one)
    tell(start)
