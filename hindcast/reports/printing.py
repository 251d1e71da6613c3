"""HTML on paper: PDF and PNG by a Chromium of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Literal

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
VARIABLE = "HINDCAST_CHROMIUM"
TIMEOUT_S = 120.0
Form = Literal["pdf", "png"]
_QUIET = ("--headless=new", "--disable-gpu", "--no-first-run", "--disable-extensions", "--disable-background-networking",
          "--disable-component-update", "--disable-sync", "--hide-scrollbars")  # fmt: skip


class CannotPrint(Exception):
    """There is no Chromium, or it did not do it; says why, and what to do."""


def chromium() -> str | None:
    """The program that ``HINDCAST_CHROMIUM`` names, else the first one that is installed."""
    named = os.environ.get(VARIABLE)
    if named:
        return named if Path(named).exists() else None
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def printed(html: str, form: Form) -> bytes:
    """The page as PDF (A4), or as one picture of 1,000 pixels width. Raises ``CannotPrint``."""
    program = chromium()
    if program is None:
        raise CannotPrint(
            f"there is no Chromium here: install one (on Debian: apt install chromium), or name it in {VARIABLE}"
        )
    with tempfile.TemporaryDirectory(prefix="hindcast-report-") as folder:
        page, made = Path(folder) / "report.html", Path(folder) / f"report.{form}"
        page.write_text(html, encoding="utf-8")
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # as root Chromium runs in no other way
        what = (
            [f"--print-to-pdf={made}", "--no-pdf-header-footer"]
            if form == "pdf"
            else [f"--screenshot={made}", f"--window-size=1000,{_height(html)}"]
        )
        command = [program, *_QUIET, *sandbox, f"--user-data-dir={folder}/profile", *what, page.as_uri()]
        try:
            done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotPrint(f"{program} did not print it: {error}") from None
        if not made.exists():
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise CannotPrint(
                f"{program} did not print it: {said[-1][:300] if said else f'exit code {done.returncode}'}"
            )
        return made.read_bytes()


def _height(html: str) -> int:
    """About so many pixels are needed: too many leave white at the foot, too few cut it off."""
    rows, sections, pictures = (html.count(tag) for tag in ("<tr>", "<section>", "<svg"))
    return min(
        16_000,
        400 + 30 * rows + 70 * sections + 260 * pictures + 25 * html.count('class="tile"') + 40 * html.count("<p"),
    )
