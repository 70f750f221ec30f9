"""What Ctrl-C and SIGTERM may do to a run: end it, but never in the middle of its report."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Hold signals back for the second or two in which the report is written: half of it would help nobody."""
    held = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(ValueError):  # not the main thread: then nobody sends us signals either
            held[number] = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)


def terminate_as_interrupt() -> Callable[[], None]:
    """Treat SIGTERM, which CI systems send, like Ctrl-C; return what undoes it."""

    def interrupt(_signum: int, _frame: Any) -> None:
        raise KeyboardInterrupt("terminated")

    with contextlib.suppress(ValueError):  # not the main thread: then nobody sends us signals either
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, interrupt)
            return _restore_termination
    return lambda: None


def _restore_termination() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
