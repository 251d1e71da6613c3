"""A card as one HTML file: no script, no request, light and dark."""

from __future__ import annotations

from string import Template

from analytics.plots import STYLE
from analytics.plots.draw import words
from tuning.card.blocks import Block, Card, Facts, Figure, Items, Section, Table, Text
from tuning.card.look import CSS

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>$title</title>
<style>$style</style>
</head>
<body>
<header>
<p class="kind">Model card</p>
<h1>$title</h1>
<p class="lead">$lead</p>
</header>
<main>
$sections
</main>
</body>
</html>
""")
_MARKS = {"warning": ("▲", "Warning"), "serious": ("■", "Serious")}


def page(card: Card) -> str:
    return _PAGE.substitute(
        title=words(card.title),
        lead=words(card.lead),
        style=CSS + STYLE,
        sections="\n".join(_section(section) for section in card.sections),
    )


def _section(section: Section) -> str:
    body = "\n".join(_block(block) for block in section.blocks)
    name = words(section.name)
    return f'<section aria-labelledby="{name}"><h2 id="{name}">{words(section.title)}</h2>\n{body}\n</section>'


def _block(block: Block) -> str:
    match block:
        case Text():
            return f"<p>{words(block.text)}</p>"
        case Items():
            return _items(block)
        case Facts():
            facts = "".join(
                f"<div><dt>{words(fact.name)}</dt><dd>{words(fact.value)}<span>{words(fact.beside)}</span></dd></div>"
                for fact in block.facts
            )
            return f'<dl class="facts">{facts}</dl>'
        case Table():
            return _collapsed(block) if block.collapsed else _table(block)
        case Figure():
            return (
                f"<figure><h3>{words(block.title)}</h3>{block.svg}<figcaption>{words(block.caption)}</figcaption>"
                f"{_collapsed(block.table, 'View as table')}</figure>"
            )


def _items(items: Items) -> str:
    if items.kind == "plain":
        return "<ul>" + "".join(f"<li>{words(line)}</li>" for line in items.lines) + "</ul>"
    shape, word = _MARKS[items.kind]
    lines = "".join(
        f'<li><b><span aria-hidden="true">{shape}</span> {word}</b> {words(line)}</li>' for line in items.lines
    )
    return f'<ul class="notes {items.kind}">{lines}</ul>'


def _collapsed(table: Table, summary: str = "") -> str:
    return f"<details><summary>{words(summary or table.caption)}</summary>{_table(table)}</details>"


def _table(table: Table) -> str:
    """In a frame that scrolls by itself, also with the keyboard, so that the page never does sideways."""
    right = [' class="n"' if name in table.right else "" for name in table.head]
    head = "".join(f'<th scope="col"{c}>{words(name)}</th>' for name, c in zip(table.head, right, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{c}>{words(cell)}</td>" for cell, c in zip(row, right, strict=True)) + "</tr>"
        for row in table.rows
    )
    caption = words(table.caption)
    return (
        f'<div class="scroll" role="region" aria-label="{caption}" tabindex="0"><table><caption>{caption}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
