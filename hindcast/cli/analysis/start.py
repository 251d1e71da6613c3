"""What keeps the start of a command short."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from hindcast.ray_footprint import slim


class _Hiding:
    """A finder for which there is no pandas."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name == "pandas":
            raise ImportError(name)


@contextmanager
def quick_start() -> Generator[None, None, None]:
    """For commands that need no pandas: Arrow loads it at its first conversion, to know its types should one come.

    That is a quarter of a second and more of each start. Arrow finds pandas again afterwards. What numba imports for
    nothing is half as much again.
    """
    slim()
    hiding: Any = _Hiding()
    sys.meta_path.insert(0, hiding)
    try:
        yield
    finally:
        sys.meta_path.remove(hiding)
