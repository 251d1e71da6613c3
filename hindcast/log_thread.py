"""A thread beside the system that follows the log: it takes step after step until it is told to stop."""

from __future__ import annotations

import logging
import threading

from events.log import LogReader

logger = logging.getLogger(__name__)
WAIT_S = 5.0
"""How long a step may wait for the log, and an end for the step at hand."""


class LogThread:
    """Takes ``step`` again and again; one that raises is logged, and taken again a second later.

    ``log`` is closed at the end.
    """

    def __init__(self, log: LogReader, name: str) -> None:
        self._log = log
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._log.wake()
        if self._thread.ident is not None:
            self._thread.join(WAIT_S)
        self._log.close()

    def step(self) -> None:
        """Do what there is to do, or wait for it for ``WAIT_S`` at most."""
        raise NotImplementedError

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self.step()
            except Exception:
                logger.exception("%s: the log is looked at again", self._thread.name)
                self._ending.wait(1.0)
