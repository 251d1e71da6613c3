"""How a model is served: which versions answer, with which share, and what takes one of them back by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from actors.definitions.schema import Section

MOST_VARIANTS = 16
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]


class Variant(Section):
    """One version that answers. ``version``: an alias (``champion``), a number, a version or a model id."""

    name: Name
    version: Annotated[str | int, Field(union_mode="left_to_right")]
    weight: float = Field(default=1.0, ge=0.0, le=1e6, allow_inf_nan=False)
    """Its share of the requests is this over the sum; the same key always gets the same variant."""
    shadow: bool = False
    """It is asked, too, and what it says is recorded; nobody is answered with it."""


class Autoscaling(Section):
    """How many replicas hold models. All models share them; the largest wish counts."""

    min_replicas: int = Field(default=1, ge=0, le=64)
    """0: after ten quiet minutes none is left, and the next request waits until one is there (seconds)."""
    max_replicas: int = Field(default=1, ge=1, le=64)
    target_ongoing_requests: float = Field(default=1.0, gt=0, le=1000)
    """Calls in flight for each replica, above which another one is started."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError(f"min_replicas {self.min_replicas} is more than max_replicas {self.max_replicas}")
        return self


class RollBack(Section):
    """What takes a version back by itself, judged over each ``min_rows`` predictions of it. None: it does not."""

    errors: float | None = Field(default=0.05, ge=0, le=1)
    """Share of predictions that failed by the model's fault."""
    latency_ms: float | None = Field(default=None, gt=0)
    """The 95th percentile of what the model takes for a row's batch."""
    score: float | None = Field(default=None, gt=0, le=1)
    """How far the score of known outcomes may fall below the one it was registered with, beyond chance."""
    min_rows: int = Field(default=50, ge=10, le=100_000)


class Watch(Section):
    """How it is watched, and what happens when it fares badly."""

    window_rows: int = Field(default=500, ge=100, le=100_000)
    """Predictions that are compared with the training rows at a time."""
    alarm_rate: float = Field(default=0.001, ge=1e-6, le=0.1)
    """The false-discovery rate of one comparison, over all features and the predictions."""
    score_drop: float = Field(default=0.05, gt=0, le=1)
    """A fall of the score on known outcomes by more than that, and more than chance, is degradation."""
    channels: tuple[Annotated[str, Field(max_length=64)], ...] = ("dashboard",)
    """Who is told of degradation."""
    retrain: bool = False
    """Whether degradation asks for another training."""
    cool_down_s: float = Field(default=86_400.0, ge=0, le=366 * 86_400)
    """At least so long between two such requests."""


class Deployment(Section):
    """The configuration of ``deploy_model``. ``mode`` is a short form where ``variants`` are not given.

    ``live``: the version answers all. ``canary``: it gets ``share`` of the requests, the champion the others. ``shadow``:
    the champion answers, the version is asked beside it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    variants: tuple[Variant, ...] = ()
    mode: Literal["live", "canary", "shadow"] = "live"
    share: float = Field(default=0.1, gt=0, lt=1)
    sample: float = Field(default=1.0, ge=0, le=1)
    """Share of the answered rows that are recorded, by key. Failures are always."""
    record_features: bool = True
    """Whether recorded rows say what the model was shown: drift needs it."""
    autoscaling: Autoscaling = Autoscaling()
    roll_back: RollBack = RollBack()
    watch: Watch = Watch()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.variants) > MOST_VARIANTS:
            raise ValueError(f"variants: at most {MOST_VARIANTS}")
        names = [variant.name for variant in self.variants]
        if len(set(names)) != len(names):
            raise ValueError("variants: names must differ, for the share of each is told by its name")
        if self.variants and not any(v.weight > 0 and not v.shadow for v in self.variants):
            raise ValueError("variants: none answers; give one that is no shadow a weight above 0")
        return self

    def of(self, version: str | int, champion: int | None) -> tuple[Variant, ...]:
        """The variants, made of the short form for ``version`` where none are given."""
        if self.variants:
            return self.variants
        if self.mode == "live" or champion is None or str(version) in ("champion", str(champion)):
            return (Variant(name="live", version=version),)
        first = Variant(name="champion", version="champion", weight=1.0 if self.mode == "shadow" else 1.0 - self.share)
        if self.mode == "shadow":
            return (first, Variant(name="shadow", version=version, shadow=True))
        return (first, Variant(name="canary", version=version, weight=self.share))


def rules_of(config: Mapping[str, Any]) -> tuple[RollBack, Watch]:
    """The rules in a recorded configuration, which an older or newer release may have written."""
    return (
        RollBack.model_validate(_known(RollBack, config.get("roll_back"))),
        Watch.model_validate(_known(Watch, config.get("watch"))),
    )


def _known(section: type[Section], said: Any) -> dict[str, Any]:
    return {name: value for name, value in dict(said or {}).items() if name in section.model_fields}
