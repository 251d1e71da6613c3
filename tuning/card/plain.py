"""A card as Markdown (GitHub's dialect); a chart is its table."""

from __future__ import annotations

import re

from tuning.card.blocks import Block, Card, Facts, Figure, Items, Table, Text

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#])")


def markdown(card: Card) -> str:
    parts = [f"# {_plain(card.title)}", _plain(card.lead)]
    for section in card.sections:
        parts.append(f"## {_plain(section.title)}")
        parts += [_block(block) for block in section.blocks]
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> str:
    match block:
        case Text():
            return _plain(block.text)
        case Items():
            mark = {"plain": "", "warning": "▲ ", "serious": "**■ Serious:** "}[block.kind]
            return "\n".join(f"- {mark}{_plain(line)}" for line in block.lines)
        case Facts():
            rows = [[fact.name, fact.value, fact.beside] for fact in block.facts]
            return _table(Table("", ["", "value", "beside"], rows, frozenset(["value"])))
        case Table():
            return f"**{_plain(block.caption)}**\n\n{_table(block)}"
        case Figure():
            return f"**{_plain(block.title)}.** {_plain(block.caption)}\n\n{_table(block.table)}"


def _table(table: Table) -> str:
    lines = [
        "| " + " | ".join(_plain(name) for name in table.head) + " |",
        "|" + "|".join("--:" if name in table.right else "---" for name in table.head) + "|",
    ]
    lines += ["| " + " | ".join(_plain(cell) for cell in row) + " |" for row in table.rows]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """On one line, nothing in it taken for markup."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
