"""What reads the source ``campaigns``: of each figure of each campaign the part that is new since the file was read last.

A mailing service's file says how many there were of each kind until it was saved. It is saved again and again, so a row of
``email_campaigns`` counts what came in between: the rows of a campaign add up to what the file says now. What was recorded
of a campaign is in the position, for 1,000 of them, those that were read last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
import xxhash

from actors.source import Read
from analytics import dates
from events.collected import EMAIL_CAMPAIGNS
from events.errors import Rejected
from files.rows import open_rows
from serve.sources.campaigns_settings import CampaignsSection
from serve.sources.gathered import Gathered, as_json
from serve.sources.when import read_time

KEPT = 1_000
"""Campaigns whose figures fit into a position."""
MOST_ROWS = 100_000
NAMES = {
    "campaign": ("campaign", "campaign name", "campaign title", "title", "name", "subject", "subject line", "email name"),
    "id": ("campaign id", "unique id", "id"),
    "time": ("send date", "sent at", "send time", "sent date", "date sent", "sent on", "delivery date", "date", "time"),
    "sent": ("sent", "emails sent", "total sent", "sends", "recipients", "total recipients", "requests", "processed"),
    "delivered": ("delivered", "successful deliveries", "total delivered", "deliveries"),
    "bounced": ("bounced", "bounces", "total bounces"),
    "hard_bounced": ("hard bounces", "hard bounce", "hard bounced"),
    "soft_bounced": ("soft bounces", "soft bounce", "soft bounced"),
    "opened": ("opened", "opens", "total opens", "unique opens", "openers"),
    "clicked": ("clicked", "clicks", "total clicks", "unique clicks", "clickers"),
    "unsubscribed": ("unsubscribed", "unsubscribes", "unsubs", "unsubscriptions", "total unsubscribes"),
    "complained": ("complained", "complaints", "abuse complaints", "spam complaints", "spam reports",
                   "total abuse complaints"),
}  # fmt: skip
"""How columns are called; of several that are there, the first."""
FIGURES = tuple(NAMES)[3:]
_SPLIT = {"hard_bounced": True, "soft_bounced": False}
"""Of these the row is a bounce, and whether it is permanent."""


class Place(msgspec.Struct, array_like=True):
    """A position: of which content, and by campaign (a hash) its counts in the order of ``FIGURES``."""

    content: bytes
    campaigns: dict[bytes, list[int]]


class CampaignFile:
    """A source of ``email_campaigns``. ``now`` gives microseconds UTC."""

    def __init__(self, said: CampaignsSection, name: str, now: Callable[[], int]) -> None:
        self.said, self.name, self.now = said, name, now

    def open(self, position: bytes | None) -> CampaignReader:
        return CampaignReader(self, msgspec.msgpack.decode(position, type=Place) if position else Place(b"", {}))


class CampaignReader:
    """Reads the file whenever it is another one."""

    def __init__(self, file: CampaignFile, place: Place) -> None:
        self._file, self._place = file, place
        self._looked: tuple[int, int, int] | None = None

    def read(self) -> Read:
        """Raises ``FileNotFoundError`` while there is no file, ``Rejected`` for one without the columns that are needed."""
        said, now = self._file.said, self._file.now()
        gathered = Gathered(EMAIL_CAMPAIGNS, self._file.name, now)
        status = said.path.stat()
        looked = (status.st_ino, status.st_size, status.st_mtime_ns)
        note = ""
        if looked != self._looked:
            content = xxhash.xxh3_128_digest(said.path.read_bytes())
            if content != self._place.content:
                note = self._take(gathered, content)
            self._looked = looked
        position = msgspec.msgpack.encode(self._place) if self._place.content else None
        wake_at = now + int(said.every_s * 1e6)
        return Read(gathered.batch(), position, wake_at, gathered.refused(), note=note)

    def close(self) -> None:
        """There is nothing to let go of: the file is open only while it is read."""

    def _take(self, gathered: Gathered, content: bytes) -> str:
        path = str(self._file.said.path)
        with open_rows(path, "csv") as opened:
            rows = []
            for row in opened.rows:
                if len(rows) >= MOST_ROWS:
                    raise Rejected("path", f"{path} has more than {MOST_ROWS:,} rows; is it one a campaign?")
                rows.append(row)
        columns = columns_of(self._file.said, [*rows[0].fields] if rows else [])
        form = _form(str(row.fields.get(columns["time"]) or "").strip() for row in rows if not row.fault)
        known = dict(self._place.campaigns)
        for row in rows:
            if row.fault:
                gathered.refuse("row", row.fault, f"row {row.number}")
                continue
            self._campaign(gathered, row.fields, columns, form, known)
        left_out = max(0, len(known) - KEPT)
        self._place = Place(content, dict([*known.items()][left_out:]))
        return f"{left_out} older campaigns are not followed any more: {KEPT:,} are" if left_out else ""

    def _campaign(
        self,
        gathered: Gathered,
        fields: Mapping[str, Any],
        columns: Mapping[str, str],
        form: dates.Form | None,
        known: dict[bytes, list[int]],
    ) -> None:
        field = "campaign"
        try:
            name = str(fields.get(columns["campaign"]) or "").strip()
            if not name:
                raise ValueError("is empty; which campaign is it?")
            field = "time"
            time = _time(
                str(fields.get(columns["time"]) or "").strip(), form, gathered.received_us, self._file.said.zone
            )
            counts = list[int]()
            for field in FIGURES:
                counts.append(_count(fields.get(columns[field]) if field in columns else None))
        except ValueError as error:
            gathered.refuse(columns.get(field, field), str(error), as_json(dict(fields)))
            return
        told = str(fields.get(columns["id"]) or "") if "id" in columns else ""
        of = xxhash.xxh3_64_digest((f"id {told}" if told else f"{time} {name}").encode())
        before = known.pop(of, [0] * len(FIGURES))
        known[of] = [max(pair) for pair in zip(counts, before, strict=True)]
        for kind, count, was in zip(FIGURES, counts, before, strict=True):
            if kind == "bounced" and ("hard_bounced" in columns or "soft_bounced" in columns):
                continue  # it is their sum
            if count < was:
                reason = f"was {was:,} before, and is {count:,}: less than was recorded"
                gathered.refuse(columns[kind], reason, as_json(dict(fields)))
            if count > was:
                permanent = _SPLIT.get(kind)
                gathered.add(
                    id=f"{of.hex()}:{kind}:{count}",
                    type="email.bounced" if permanent is not None else f"email.{kind}",
                    time=time,
                    campaign=name,
                    permanent=permanent,
                    count=count - was,
                    partition_key=of.hex(),
                    properties=as_json(dict(fields)),
                )


def columns_of(said: CampaignsSection, names: list[str]) -> dict[str, str]:
    """The columns by what they are. Raises ``Rejected`` where one that is named, or is needed, is not there."""
    asked = {"campaign": said.campaign, "id": said.id, "time": said.time, **said.figures}
    plain = {" ".join(name.lower().replace("_", " ").split()): name for name in names}
    found: dict[str, str] = {}
    for what, usual in NAMES.items():
        column = asked.get(what)
        if column is not None and column not in names:
            raise Rejected(what, f"names {column!r}, and the columns are {', '.join(names)}")
        column = column or next(
            (plain[name] for name in usual if name in plain and plain[name] not in found.values()), None
        )
        if column is not None:
            found[what] = column
    for what in ("campaign", "time"):
        if what not in found:
            raise Rejected(what, f"is not to be guessed; name its column: there are {', '.join(names) or 'none'}")
    if not any(figure in found for figure in FIGURES):
        raise Rejected("figures", f"no column counts anything that is known; name one: there are {', '.join(names)}")
    return found


def _form(texts: Iterator[str]) -> dates.Form | None:
    """How the days of the column are written, where that is neither ISO 8601 nor what mail has."""
    found = dates.written([text for text in texts if text])
    return found[0] if found else None


def _time(text: str, form: dates.Form | None, received_us: int, zone: str | None) -> int:
    if not text:
        raise ValueError("is empty; when was it sent?")
    if form is not None:
        us, fits = form.read([text])
        if fits[0]:
            text = str(np.datetime64(int(us[0]), "us"))
    return read_time(text, received_us, zone or "UTC")


def _count(said: object) -> int:
    """A whole number, also one written ``1,234``; nothing is zero."""
    text = "" if said is None else str(said).strip()
    if text in ("", "-", "–", "N/A", "n/a"):
        return 0
    try:
        count = float(text.replace(",", "").replace("\u202f", "").replace(" ", ""))
    except ValueError:
        raise ValueError(f"must be a number of messages, got {text[:40]!r}") from None
    if count < 0 or count != int(count):
        raise ValueError(f"must be a whole number, got {text[:40]!r}")
    return int(count)
