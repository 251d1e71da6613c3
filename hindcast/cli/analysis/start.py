"""What keeps the start of a command short."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any


class _Hiding:
    """A finder for which there is no pandas."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name == "pandas":
            raise ImportError(name)


@contextmanager
def without_pandas() -> Generator[None, None, None]:
    """For commands that need none: Arrow loads pandas at its first conversion, to know its types should one come.

    That is a quarter of a second and more of each start. Arrow finds pandas again afterwards.
    """
    hiding: Any = _Hiding()
    sys.meta_path.insert(0, hiding)
    try:
        yield
    finally:
        sys.meta_path.remove(hiding)
