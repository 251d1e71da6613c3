"""Both forms of ``Retry-After``, and what is neither."""

from __future__ import annotations

import pytest

from actors.edges.retry_after import seconds_of

AT = 1_767_225_600.0  # 2026-01-01T00:00:00Z


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("Thu, 01 Jan 2026 00:02:00 GMT", 120.0),
        ("Thu, 01 Jan 2026 01:02:00 +0100", 120.0),
        ("Thu, 01 Jan 2026 00:02:00 -0000", 120.0),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("inf", None),
        ("nan", None),
        ("Thu, 99 Jan 2026 00:02:00 GMT", None),
    ],
)
def test_seconds_of(header: str, seconds: float | None) -> None:
    assert seconds_of(header, AT) == seconds
