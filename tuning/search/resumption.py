"""How a run goes on where a killed run with the same table and settings ended: its folder, fits and trials."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

from analytics.models.schema import WrongInput
from tuning.candidates import STACKED, Candidate
from tuning.config import Config
from tuning.search.trials import Store


@contextlib.contextmanager
def folder_of(config: Config) -> Generator[Path]:
    """Where fits are kept: under the caller's folder until the run is done, else in a temporary one."""
    if config.folder is None:
        with tempfile.TemporaryDirectory(prefix="hindcast-automl-") as name:
            yield Path(name)
        return
    folder = config.folder / "run"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    except WrongInput:
        shutil.rmtree(folder, ignore_errors=True)  # nothing to go on with
        raise
    shutil.rmtree(folder, ignore_errors=True)


class Remains:
    """The fits and the list of finished candidates in a run's folder. Those of another table or setting are removed."""

    def __init__(self, folder: Path, config: Config, data_hash: str, metric: str) -> None:
        self._tried = folder / "tried.ndjson"
        c = config
        about = json.dumps([data_hash, c.target, metric, c.seed, c.time_col, c.group_col, list(c.keep), c.trials])
        setup = folder / "setup.json"
        if not setup.exists() or setup.read_text() != about:
            shutil.rmtree(folder / "fits", ignore_errors=True)
            self._tried.unlink(missing_ok=True)
            setup.write_text(about)
        self.store = Store(folder / "fits")
        self.before = self._read()
        """Candidates that were finished, in their order, but for the baseline and what stands on others."""

    def _read(self) -> list[Candidate]:
        lines = self._tried.read_text().splitlines() if self._tried.exists() else []
        whole = [json.loads(line) for line in lines if line.endswith("}")]
        return [Candidate(w["kind"], w["params"], w["origin"]) for w in whole if w["kind"] not in ("dummy", STACKED)]

    def tried(self, candidate: Candidate) -> None:
        """Write a finished candidate into the list, so that a resumed run knows it."""
        line = json.dumps({"kind": candidate.kind, "params": candidate.params, "origin": candidate.origin})
        with self._tried.open("a") as file:
            file.write(line + "\n")
