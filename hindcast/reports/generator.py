"""Reports of a running system, here or elsewhere, through its client."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from events.errors import Rejected
from events.nearest import did_you_mean
from hindcast.reports.board import board
from hindcast.reports.executive import executive
from hindcast.reports.page import Sheet, html_of
from hindcast.reports.printing import CannotPrint, printed
from hindcast.reports.writing import Writing

if TYPE_CHECKING:
    from hindcast.client import Client

Format = Literal["html", "pdf", "png"]
MEDIA = {"html": "text/html; charset=utf-8", "pdf": "application/pdf", "png": "image/png"}
EXECUTIVE = "executive"


class Report(NamedTuple):
    """``format`` is html where ``note`` says why there could be nothing else."""

    title: str
    format: Format
    content: bytes
    note: str = ""

    @property
    def media_type(self) -> str:
        return MEDIA[self.format]


class ReportGenerator:
    """Makes reports with what ``client`` may see."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def generate(
        self,
        what: str = EXECUTIVE,
        format: Format = "html",
        *,
        period: str = "30d",
        as_of: datetime | str | None = None,
        business: str = "",
        zone: str = "UTC",
        currency: str = "",
        language: str = "en",
    ) -> Report:
        """The executive summary (``executive``), or the dashboard of that id, over ``period`` and ``as_of`` a moment.

        ``zone`` and ``language`` (``de``, ``fr-CH``) are the reader's: of days and times, and of how numbers are written.
        ``currency`` is of the executive summary. PDF and PNG take a Chromium on this machine; where there is none the report
        is HTML, and its ``note`` says so. Raises ``Rejected`` and ``ApiError`` with field and remedy.
        """
        if format not in get_args(Format):
            raise Rejected("format", f"must be html, pdf or png, got {format!r}")
        write = Writing.of(language, zone)
        sheet = self._sheet(what, write, period, as_of, business, zone, currency)
        html = html_of(sheet)
        if format == "html":
            return Report(sheet.title, "html", html.encode())
        try:
            return Report(sheet.title, format, printed(html, format))
        except CannotPrint as error:
            return Report(sheet.title, "html", html.encode(), f"this is HTML, no {format.upper()}: {error}")

    def _sheet(
        self,
        what: str,
        write: Writing,
        period: str,
        as_of: datetime | str | None,
        business: str,
        zone: str,
        currency: str,
    ) -> Sheet:
        if what == EXECUTIVE:
            said: Any = self._client.generate_executive_summary(
                period, business=business, zone=zone, currency=currency, as_of=as_of
            )
            return executive(said, write)
        defined = {one["name"]: one["spec"] for one in self._client.definitions("dashboard")}
        if what not in defined:
            known = [EXECUTIVE, *defined]
            raise Rejected(
                "what", f"there is no report {what!r}{did_you_mean(what, known)}; there are {', '.join(known)}"
            )
        return board(self._client, what, defined[what], write, period, as_of)
