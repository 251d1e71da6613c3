"""Chromium for the client's tests; they skip where it is not installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from .fake_live import BUILT, FakeLive

CHROMIUM = Path("/usr/bin/chromium")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

#: Opens the client of a fake server: `visit(fake, path="/", theme="dark", size=(1440, 900))`.
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM}; on Debian: apt-get install chromium")
    if not (BUILT / "index.html").exists():
        pytest.skip("serve/ui is not built; in ui/: npm ci && npm run build")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visit]:
    """Pages fail their test if they throw, log an error of their own, or ask another origin for anything."""
    complaints: list[str] = []
    with ExitStack() as stack:

        def open_page(
            fake: FakeLive, path: str = "/", theme: str = "dark", size: tuple[int, int] = (1440, 900)
        ) -> Page:
            address = stack.enter_context(fake.run())
            context = chromium.new_context(
                viewport={"width": size[0], "height": size[1]},
                color_scheme="light" if theme == "light" else "dark",
            )
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(120_000)
            page.on("pageerror", lambda error: complaints.append(f"threw {error}"))
            page.on(
                "console",
                lambda message: complaints.append(message.text) if "Content Security" in message.text else None,
            )
            page.on(
                "request",
                lambda request: None if request.url.startswith(address) else complaints.append(f"asked {request.url}"),
            )
            page.goto(address + path)
            return page

        yield open_page
    assert complaints == []
