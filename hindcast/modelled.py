"""What a system does with models: the calls of ``System`` that concern them."""

from __future__ import annotations

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from config.settings import Settings
from events.errors import Transient
from hindcast.datadir import DataDir
from hindcast.model_training import ended, started
from serve.predicting.artifacts import FOLDER as ARTIFACTS

if TYPE_CHECKING:
    from hindcast.client import Client
    from hindcast.modelling.manager import MLModelManager
    from hindcast.modelling.training import Run


class Modelled(ABC):
    """The part of ``System`` that trains, deploys and watches models."""

    settings: Settings
    data: DataDir
    url: str
    _running: bool = False
    _ml: MLModelManager | None = None
    _trainer: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def client(self) -> Client: ...

    @property
    @abstractmethod
    def admin_key(self) -> str: ...

    def train_in_background(self, models: Mapping[str, Mapping[str, Any]], *, after_import: bool = False) -> None:
        """Train these of the six models from the log, in a niced process, and again where that is asked for.

        ``models``: settings of each one's training, by name. ``after_import``: only once a past has come in. How far it is
        stands in the topic ``experiments``. Calling it again ends the process before.
        """
        if not self._running:
            raise Transient("the system does not run; start it", 1.0)
        self._end_trainer()
        self._trainer = started(self.url, self.admin_key, self.data.path / ARTIFACTS, models, after_import=after_import)

    def _end_trainer(self) -> None:
        if self._trainer is not None:
            ended(self._trainer)
            self._trainer = None

    @property
    def ml(self) -> MLModelManager:
        """Training, registry, deployment and monitoring of this system's models."""
        from hindcast.modelling.manager import MLModelManager  # here: only programs that use it need what trains models

        if self._ml is None or self._ml.address != self.url:
            self._ml = MLModelManager(self.client, self.data.path / ARTIFACTS, "ray" if self._running else "auto")
            if self.settings.ml_config:
                self._ml.initialize(self.settings.ml_config)
        return self._ml

    def tune(self, data: Any, target: str = "", budget: str | float = "60s", name: str = "", **config: Any) -> Run:
        """Search a model for ``data`` on Ray Tune, record every trial, and register the model where it is good enough.

        ``data``: a table (then ``target`` and ``name`` are needed), or a dataset of this system. ``config``: more of
        ``tuning.config.Config``. Raises ``WrongInput``, which names the column.
        """
        return self.ml.tune(data, target, budget, name, **config)

    def deploy(
        self, run: Run | str, mode: Literal["live", "canary", "shadow"] = "live", **config: Any
    ) -> dict[str, Any]:
        """Serve the version of a run, or one by its id: for all, for a share, or beside the champion, unseen."""
        return self.ml.deploy(run, mode, **config)

    def backtest(self, run: Run | str, months: float = 1.0) -> dict[str, Any]:
        """What a version would have said of the predictions of the last ``months``, against what was said and what came."""
        return self.ml.backtest(run, months)
