"""Features and datasets of a running system: live, as of a moment, by the client and by the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hindcast.client import ApiError, Client
from tests.cluster.test_command_line import run
from tests.cluster.words import BATCH, event, fresh, only_packed
from tests.running import Running

pytestmark = pytest.mark.cluster


@only_packed
def test_features_are_live_and_a_dataset_is_made_of_them(running: Running, tmp_path: Path) -> None:
    learn, name = fresh("learn"), fresh("feature").replace("-", "_")
    now = datetime.now(UTC)
    told = [
        event(
            source=learn,
            subject=f"{learn}-{who}",
            type=learn,
            time=(now - timedelta(hours=h)).isoformat(),
            id=f"{who}-{h}",
        )
        for who, hours in (("ada", range(1, 40)), ("bob", range(20, 40)), ("eve", (39,)))
        for h in hours
    ]
    running.post("/v1/events", json=told, headers=BATCH).raise_for_status()
    at = [now - timedelta(hours=h) for h in (36, 26, 19)]
    moments = [word for one in at for word in ("--at", one.isoformat())]
    counted, share = f"behavioral.{name}", f"temporal.{name}"
    label = {"outcome": learn, "happens": False, "horizon": "18h", "domain": [{"event": learn, "within": "24h"}]}
    with Client(running.url, running.key) as client:
        client.define("feature", counted, {"event": learn, "aggregate": "count", "window": "10h"})
        client.define("feature", share, {"expression": f"{counted} / 10"})
        client.define("label", name, label)

        def live() -> list[object]:
            found = client.features(f"{learn}-ada")
            return [found["source"], *(found["features"].get(name) for name in (counted, share))]

        running.until(live, ["live", 9.0, 0.9])
        several = client.features_of([f"{learn}-{who}" for who in ("bob", "ada", "nobody")], features=[counted])
        assert [one["features"][counted] for one in several] == [0.0, 9.0, 0.0]
        then = client.features(f"{learn}-ada", as_of=several[1]["at"])
        assert then["features"][counted] == 9.0 and then["source"] == "log"
        # what came just now was not known hours ago
        with pytest.raises(ApiError, match="about nobody at these moments"):
            client.dataset(name, features=[counted], at=at[-1:])
        with pytest.raises(ApiError, match="there is no label 'churm'"):
            client.dataset("churm")
        with pytest.raises(ApiError, match="is needed by"):
            client.remove_definition("feature", counted)
    path = tmp_path / "history.ndjson"
    past = [{**one, "type": f"{learn}-past", "id": f"past-{one['id']}"} for one in told]
    path.write_text("".join(json.dumps(one) + "\n" for one in past))
    run(running, "import", str(path))
    spec = json.dumps({**label, "name": name, "outcome": f"{learn}-past", "domain": [f"{learn}-past"]})
    feature = {"name": counted, "event": f"{learn}-past", "aggregate": "count", "window": "10h"}
    with Client(running.url, running.key) as client:
        made = client.dataset(json.loads(spec), features=[feature], at=at)
        rows = {(row["key"][len(learn) + 1 :], row["label"]) for row in made.table.to_pylist()}
        assert {("ada", 0), ("bob", 0), ("bob", 1), ("eve", 1)} == rows
        assert made.report["refused"]["future"] > 0 and made.features == [counted]
        again = client.dataset(**made.said)
        assert again.table == made.table and again.digest == made.digest
        earlier, later = made.parted(0.3)
        assert earlier["at"].to_numpy().max() < later["at"].to_numpy().min()
    out = tmp_path / "dataset.parquet"
    shown = run(running, "dataset", spec, "--feature", counted, *moments, "--out", str(out))
    assert out.is_file() and "left out" in shown.stderr
    shown = run(running, "features", "show", f"{learn}-ada")
    assert json.loads(shown.stdout)["features"][counted] == 9.0
