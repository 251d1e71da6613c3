"""A door for the real SDKs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sdks.door import Door

ORIGIN = "https://shop.example"


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """Open to pages of ``ORIGIN``; the write keys ``wk_shop`` and ``wk_blog`` are of products of those names."""
    door = Door(ORIGIN)
    door.key("wk_shop", "shop")
    door.key("wk_blog", "blog")
    with door.open(tmp_path):
        yield door
