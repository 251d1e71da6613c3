"""What became of a training: the version that it is in the registry, or why it is none."""

from __future__ import annotations

from dataclasses import dataclass

from hindcast.modelling.contest import Contest


@dataclass(frozen=True, kw_only=True)
class Registered:
    """``number`` and ``model_id`` are of the version that the training became; None where it was refused."""

    name: str
    experiment_id: str
    registered: bool
    number: int | None
    model_id: str | None
    reason: str
    contest: Contest | None = None
    """Against the champion on the newest rows; None where there was none."""

    @property
    def may_take_over(self) -> bool:
        """Whether it is registered, and better than the champion where there was one."""
        return self.registered and (self.contest is None or self.contest.better)
