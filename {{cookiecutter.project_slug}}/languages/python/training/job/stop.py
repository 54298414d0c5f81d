"""SIGTERM, by which the service stops a job."""

import os
import signal
import threading

from job.log import log

TOO_EARLY = "Stopped by SIGTERM before the first step was done: there is no model to save."


class StopRequest:
    """Whether SIGTERM has come: the service sends it to stop a job, then waits 120 s (C5).

    As PID 1 the program gets no default action for a signal (C6). The signal is logged at once,
    by a thread, also while the main thread is inside a long call of a library.
    """

    def __init__(self) -> None:
        self.received = False
        self.told = False
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        # The C handler writes to this pipe even when the main thread runs no Python code.
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, lambda *_: None)
        os.register_at_fork(
            before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}),
            after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM}),
            after_in_child=_forget_signals,
        )
        threading.Thread(target=self._wait, args=(reader,), daemon=True).start()
        # The first line of train.py has kept it until now.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def ask(self) -> bool:
        """Return whether it has come, and keep in mind that a fit was told so."""
        self.told = self.received
        return self.told

    def _wait(self, reader: int) -> None:
        while signal.SIGTERM not in os.read(reader, 1):
            pass
        self.received = True
        log("SIGTERM received: finishing this step, then saving checkpoint and model.")


def _forget_signals() -> None:
    """Let a forked helper process die of SIGTERM, and not report it as this process's."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
