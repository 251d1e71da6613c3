"""What keeps the start of a command short."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from hindcast.ray_footprint import slim, without_pandas


@contextmanager
def quick_start() -> Generator[None, None, None]:
    """For commands that need no pandas, which is a quarter of a second and more of each start. Arrow finds it again
    afterwards. What numba imports for nothing is half as much again."""
    slim()
    with without_pandas():
        yield
