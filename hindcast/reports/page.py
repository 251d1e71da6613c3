"""A report as one HTML file: no script, no request, on paper and on a screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment

from analytics.plots import STYLE


@dataclass(frozen=True)
class Tile:
    title: str
    value: str
    below: str = ""


@dataclass(frozen=True)
class Table:
    """``rows``: texts, the first of each names it. ``numeric``: from this column on, to the right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: int = 1


@dataclass(frozen=True)
class Section:
    title: str
    note: str = ""
    tiles: Sequence[Tile] = ()
    picture: str = ""
    """SVG of our own making."""
    table: Table | None = None
    texts: Sequence[str] = ()


@dataclass(frozen=True)
class Sheet:
    """All of a report."""

    title: str
    lead: str
    sections: Sequence[Section]
    foot: Sequence[str] = field(default_factory=tuple[str, ...])
    language: str = "en"


CSS = """
@page { size: A4; margin: 14mm }
body { margin: 24px auto; max-width: 900px; padding: 0 20px; font: 13px/1.45 Inter, system-ui, sans-serif; color: #12151c;
  background: #fff }
h1 { margin: 0; font-size: 22px } h2 { margin: 22px 0 6px; font-size: 15px; break-after: avoid }
.lead, .note, .foot, small { color: #505866 }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: 10px; margin-top: 14px }
.tile { border: 1px solid #e4e7ec; border-radius: 8px; padding: 10px 12px; break-inside: avoid }
.tile b { display: block; font-size: 20px; font-variant-numeric: tabular-nums }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: 4px 8px; border-bottom: 1px solid #eef0f4; text-align: left } thead th { color: #646c79; font-weight: 500 }
.n { text-align: right } tr { break-inside: avoid } svg { max-width: 100%; height: auto }
@media (max-width: 640px) { .tiles { grid-template-columns: repeat(2, 1fr) } }
"""
_TEMPLATE = """<!doctype html>
<html lang="{{ sheet.language }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{ sheet.title }}</title>
<style>{{ style|safe }}</style>
</head>
<body>
<h1>{{ sheet.title }}</h1>
<p class="lead">{{ sheet.lead }}</p>
{% for section in sheet.sections %}
<section>
{% if section.title %}<h2>{{ section.title }}</h2>{% endif %}
{% if section.note %}<p class="note">{{ section.note }}</p>{% endif %}
{% if section.tiles %}<div class="tiles">
{% for tile in section.tiles %}
<div class="tile">{{ tile.title }}<b>{{ tile.value }}</b>
<small>{{ tile.below }}</small></div>
{% endfor %}</div>{% endif %}
{{ section.picture|safe }}
{% for text in section.texts %}<p>{{ text }}</p>{% endfor %}
{% if section.table %}
{% set numeric = section.table.numeric %}
<table><thead><tr>
{% for column in section.table.columns %}<th{% if loop.index0 >= numeric %} class="n"{% endif %}>{{ column }}</th>
{% endfor %}</tr></thead><tbody>
{% for row in section.table.rows %}
<tr>{% for cell in row %}<td{% if loop.index0 >= numeric %} class="n"{% endif %}>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table>{% endif %}
</section>
{% endfor %}
{% for line in sheet.foot %}<p class="foot">{{ line }}</p>{% endfor %}
</body>
</html>
"""


def html_of(sheet: Sheet) -> str:
    """The file as text; whatever the data say is text in it, never markup."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template: Any = environment.from_string(_TEMPLATE)
    return template.render(sheet=sheet, style=STYLE + CSS)
