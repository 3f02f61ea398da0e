"""End at once when asked to, but never in the middle of writing.

A cluster asks with SIGTERM and kills half a minute later. Nothing has to be saved then, because every finished epoch
is; only what is just being written must be let through.
"""

import os
import signal
import sys
import threading
from contextlib import contextmanager

_writing = threading.Lock()
_STATUS = 128 + signal.SIGTERM


@contextmanager
def unbroken():
    """A block that SIGTERM waits for."""
    with _writing:
        yield


def end_at_sigterm(parting: str) -> None:
    """From now on, SIGTERM ends this process with status 143 as soon as no `unbroken` block runs.

    Python's own handlers run between two of its instructions, and a backward pass is one; so a thread waits for the
    signal instead. To be called once, in the main thread.

    Args:
        parting: What is printed on leaving.
    """
    received, on_signal = os.pipe()
    os.set_blocking(on_signal, False)

    def leave_when_asked():
        while os.read(received, 1)[0] != signal.SIGTERM:
            pass
        _writing.acquire()  # and never given back: nothing is begun any more
        print(f"\nSIGTERM: {parting}", file=sys.stderr, flush=True)
        os._exit(_STATUS)

    signal.set_wakeup_fd(on_signal, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda *_: None)
    threading.Thread(target=leave_when_asked, daemon=True, name="leave at SIGTERM").start()
