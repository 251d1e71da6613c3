"""``result.json``: everything that an AutoML run found out, as one versioned document.

A person reads it, the model card is drawn from it alone, and the registry keeps it beside the model. Numbers are finite
or null, and where one is null a note says why. Times are UTC, durations seconds unless the name says otherwise.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FORMAT = 1
"""Raised when a field changes its meaning or goes; a new field with a default does not raise it."""

Problem = Literal["binary", "multiclass", "regression"]
Fraction = Annotated[float, Field(ge=0, le=1)]
Value = str | int | float | bool | None


class Part(BaseModel):
    """A frozen piece of the report without NaN or infinity."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, protected_namespaces=())


class Metric(Part):
    """How a score is defined. ``baseline`` is what a model without knowledge gets, where that is a constant."""

    name: str
    title: str
    definition: str
    greater_is_better: bool
    low: float | None = None
    high: float | None = None
    baseline: float | None = None


class Score(Part):
    """A score on ``rows`` rows, with a confidence interval for what it estimates.

    ``next_low``..``next_high`` is the prediction interval: where, at ``level``, the score on ``next_rows`` other rows of
    the same kind falls. It is wider, for that score has a sampling error of its own.
    """

    metric: str
    value: float | None
    rows: int
    low: float | None = None
    high: float | None = None
    level: Fraction = 0.95
    method: str = ""
    next_rows: int | None = None
    next_low: float | None = None
    next_high: float | None = None
    note: str = ""


class Baseline(Part):
    """What the model must beat: a prediction that looks at no feature, on the same holdout rows."""

    name: str
    description: str
    scores: tuple[Score, ...]
    skill: float | None = None
    """Share of the way from the baseline's main score to a perfect one; 0 is no better, below 0 worse."""


class Run(Part):
    """When the run took place, how long it took, and which limits it had."""

    id: str
    started: datetime
    elapsed_s: float
    budget_s: float | None = None
    trials: int | None = None
    seed: int = 0
    cores: int = 1
    stopped: Literal["budget", "trials", "converged", "interrupted"] = "budget"
    resumed: int = 0
    peak_memory_mb: float | None = None


class Split(Part):
    """How rows were set apart before anything was fitted."""

    kind: Literal["stratified", "shuffled", "grouped", "time"]
    column: str | None = None
    holdout_rows: int
    train_rows: int
    folds: int
    """How many parts cross-validation judged; reports have had this name from the beginning."""
    description: str = ""


class ClassCount(Part):
    label: str
    rows: int
    holdout_rows: int = 0


class Data(Part):
    """The table as it was read. For regression ``target_quantiles`` holds minimum, quartiles and maximum."""

    name: str
    rows: int
    columns: int
    target: str
    classes: tuple[ClassCount, ...] = ()
    positive: str | None = None
    target_quantiles: tuple[float, ...] = ()
    dropped_rows: int = 0
    equal_rows: int = 0
    """Rows with a target that equal an earlier one in every column that is used."""


class Column(Part):
    """A column, what it was taken for, and whether and why it is used."""

    name: str
    kind: str
    used: bool = True
    reason: str = ""
    missing: Fraction = 0.0
    distinct: int | None = None


class Candidate(Part):
    """A line of the leaderboard: the best configuration of one kind of model, cross-validated on the training rows."""

    rank: int
    model: str
    score: float | None
    sd: float | None = None
    """Standard deviation over splits."""
    fold_scores: tuple[float, ...] = ()
    trials: int = 1
    fit_s: float | None = None
    predict_row_ms: float | None = None
    size_bytes: int | None = None
    weight: float = 0.0
    """Its share in the final ensemble; 0 where it was left out."""
    params: dict[str, Value] = Field(default_factory=dict)
    note: str = ""


class Trial(Part):
    """One thing that was tried. ``score`` is null for one that ``failed`` or was ``stopped``; ``reason`` says why."""

    number: int
    model: str
    state: Literal["finished", "pruned", "stopped", "failed"]
    score: float | None = None
    best: float | None = None
    """The best score so far, this trial included."""
    at_s: float = 0.0
    took_s: float = 0.0
    rows: int | None = None
    params: dict[str, Value] = Field(default_factory=dict)
    origin: str = "search"
    """``baseline``, ``portfolio``, ``warm start`` or ``search``."""
    reason: str = ""


class Importance(Part):
    """Loss of the main score on the holdout when this column's values are shuffled, over ``repeats`` shuffles."""

    feature: str
    mean: float
    sd: float
    low: float | None = None
    high: float | None = None
    repeats: int


class Slice(Part):
    """A group of holdout rows whose score was compared with that of all other rows.

    ``p`` is adjusted for all groups that were looked at (Holm); ``flagged`` is worse, and p below .05.
    """

    column: str
    group: str
    rows: int
    score: float | None
    low: float | None = None
    high: float | None = None
    rest: float | None = None
    p: Fraction | None = None
    flagged: bool = False


