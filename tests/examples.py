"""How many examples hypothesis makes for a test that names a number of its own."""

from __future__ import annotations

from hypothesis import settings

FEW = 20


def up_to(n: int) -> int:
    """``n``, but in ``make check`` (the profile ``quick``) not more than ``FEW``."""
    return min(n, FEW) if settings.default.max_examples == FEW else n
