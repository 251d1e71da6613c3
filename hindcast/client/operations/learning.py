"""Features of subjects, and datasets to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hindcast.client import frames
from hindcast.client.call import Call, Command, operation
from hindcast.client.features import Featured
from hindcast.client.operations.answered import json_of, moment, part, path_of, then
from hindcast.client.sending import Event, encoded

if TYPE_CHECKING:
    from hindcast.datasets import Dataset

DATASET_S = 600.0


class Learning:
    """What concerns those who learn from the log."""

    @operation(Command("features show"))
    def features(self, subject: str, *, as_of: str | None = None) -> Call[Featured]:
        """Show the features of a subject as they are now, or as they were known then (``as_of``)."""
        return Call("GET", path_of("/v1/features", subject), json_of, params=then(as_of))

    @operation()
    def features_of(self, subjects: Sequence[str], *, features: Sequence[str] | None = None) -> Call[list[Featured]]:
        """List the features of several subjects now, in their order; ``features``: only these."""
        body = encoded({"subjects": list(subjects), **({"features": list(features)} if features is not None else {})})
        return Call("POST", "/v1/features", part("subjects"), content=body)

    @operation()
    def dataset(
        self,
        label: str | Event,
        *,
        features: Sequence[str | Event] | None = None,
        horizon: str | None = None,
        every: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        at: Sequence[datetime | str] | None = None,
        sample: int | None = None,
        as_of: datetime | str | None = None,
    ) -> Call[Dataset]:
        """Make a dataset of a label: subjects at moments of the past, their features as known then, and what became of them.

        ``label`` and ``features``: names of definitions, or specs as they would be defined; no features: all there are. The
        moments are ``at``, or one ``every`` so long (a week) from ``until`` back to ``since``. ``horizon``: instead of the
        label's. ``sample``: at most so many rows. ``as_of``: as the log was known then. Raises ``ApiError`` with the
        field for a label that cannot be known yet, and for what does not exist.
        """
        from hindcast.datasets import Dataset

        asked: dict[str, Any] = {"label": label, "features": None if features is None else list(features)}
        asked |= {"horizon": horizon, "every": every, "since": moment(since), "until": moment(until), "sample": sample}
        asked |= {"at": None if at is None else [moment(one) for one in at], "as_of": moment(as_of)}
        body = encoded({name: value for name, value in asked.items() if value is not None})
        headers = {"accept": frames.ARROW}
        return Call("POST", "/v1/datasets", Dataset.of, content=body, headers=headers, timeout_s=DATASET_S)
