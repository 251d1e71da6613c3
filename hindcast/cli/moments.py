"""How the times of a file are written, found by its first rows as the analysis commands find it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from analytics import dates
from analytics.dates import Form

_PACKABLE = re.compile(r"\d{5,18}", re.ASCII)
_ISO = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_LOOKED_AT = 50
"""Of the first cells, those whose own form is tried on the others."""


def form_of(cells: Sequence[Any]) -> Form | None:
    """The form in which most of the first times are written, as the analysis commands know it; None for ISO and numbers.

    A cell that is no time does not change how the others are read.
    """
    texts = [str(cell).strip() for cell in cells if isinstance(cell, (str, int)) and not isinstance(cell, bool)]
    texts = [text for text in texts if text]
    digits = [text for text in texts if _PACKABLE.fullmatch(text)]
    if 2 * len(digits) > len(texts):
        try:
            found = dates.packed(np.array(digits, np.int64))
            return found and found[0]
        except dates.SlipError as slip:
            return slip.form
    forms = (dates.written([text]) for text in dict.fromkeys(texts[:_LOOKED_AT]) if not _ISO.match(text))
    fits = {str(f[0]): (int(f[0].read(texts)[1].sum()), f[0]) for f in forms if f}
    most, form = max(fits.values(), key=lambda fit: fit[0], default=(0, None))
    return form if 2 * most > len(texts) else None
