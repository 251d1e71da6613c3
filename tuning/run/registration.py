"""The verdict on a model: registered or refused, on its holdout score alone."""

from __future__ import annotations

import numpy as np

from tuning import evaluation
from tuning.report import Registration, Score
from tuning.run.outcome import Outcome


def registration_score(outcome: Outcome, scores: tuple[Score, ...]) -> tuple[str, float | None]:
    """The score that is compared with the threshold. More is better, and it is never plain accuracy.

    The area under the ROC curve for two classes, balanced accuracy for more, skill over the mean for a regression.
    """
    wanted = {"binary": "auc", "multiclass": "balanced_accuracy", "regression": "skill"}[
        outcome.prepared.target.problem
    ]
    return wanted, next((s.value for s in scores if s.metric == wanted), None)


def registration(outcome: Outcome, scores: tuple[Score, ...], threshold: float, digest: str) -> Registration:
    """Registered if and only if the score is above the threshold; what is not a number is not above it.

    Where the table has copies of rows, so that the score stands on fewer rows than it seems, its interval must also be above
    what is got without knowledge.
    """
    name, score = registration_score(outcome, scores)
    title = evaluation.METRICS[name].title
    if score is None or not np.isfinite(score):
        reason = f"refused: {title} could not be computed on the holdout"
        return Registration(registered=False, score=None, threshold=threshold, reason=reason)
    ignorant = {"auc": 0.5, "balanced_accuracy": 1.0 / max(1, outcome.prepared.classes), "skill": 0.0}[name]
    low = next((s.low for s in scores if s.metric == name), None)
    if outcome.prepared.copied and score > threshold and low is not None and low <= ignorant:
        reason = (
            f"refused: {title} {score:.4f} on the holdout is not surely above {ignorant:g}, as most rows are copies"
        )
        return Registration(registered=False, score=score, threshold=threshold, reason=reason)
    if score > threshold:
        reason = f"registered: {title} {score:.4f} on the holdout is above {threshold:g}"
        return Registration(
            registered=True, score=score, threshold=threshold, reason=reason, model_id=f"model-{digest[:16]}"
        )
    reason = f"refused: {title} {score:.4f} on the holdout is not above {threshold:g}"
    return Registration(registered=False, score=score, threshold=threshold, reason=reason)
