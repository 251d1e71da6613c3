"""What Prometheus reads, as samples: the classic text format and OpenMetrics, by the parsers of ``prometheus_client``.

Those parsers refuse an answer as a whole. Here a line that is broken costs that line: where the whole cannot be parsed, each
line is parsed alone, below the declaration of its family.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as classic

from events.errors import Transient

ACCEPT = "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
OPEN_METRICS = "application/openmetrics-text"
_NAME = re.compile(r"[^\s{#]+")
_TYPE = re.compile(r"#\s+TYPE\s+(\S+)\s")
TOTALS = {"counter": ("_total", ""), "histogram": ("_bucket", "_count", "_sum"), "summary": ("_count", "_sum")}
"""By kind, the endings of the samples that only grow."""


class Sample(NamedTuple):
    """One line of an answer."""

    name: str
    labels: dict[str, str]
    value: float
    kind: str
    unit: str | None
    at_us: int | None
    """The time that the line itself gives, microseconds UTC."""
    total: bool
    """Whether the value only grows while the program runs."""
    family: str


class Broken(NamedTuple):
    """A line that is left out, and why."""

    line: str
    reason: str
    what: str
    """What is the same in the next answer, where the line stays broken while its value changes."""


class Exposition(NamedTuple):
    samples: list[Sample]
    broken: list[Broken]
    created: dict[tuple[str, tuple[tuple[str, str], ...]], float]
    """When a total began, seconds since 1970, by family and labels, where the program says it."""
    unread: int
    """Native histograms: nothing reads these."""


def parse(text: str, media: str) -> Exposition:
    """The samples of an answer of the content type ``media``. A series that is there twice counts as its first line says.

    Raises ``Transient`` for an answer that was cut off, and for one without a sample that can be read.
    """
    is_open = media == OPEN_METRICS
    if is_open and not text.rstrip().endswith("# EOF"):
        raise Transient("the answer was cut off: it does not end with # EOF")
    broken: list[Broken] = []
    try:
        families: list[Any] = list(open_metrics(text) if is_open else classic(text))
    except (ValueError, KeyError, IndexError, TypeError):  # what the parsers raise of a line that they cannot read
        families = list(_line_by_line(text, is_open, broken))
    found = Exposition([], broken, {}, 0)
    seen: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
    unread = 0
    totals = {family.name for family in families if family.type in TOTALS}
    for family in families:
        for sample in family.samples:
            if sample.value is None:
                unread += 1
                continue
            key = (sample.name, tuple(sorted(sample.labels.items())))
            if sample.name.endswith("_created") and sample.name.removesuffix("_created") in totals:
                found.created[sample.name.removesuffix("_created"), key[1]] = float(sample.value)
            elif key in seen:
                broken.append(_of(sample, "is there a second time in one answer; its first line counts"))
            elif math.isinf(sample.value):
                broken.append(_of(sample, "is infinite, which is no measurement"))
            elif not math.isnan(sample.value):  # a summary that saw nothing has no quantiles
                seen.add(key)
                found.samples.append(_sample(family, sample))
    if not found.samples and not unread and text.strip():
        why = f": {broken[0].reason}, in {broken[0].line[:80]!r}" if broken else ""
        raise Transient(f"the answer has no measurement that can be read{why}")
    return found._replace(unread=unread)


def _sample(family: Any, sample: Any) -> Sample:
    at_us = None if sample.timestamp is None else round(float(sample.timestamp) * 1_000_000)
    endings = TOTALS.get(family.type, ())
    total = any(sample.name == family.name + ending for ending in endings)
    unit = getattr(family, "unit", "") or None
    return Sample(sample.name, dict(sample.labels), float(sample.value), family.type, unit, at_us, total, family.name)


def _line_by_line(text: str, is_open: bool, broken: list[Broken]) -> Iterator[Any]:
    declared = ""
    for line in text.split("\n"):
        if not line.strip():
            continue
        if line.startswith("#"):
            if _TYPE.match(line):
                declared = line
            continue
        name, family = _NAME.match(line), _TYPE.match(declared)
        belongs = name and family and name.group().startswith(family.group(1))
        alone = f"{declared}\n{line}\n" if belongs else f"{line}\n"
        try:
            yield from list(open_metrics(alone + "# EOF\n") if is_open else classic(alone))
        except (ValueError, KeyError, IndexError, TypeError) as error:
            broken.append(Broken(line, f"cannot be read: {error}", name.group() if name else line))


def _of(sample: Any, reason: str) -> Broken:
    labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
    series = f"{sample.name}{{{labels}}}"
    return Broken(f"{series} {sample.value:g}", reason, series)
