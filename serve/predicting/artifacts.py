"""Stored models in the data directory, named by their content: ``artifacts/<sha256>.skops``."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from events.errors import Rejected

if TYPE_CHECKING:
    from analytics.predictive.model import PredictiveModel

FOLDER = "artifacts"
_HASH = re.compile(r"[0-9a-f]{64}")


class Artifacts:
    """The folder of a data directory. A file, once there, never changes: its name is its hash."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str, kind: str = "skops") -> Path:
        """Where it is, or would be. Raises ``Rejected`` for what is no hash."""
        if not _HASH.fullmatch(sha256):
            raise Rejected("sha256", "must be 64 hexadecimal digits in small letters")
        return self.folder / f"{sha256}.{kind}"

    def put(self, data: bytes, kind: str = "skops") -> str:
        """Keep ``data``, whole or not at all; answers its hash."""
        from analytics.models.blob import sha256

        name = sha256(data)
        path = self.path(name, kind)
        if not path.exists():
            self.folder.mkdir(mode=0o700, exist_ok=True)
            part = path.with_name(f"{path.name}.{os.getpid()}.part")
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        return name

    def read(self, sha256: str, kind: str = "skops") -> bytes:
        """Raises ``Rejected`` where there is no such file."""
        try:
            return self.path(sha256, kind).read_bytes()
        except FileNotFoundError:
            raise Rejected("sha256", f"there is no artifact {sha256[:12]}… here; upload it first") from None

    def model(self, sha256: str) -> PredictiveModel:
        """The model in it. Raises ``Untrusted`` for another hash than its name, or a type that is not on our list."""
        from analytics.models.blob import from_bytes

        return predictor(from_bytes(self.read(sha256), sha256))


def predictor(found: Any) -> PredictiveModel:
    """A stored model under the protocol that all are served by. Raises ``Untrusted`` for what is none."""
    from analytics.models.blob import Untrusted
    from analytics.models.table import TableModel
    from analytics.predictive.model import Label, PredictiveModel
    from analytics.predictive.table import TablePredictor

    if isinstance(found, PredictiveModel):
        return found
    if isinstance(found, TableModel):
        metric = {"binary": "auc", "multiclass": "balanced_accuracy", "regression": "skill"}[found.problem]
        return TablePredictor(found.target, Label(found.target, f"the column {found.target!r}", metric), found)
    raise Untrusted(f"model: it is a {type(found).__name__}, no model that can be served")
