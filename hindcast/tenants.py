"""Whose log is read: its tenants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from events.errors import Rejected

if TYPE_CHECKING:
    from events.log import LogReader


def tenant_of(log: LogReader, wanted: str | None) -> str:
    """The tenant that was named, or the only one that there is. Raises ``Rejected`` where that is not said, and there are
    several, or where it has no log."""
    tenants = sorted({cell.partition("/")[0] for cell in log.cells()})
    if wanted is None and len(tenants) > 1:
        raise Rejected("tenant", f"the log has several: {', '.join(tenants)}; choose one with --tenant")
    if wanted is not None and wanted not in tenants:
        raise Rejected("tenant", f"the log has no {wanted!r}; it has {', '.join(tenants) or 'none'}")
    return wanted or (tenants[0] if tenants else "main")
