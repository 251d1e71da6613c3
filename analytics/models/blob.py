"""A model as bytes: skops (never pickle), read only against the fixed list below.

What is not on the list is refused both ways: a model that could not be read back is not written either. skops itself trusts
scikit-learn's public estimators, numpy arrays and plain values; ours are these. Arrays that steer loops without bounds are
checked by the types themselves (``TreeEnsemble``).
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from typing import Any

_SCHEMA = "schema.json"
"""Where a skops artifact names its types."""
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
    "analytics.models.encoding.LinearEncoding",
    "analytics.models.encoding.Lookup",
    "analytics.models.encoding.TreeEncoding",
    "analytics.predictive.campaign.CampaignPerformanceModel",
    "analytics.predictive.campaign.Figure",
    "analytics.predictive.buying.Buying",
    "analytics.predictive.buying.Spending",
    "analytics.predictive.content.ContentOptimizationModel",
    "analytics.predictive.content.Responses",
    "analytics.predictive.customers.Correction",
    "analytics.predictive.customers.CustomerValueModel",
    "analytics.predictive.headlines.Grams",
    "analytics.predictive.headlines.HeadlineModel",
    "analytics.predictive.model.Evidence",
    "analytics.predictive.model.Label",
    "analytics.predictive.probability.ChurnPredictionModel",
    "analytics.predictive.probability.ConversionPredictionModel",
    "analytics.predictive.probability.UserRetentionModel",
    "analytics.predictive.rates.RateIntervals",
    "analytics.predictive.revenue.RevenueForecastingModel",
    "analytics.predictive.table.TablePredictor",
)

MOVED = {
    "analytics.models.views.LinearView": "analytics.models.encoding.LinearEncoding",
    "analytics.models.views.Lookup": "analytics.models.encoding.Lookup",
    "analytics.models.views.TreeView": "analytics.models.encoding.TreeEncoding",
}
"""Types by the names that older versions stored them under, and where they are now. A name stays here for ever."""


class Untrusted(ValueError):
    """The bytes are not a model that this code wrote: a foreign type, another hash, or no artifact at all."""


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
    data = _renamed(data)
    _check(data, "is refused")
    try:
        return loads(data, trusted=list(TRUSTED))
    except (KeyError, TypeError, AttributeError, ImportError, zipfile.BadZipFile) as error:
        raise Untrusted(f"model: damaged or forged ({type(error).__name__}: {error})") from None


def _renamed(data: bytes) -> bytes:
    """The same model with today's names of its types; ``data`` itself where it holds no old name, or is no artifact."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as stored:
            schema = json.loads(stored.read(_SCHEMA))
            if not _rename(schema):
                return data
            today = io.BytesIO()
            with zipfile.ZipFile(today, "w") as renamed:
                for name in stored.namelist():
                    renamed.writestr(name, json.dumps(schema) if name == _SCHEMA else stored.read(name))
            return today.getvalue()
    except (KeyError, ValueError, zipfile.BadZipFile, zlib.error):
        return data  # what is wrong with it is said where it is checked


def _rename(schema: Any) -> int:
    """Give each type in a skops schema its name of today; how many had another."""
    count = 0
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            now = MOVED.get(f"{node.get('__module__')}.{node.get('__class__')}")
            if now is not None:
                node["__module__"], _, node["__class__"] = now.rpartition(".")
                count += 1
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return count


def _check(data: bytes, verdict: str) -> None:
    from skops.io import get_untrusted_types

    try:
        foreign = sorted(set(get_untrusted_types(data=data)) - set(TRUSTED))
    except (KeyError, TypeError, ValueError, AttributeError, ImportError, zipfile.BadZipFile) as error:
        raise Untrusted(f"model: not a skops artifact ({type(error).__name__}: {error})") from None
    if foreign:
        raise Untrusted(f"model: {verdict}, for it holds types that are not on the list: {', '.join(foreign[:5])}")
