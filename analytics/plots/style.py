"""The look of charts: colours as CSS custom properties with a light and a dark default.

A page with themes of its own sets ``--hc-ink``, ``--hc-c1`` and so on; else the reader's system decides.
"""

from __future__ import annotations

from typing import Literal

Tone = Literal["c1", "c2", "c3", "c4", "c5", "c6", "ink", "muted", "band", "bad", "good"]

_COLOURS = {
    "surface": ("#FFFFFF", "#14171D"),
    "ink": ("#12151C", "#EDF0F5"),
    "soft": ("#505866", "#A5ADBA"),
    "muted": ("#646C79", "#868F9D"),
    "rule": ("#E3E6EB", "#262B34"),
    "band": ("#8A93A3", "#8A93A3"),
    "c1": ("#2D5AD6", "#537AF8"),
    "c2": ("#F76808", "#FE9251"),
    "c3": ("#2597BA", "#68C39A"),
    "c4": ("#752391", "#AA5FBC"),
    "c5": ("#A87876", "#E9D964"),
    "c6": ("#B32A66", "#D2A0E7"),
    "bad": ("#C62A2F", "#FF6369"),
    "good": ("#18794E", "#4CC38A"),
}


def _theme(which: int) -> str:
    return "".join(f"--_{name}:var(--hc-{name},{both[which]});" for name, both in _COLOURS.items())


STYLE = (
    f".hc{{{_theme(0)}"
    "font:400 12px Inter,ui-sans-serif,system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;"
    "font-variant-numeric:tabular-nums;display:block;max-width:100%;height:auto}"
    f"@media(prefers-color-scheme:dark){{.hc{{{_theme(1)}}}}}"
    ".hc text{fill:var(--_soft)}.hc .b{fill:var(--_surface)}.hc .h{fill:var(--_ink);font-size:13px;font-weight:600}"
    ".hc .g{stroke:var(--_rule);stroke-width:1;fill:none}.hc .a{stroke:var(--_muted);stroke-width:1;fill:none}"
    ".hc .l{fill:none;stroke-linejoin:round;stroke-linecap:round}"
    ".hc .t{fill:var(--_ink)}.hc .q{fill:var(--_muted)}"
    ".hc .k{paint-order:stroke;stroke:var(--_surface);stroke-width:3px;stroke-linejoin:round}"
)
"""To be put into the page once where charts stand inline (``chart(..., file=False)``)."""


def paint(tone: Tone) -> str:
    return f"var(--_{tone})"