class CalibrationBin(Part):
    """Rows with a predicted probability in a range: the mean prediction and the observed share, with its interval."""

    predicted: Fraction
    observed: Fraction
    low: Fraction
    high: Fraction
    rows: int


class Calibration(Part):
    """How well predicted probabilities hold. With more than two classes, it is about the class that was predicted."""

    bins: tuple[CalibrationBin, ...]
    ece: float
    ece_low: float | None = None
    ece_high: float | None = None
    ece_ideal: float | None = None
    """What a perfectly calibrated model shows on so many rows, and below which it stays at ``level``."""
    ece_ideal_high: float | None = None
    level: Fraction = 0.95
    method: str = ""
    """What was done to the probabilities of the model: ``none``, ``sigmoid``, ``isotonic``, ``temperature``."""


class Curve(Part):
    """Points to draw. ``label`` names the class, where there are several."""

    label: str = ""
    x: tuple[float, ...]
    y: tuple[float, ...]
    area: float | None = None


class Residuals(Part):
    """A sample of holdout rows, and quantiles of observed − predicted over all of them."""

    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    quantiles: dict[str, float] = Field(default_factory=dict)


class LearningPoint(Part):
    rows: int
    score: float
    sd: float = 0.0
    train_score: float | None = None


class Conformal(Part):
    """Prediction intervals or sets: what they promise, and what they held on the holdout."""

    method: str
    level: Fraction
    calibration_rows: int
    coverage: Fraction | None = None
    coverage_low: Fraction | None = None
    coverage_high: Fraction | None = None
    size: float | None = None
    """Mean width of an interval in units of the target, or mean number of classes in a set."""
    note: str = ""


class Note(Part):
    """A decision or a warning, in words. ``code`` is stable for programs: ``leak``, ``identifier``, ``few-rows``."""

    code: str
    text: str
    column: str | None = None
    severity: Literal["info", "warning", "serious"] = "info"


class Artifact(Part):
    """The stored model. Latency is of one warm row through everything, preparation included."""

    file: str
    sha256: str
    bytes: int
    row_ms: float | None = None
    row_ms_p95: float | None = None


class Hashes(Part):
    """SHA-256 of the schema, of our code and of the data that was read."""

    schema_: str = Field(alias="schema", serialization_alias="schema")
    code: str
    data: str

    model_config = ConfigDict(populate_by_name=True)


class Registration(Part):
    """Whether the model's score was enough: strictly above ``threshold``."""

    registered: bool
    score: float | None
    threshold: float
    reason: str
    model_id: str | None = None


class Report(Part):
    """The whole result. ``metrics`` defines every name used in a ``Score``; ``metric`` is what was optimised."""

    format: int = FORMAT
    title: str
    problem: Problem
    run: Run
    data: Data
    split: Split
    columns: tuple[Column, ...]
    metric: str
    metrics: tuple[Metric, ...]
    holdout: tuple[Score, ...]
    baseline: Baseline
    leaderboard: tuple[Candidate, ...] = ()
    history: tuple[Trial, ...] = ()
    importance: tuple[Importance, ...] = ()
    importance_note: str = ""
    slices: tuple[Slice, ...] = ()
    slices_note: str = ""
    calibration: Calibration | None = None
    roc: tuple[Curve, ...] = ()
    precision_recall: tuple[Curve, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    """Holdout rows by true class (rows) and predicted class (columns), in the order of ``data.classes``."""
    residuals: Residuals | None = None
    learning: tuple[LearningPoint, ...] = ()
    learning_note: str = ""
    conformal: Conformal | None = None
    decisions: tuple[Note, ...] = ()
    warnings: tuple[Note, ...] = ()
    intended_use: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    registration: Registration | None = None
    artifact: Artifact | None = None
    hashes: Hashes
    meta: dict[str, float] = Field(default_factory=dict)
    """Meta-features of the training rows, by which later runs find what did best on similar data."""
    libraries: dict[str, str] = Field(default_factory=dict)

    def main(self) -> Score:
        """The holdout score of ``metric``."""
        return next(score for score in self.holdout if score.metric == self.metric)

    def definition(self, name: str) -> Metric:
        return next(metric for metric in self.metrics if metric.name == name)

    def write(self, path: Path) -> None:
        """Write it whole or not at all."""
        part = path.with_name(path.name + ".part")
        part.write_text(self.model_dump_json(indent=2, by_alias=True) + "\n", encoding="utf-8")
        part.replace(path)


def read_report(path: Path) -> Report:
    """Read ``result.json``. Raises ``ValueError`` where it is none, or newer than this version understands."""
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    found = cast(dict[str, Any], document).get("format") if isinstance(document, dict) else None
    if not isinstance(found, int):
        raise ValueError(f"{path} is no result of `hindcast automl`: it has no format number")
    if found > FORMAT:
        raise ValueError(f"{path} has format {found}, this version reads up to {FORMAT}: upgrade hindcast")
    try:
        return Report.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise ValueError(f"{path} is damaged at {where}: {first['msg']}") from None
