"""The streams of what is learned from the log: forecasts, models, and what they said."""

from __future__ import annotations

import pyarrow as pa

from events.stream import LABEL, TIME, stream_of

FORECASTS = stream_of(
    "forecasts",
    "forecast.known: a step that a forecast looked back on, with its `value`. forecast.made: a step ahead, what is "
    "`expected` of it, and the band that is meant to hold `level` percent of the outcomes. forecast.missing: there is none, "
    "and `message` says why. forecast.withdrawn: nobody asks for it any more. `time` is when it was made.",
    pa.field("watch", LABEL),
    pa.field("metric", LABEL),
    pa.field("aggregate", LABEL),
    pa.field("key", LABEL),
    pa.field("step", pa.int32()),  # 1 is the first one ahead, 0 the last known one
    pa.field("start", TIME),  # of the step
    pa.field("width_us", pa.int64()),
    pa.field("value", pa.float64()),
    pa.field("expected", pa.float64()),
    pa.field("lower", pa.float64()),
    pa.field("upper", pa.float64()),
    pa.field("level", pa.float64()),
    pa.field("n", pa.int64()),  # known steps that it stands on
    pa.field("error", pa.float64()),  # mean absolute error over its own past, and …
    pa.field("naive_error", pa.float64()),  # … that of repeating the last season
    pa.field("message", pa.string()),
)
MODELS = stream_of(
    "models",
    "The life of models: experiment.… and trial.… of each training run (`subject`: the experiment), version.registered, "
    "version.approved, alias.moved, deployment.changed, deployment.removed, deployment.rolled_back, monitoring.started, "
    "model.degraded, training.requested (`subject`: the model). `data` is a JSON object.",
    pa.field("data", pa.string()),
)
PREDICTIONS = stream_of(
    "predictions",
    "prediction.made | prediction.failed: one row that a model was asked about (`subject`: whom it is about). "
    "outcome.recorded: what came of it (`value`), joined by `cause`, the id of a prediction, or by `subject`.",
    pa.field("model", LABEL),
    pa.field("version", pa.int32()),
    pa.field("variant", LABEL),
    pa.field("shadow", pa.bool_()),  # nobody was answered with it
    pa.field("value", pa.float64()),  # predicted, or the probability of the second class; of an outcome: what came
    pa.field("label", LABEL),  # the most probable class; of an outcome: the class that came
    pa.field("low", pa.float64()),
    pa.field("high", pa.float64()),
    pa.field("features", pa.string()),  # JSON object: what the model was shown
    pa.field("feature_cut", pa.string()),  # the moment that features of the log are of
    pa.field("latency_us", pa.int64()),
    pa.field("weight", pa.float64()),  # how many rows of the request this one stands for
    pa.field("error", pa.string()),
)
