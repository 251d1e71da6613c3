"""What the tests of the client look at, and how long they wait for it."""

from __future__ import annotations

import time
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

expect.set_options(timeout=120_000)


def live(page: Page) -> None:
    expect(page.locator(".pill[data-state=live]")).to_be_visible()


def tile(page: Page, title: str) -> Locator:
    return page.locator(f'.tile[aria-label="{title}"]')


def users(value: int, prev: int | None = 100) -> dict[str, object]:
    return {"active_users": {"v": value, "prev": prev, "spark": [1, 2, value]}}


def eventually(seen: Callable[[], bool], within: float = 120.0) -> None:
    """Waits until the callable is true of the server's side."""
    deadline = time.monotonic() + within
    while not seen():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)
