"""What drives the feature fold, and answers for it: features of subjects, now, without waiting for what it folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from actors.analyzers.feature_state import State
from actors.analyzers.features import FeatureKeeper, Told
from actors.cell import AnyCell
from actors.topology import Surroundings
from actors.workers import StreamWorker, Worker
from events.errors import Rejected, Transient
from events.log import LogReader
from events.nearest import did_you_mean

WAIT_S = 5.0
"""How long an answer waits for definitions that change at this moment."""


@dataclass(frozen=True, slots=True)
class ServeFeatures:
    """Drive the cell by its streams, and let it be asked."""

    def worker(self, cell: AnyCell, host: Surroundings) -> Worker:
        return FeatureWorker(cell, host.log, host.generation, host.changed, host.now)


class FeatureWorker(StreamWorker):
    """What is told is what the fold has taken from the log, also of a step that is not committed yet: its rows are."""

    def __init__(
        self, cell: AnyCell, log: LogReader, generation: str, changed: Callable[[], None], now: Callable[[], int]
    ) -> None:
        super().__init__(cell, log, generation, changed)
        self._fold = cast(FeatureKeeper, cell.fold)
        self._now = now
        self._state: State | None = None

    def recovered(self) -> None:
        super().recovered()
        self._state = self.cell.state

    def failed(self, reason: str) -> None:
        self._state = None
        super().failed(reason)

    def tell(self, subjects: Sequence[str], names: Sequence[str] | None) -> tuple[int, Told]:
        """The moment (us UTC) and the features of ``subjects`` then.

        Raises ``Rejected`` for what is no feature, ``Transient`` while the state is being folded anew.
        """
        state = self._state
        if state is None:
            raise Transient("the features are being folded from the log; ask again in a moment", 1.0)
        for name in names or ():
            known = [spec.name for spec in state.plan.specs]
            if name not in known:
                listed = ", ".join(known) or "none"
                raise Rejected(
                    "features", f"there is no feature {name!r}{did_you_mean(name, known)}; there are {listed}"
                )
        at, turns = self._now(), state.turns
        try:
            told = self._fold.tell(state, subjects, at, names)
        except (KeyError, IndexError, RuntimeError):  # it was turned over meanwhile: asked again with the lock
            told = None
        if told is not None and turns == state.turns and turns % 2 == 0:
            return at, told
        if not self.lock.acquire(timeout=WAIT_S):
            raise Transient("the features are being arranged anew; ask again in a moment", 1.0)
        try:
            return at, self._fold.tell(state, subjects, at, names)
        finally:
            self.lock.release()
