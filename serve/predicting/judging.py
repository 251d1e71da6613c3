"""What a stored model is, found out in a process of its own: reading one needs libraries that a gateway does without.

``python -m serve.predicting.judging FILE SHA256`` prints a JSON object: ``error``, or what ``facts`` says.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from events.errors import Rejected, Transient

if TYPE_CHECKING:
    from analytics.predictive.model import PredictiveModel

JUDGING_S = 120.0
PROBABILITIES = ("auc", "log_loss", "brier", "average_precision")
"""Metrics by which a probability of one thing is judged."""


def facts(model: PredictiveModel) -> dict[str, Any]:
    """``task``, ``classes``, ``inputs`` (what a form needs), ``label``, ``evidence``, ``level`` of its intervals."""
    table: Any = getattr(model, "model", None)
    problem = getattr(table, "problem", None)
    task = problem or ("binary" if model.label.metric in PROBABILITIES else "regression")
    return {
        "kind": type(model).__name__,
        "task": task,
        "classes": list(getattr(table, "classes", ())),
        "inputs": [asdict(one) for one in model.inputs],
        "label": asdict(model.label),
        "evidence": asdict(model.evidence),
        "level": model.evidence.level,
    }


async def judged(path: Path, sha256: str) -> dict[str, Any]:
    """The facts about a stored model. Raises ``Rejected`` for what is none, was changed, or holds a foreign type."""
    command = (sys.executable, "-P", "-m", "serve.predicting.judging", str(path), sha256)
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, cwd=Path(__file__).parents[2]
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), JUDGING_S)
    except TimeoutError:
        process.kill()
        raise Transient(f"the model could not be looked at within {JUDGING_S:g} s; try again", 5.0) from None
    found = json.loads(said) if said else {"error": "the process that looked at it ended without a word"}
    if "error" in found:
        raise Rejected("sha256", found["error"])
    return found


def main(path: str, sha256: str) -> None:
    from serve.predicting.artifacts import Artifacts

    file = Path(path)
    try:
        said = facts(Artifacts(file.parent).model(sha256))
    except Rejected as error:
        said = {"error": error.reason}
    except ValueError as error:  # Untrusted, and what a damaged file raises
        said = {"error": str(error)}
    sys.stdout.write(json.dumps(said, default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
