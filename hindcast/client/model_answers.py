"""What the API answers about models: see docs/models.md for every field."""

from __future__ import annotations

from typing import Any, TypedDict


class Variant(TypedDict):
    """``version`` as it was asked for, ``number`` as it was resolved."""

    name: str
    version: str
    number: int
    weight: float
    shadow: bool


class ModelSummary(TypedDict):
    name: str
    versions: int
    champion: int | None
    metric: str
    score: float | None
    trained_at: float
    deployed: list[Variant]
    rows: int
    error_rate: float
    drifted: list[str]
    accuracy: str
    degraded: bool


class ModelVersion(TypedDict, total=False):
    number: int
    version: str
    model_id: str
    sha256: str
    metric: str
    score: float
    threshold: float
    scores: dict[str, float | None]
    at: float
    by: str
    approved: dict[str, Any] | None
    task: str
    classes: list[str]
    inputs: list[dict[str, Any]]
    label: dict[str, Any]
    evidence: dict[str, Any]
    data: dict[str, Any]
    recipe: dict[str, Any]


class Deployed(TypedDict):
    place: str
    at: float
    by: str
    reason: str
    config: dict[str, Any]
    variants: list[Variant]


class Model(TypedDict):
    name: str
    versions: list[ModelVersion]
    aliases: dict[str, int]
    wanted: Deployed | None
    live: Deployed | None
    history: list[Deployed]
    last_rollback: dict[str, Any] | None
    degraded: dict[str, Any] | None
    health: dict[str, Any]


class Comparison(TypedDict):
    versions: list[dict[str, Any]]
    scores: dict[str, list[float | None]]
    differs: dict[str, list[Any]]
    better: int | None


class KeptArtifact(TypedDict):
    sha256: str
    bytes: int


class Experiment(TypedDict, total=False):
    id: str
    model: str
    started: float
    updated: float
    state: str
    phase: str
    about: dict[str, Any]
    trials: list[dict[str, Any]]
    tried: int
    failed: int
    best: float | None
    registered: bool | None
    score: float | None
    threshold: float | None
    reason: str
    model_id: str | None
    elapsed_s: float | None
