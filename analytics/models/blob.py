"""A model as bytes: skops (never pickle), read only against the fixed list below.

What is not on the list is refused both ways: a model that could not be read back is not written either. skops itself trusts
scikit-learn's public estimators, numpy arrays and plain values; ours are these. Arrays that steer loops without bounds are
checked by the types themselves (``TreeEnsemble``).
"""

from __future__ import annotations

import hashlib
import zipfile
from typing import Any

TRUSTED = (
    "analytics.models.conformal.Intervals",
    "analytics.models.conformal.PredictionSets",
    "analytics.models.ensemble.Calibration",
    "analytics.models.ensemble.Ensemble",
    "analytics.models.ensemble.Member",
    "analytics.models.members.Constant",
    "analytics.models.members.Linear",
    "analytics.models.members.Neighbours",
    "analytics.models.members.Neural",
    "analytics.models.members.Wrapped",
    "analytics.models.schema.Column",
    "analytics.models.schema.Schema",
    "analytics.models.table.Scale",
    "analytics.models.table.TableModel",
    "analytics.models.trees.TreeEnsemble",
    "analytics.models.views.LinearView",
    "analytics.models.views.Lookup",
    "analytics.models.views.TreeView",
)


class Untrusted(ValueError):
    """The bytes are no model of ours: a foreign type, another hash, or no artifact at all."""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def to_bytes(model: Any) -> bytes:
    """Raises ``Untrusted`` naming the types that may not be stored, such as a caller's own class of estimator."""
    from skops.io import dumps

    data = dumps(model, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
    _check(data, "cannot be stored")
    return data


def from_bytes(data: bytes, expected_sha256: str | None = None) -> Any:
    """The model. Raises ``Untrusted`` for another hash than the recorded one, before anything in it is looked at."""
    from skops.io import loads

    if expected_sha256 is not None and sha256(data) != expected_sha256:
        raise Untrusted(
            f"model: its SHA-256 is {sha256(data)[:12]}…, recorded was {expected_sha256[:12]}…: not that file"
        )
    _check(data, "is refused")
    try:
        return loads(data, trusted=list(TRUSTED))
    except (KeyError, TypeError, AttributeError, ImportError, zipfile.BadZipFile) as error:
        raise Untrusted(f"model: damaged or forged ({type(error).__name__}: {error})") from None


def _check(data: bytes, verdict: str) -> None:
    from skops.io import get_untrusted_types

    try:
        foreign = sorted(set(get_untrusted_types(data=data)) - set(TRUSTED))
    except (KeyError, TypeError, ValueError, AttributeError, ImportError, zipfile.BadZipFile) as error:
        raise Untrusted(f"model: not a skops artifact ({type(error).__name__}: {error})") from None
    if foreign:
        raise Untrusted(f"model: {verdict}, for it holds types that are not on the list: {', '.join(foreign[:5])}")
