"""Records an event with the module, and ends the way that it is told to: program.py WAY FILE."""

import atexit
import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing import util

import events

sys.tracebacklimit = 0  # an exception is one line, whichever version of Python this is


def wait():
    """Waits for a signal. It comes before the end of standard input, so that none is missed."""
    print("ready", flush=True)
    sys.stdin.read()


def error():
    raise ValueError("it ends by an error")


def sigterm_handled():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    wait()


def ctrl_c_caught():
    try:
        wait()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def ctrl_c_flushed():
    atexit.register(events.flush)
    wait()


def on_a_thread(function, *args):
    thread = threading.Thread(target=function, args=args)
    thread.start()
    thread.join()


def daemon():
    """Leaves a thread behind that records without end."""
    recorded = threading.Event()

    def record():
        while True:
            events.record("daemon")
            recorded.set()

    threading.Thread(target=record, daemon=True).start()
    recorded.wait()


class Late:
    """Is finalized after Python's exit functions, with the globals of this module."""

    def __del__(self, record=events.record):
        record("late")


def late():
    atexit.register(events.flush)
    globals()["kept"] = Late()


class Loud:
    """Says when it is finalized."""

    def __del__(self):
        print("finalized", flush=True)


def fork():
    child = os.fork()
    if child == 0:
        events.record("child")
        sys.exit(3)
    print("child:", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def work(method, is_flushed):
    if method != "fork":
        events.open(sys.argv[2] + ".worker")
    events.at_exit("worker")
    events.record("worker")
    if is_flushed:
        util.Finalize(None, events.flush, exitpriority=0)


def worker(method, is_flushed=False):
    """Has another process work, started by one of the methods of `multiprocessing`."""
    if is_flushed:
        os.register_at_fork(before=events.flush)  # so that no child inherits what is in the buffer
    process = multiprocessing.get_context(method).Process(target=work, args=(method, is_flushed))
    process.start()
    process.join()
    print("worker:", process.exitcode, flush=True)


WAYS = {
    "return": lambda: None,
    "sys-exit": lambda: sys.exit(3),
    "error": error,
    "os-exit": lambda: os._exit(4),
    "exit": lambda: events.exit(5),
    "sigterm": wait,
    "sigterm-handled": sigterm_handled,
    "ctrl-c": wait,
    "ctrl-c-caught": ctrl_c_caught,
    "ctrl-c-flushed": ctrl_c_flushed,
    "thread": lambda: on_a_thread(events.record, "thread"),
    "thread-sys-exit": lambda: on_a_thread(sys.exit, 3),
    "thread-exit": lambda: on_a_thread(events.exit, 5),
    "daemon": daemon,
    "late": late,
    "keep-status": events.keep_status,
    "fork": fork,
    **{f"worker-{method}": lambda method=method: worker(method) for method in ("fork", "forkserver", "spawn")},
    **{f"flushed-{method}": lambda method=method: worker(method, True) for method in ("fork", "forkserver", "spawn")},
    "object": Loud,
    "object-kept": lambda: events.keep(Loud()),
    "attach-at-exit": events.attach_at_exit,
    "exit-attached": lambda: events.exit_attached(0),
}

if __name__ == "__main__":
    atexit.register(print, "Python's atexit", flush=True)
    events.open(sys.argv[2])
    events.at_exit("shared")
    events.at_exit("own", this_process=True)
    events.record("main")
    WAYS[sys.argv[1]]()
