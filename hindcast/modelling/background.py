"""The models of a system, trained in the background: one after the other, with what the machine has left.

A process of its own (``python -m hindcast.modelling.background``), niced, with one thread: ingest and the page go first.
After the six it waits for ``training.requested``, trains again, and lets the new version take over where it beats the
champion.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hindcast.model_training import KEY

if TYPE_CHECKING:
    from hindcast.client import Client

logger = logging.getLogger(__name__)
NICE = 15
LOOK_S = 20.0
SETTLE_S = 600.0
AGAIN_S = 30.0
"""After a training that found too little in the log."""
IMPORTED = "SELECT count(*) AS n FROM imports WHERE type = 'import.finished'"
IMPORT_S = 900.0
"""How long an import that is coming is waited for."""
ASKED = """SELECT subject, max(time) AS at FROM models WHERE type = 'training.requested' GROUP BY subject"""


class Background:
    """Trains what is not there, and again what is asked for. ``settings``: of each model, by name."""

    def __init__(self, client: Client, settings: Mapping[str, Mapping[str, Any]], artifacts: Path, parent: int) -> None:
        self._client = client
        self._settings = settings
        self._artifacts = artifacts
        self._parent = parent
        self._due = dict.fromkeys(settings, 0.0)
        """When each model is tried next (monotonic)."""
        self._seen: dict[str, str] = {}
        self._settle_at = 0.0

    def await_import(self) -> None:
        """Until a past has come in, at most for so long: half of it would teach half of the truth."""
        deadline = time.monotonic() + IMPORT_S
        while self._there() and time.monotonic() < deadline and not self._client.query(IMPORTED)[0]["n"]:
            time.sleep(2.0)

    def _there(self) -> bool:
        return os.getppid() == self._parent

    def run(self) -> None:
        """Until the process that started it has gone."""
        known = {one["name"] for one in self._client.models()}
        for name in known & self._due.keys():
            del self._due[name]
        self._seen = self._requests()
        while self._there():
            name = next((n for n, at in self._due.items() if at <= time.monotonic()), None)
            if name is None:
                self._look()
                time.sleep(LOOK_S if not self._due else 2.0)
            else:
                self._train(name)

    def _look(self) -> None:
        if time.monotonic() >= self._settle_at:
            self._settle_at = time.monotonic() + SETTLE_S
            self._settle()
        asked = self._requests()
        for name, at in asked.items():
            if self._seen.get(name) != at and name in self._settings:
                self._due[name] = 0.0
        self._seen = asked

    def _settle(self) -> None:
        """Record what came of predictions about people whose horizon is over."""
        from hindcast.client import ApiError
        from hindcast.modelling.outcomes import settle
        from hindcast.modelling.recipes import PEOPLE

        for one in self._client.models():
            if one["name"] not in PEOPLE or one["champion"] is None:
                continue
            version: Any = self._client.model(one["name"])["versions"][one["champion"] - 1]
            days = version["label"]["horizon_days"]
            if days:
                try:
                    settle(self._client, one["name"], days)
                except ApiError as error:
                    logger.warning("what came of %s is not known yet: %s", one["name"], error)

    def _requests(self) -> dict[str, str]:
        return {row["subject"]: str(row["at"]) for row in self._client.query(ASKED)}

    def _train(self, name: str) -> None:
        from analytics.models.schema import WrongInput
        from events.errors import Rejected, Transient
        from hindcast.client import ApiError
        from hindcast.modelling.six import train_named

        settings = dict(self._settings[name])
        deploy = settings.pop("deploy", {"watch": {"retrain": True}})
        try:
            run = train_named(self._client, name, settings, artifacts=self._artifacts)
        except (WrongInput, ApiError, Rejected, Transient) as error:
            logger.warning("%s is not trained: %s", name, error)
            self._due[name] = time.monotonic() + AGAIN_S
            return
        del self._due[name]
        if run.may_take_over:
            self._client.promote_model(name, str(run.number), reason=run.contest.reason if run.contest else "the first")
            self._client.deploy_model_version(name, config=deploy)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--artifacts", type=Path, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--models", type=json.loads, required=True, help="settings by name, as JSON")
    parser.add_argument("--after-import", action="store_true", help="wait until a past has come in")
    asked = parser.parse_args()
    os.nice(NICE)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    from hindcast.client import Client

    with Client(asked.address, os.environ[KEY], timeout_s=300.0) as client:
        client.ready(600.0)
        background = Background(client, asked.models, asked.artifacts, asked.parent)
        if asked.after_import:
            background.await_import()
        background.run()


if __name__ == "__main__":
    main()
