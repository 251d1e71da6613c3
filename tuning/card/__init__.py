"""The model card: what a model predicts, how good it is and what it must not be used for (Mitchell et al., FAT* 2019).

Made from a ``Report`` alone, so it can be made again from ``result.json``. HTML is one file without script or requests, in
light and dark, from phone to print; Markdown has the same words and tables.
"""

from __future__ import annotations

from pathlib import Path

from tuning.card.contents import contents
from tuning.card.markup import page
from tuning.card.plain import markdown
from tuning.report import Report, read_report

FILES = ("card.html", "card.md")


def html_card(report: Report) -> str:
    return page(contents(report))


def markdown_card(report: Report) -> str:
    return markdown(contents(report))


def write_card(report: Report, folder: Path) -> tuple[Path, Path]:
    """Write both into ``folder``, each whole or not at all."""
    card = contents(report)
    paths = (folder / FILES[0], folder / FILES[1])
    for path, text in zip(paths, (page(card), markdown(card)), strict=True):
        part = path.with_name(path.name + ".part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    return paths


def rebuild_card(folder: Path) -> tuple[Path, Path]:
    """From ``result.json`` in ``folder``; ``ValueError`` says what is wrong with it."""
    return write_card(read_report(folder / "result.json"), folder)
