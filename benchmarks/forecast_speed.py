"""What our own plumbing costs: forecasts per CPU second of one model through us, against the library alone.

``python -m benchmarks.forecast_speed``: 200 monthly M3 series, horizon 18, point forecasts of one model at a time.
"""

from __future__ import annotations

import json
from time import process_time

import numpy as np
import pandas as pd
from statsforecast import StatsForecast, models

import benchmarks.competition as c
from analytics.forecast.models import Model, pool
from analytics.forecast.series import Series, series_of

LIBRARY = {
    "ETS": models.AutoETS,
    "CES": models.AutoCES,
    "Theta": models.Theta,
    "dynamic Theta": models.DynamicOptimizedTheta,
}


def ours(model: Model, key: np.ndarray, time: np.ndarray, value: np.ndarray) -> None:
    for part in series_of(key, time, value, 12):
        if isinstance(part, Series):
            model.run(part.value, 18, (12,))


def main() -> None:
    histories = [c.numbers(r["train"]) for r in c.rows("m3/m3.csv.gz") if r["period"] == "MONTHLY"][:200]
    key = np.repeat(np.arange(len(histories)), [len(h) for h in histories])
    time, value = np.concatenate([np.arange(len(h)) for h in histories]), np.concatenate(histories)
    frame = pd.DataFrame({"unique_id": key, "ds": time, "y": value})
    by_name = {model.name: model for model in pool(np.arange(1.0, 50.0), (12,), (12,))}
    for name, library in LIBRARY.items():
        took = {"ours": 0.0, "library": 0.0}
        for who in ("library", "ours", "library", "ours"):
            begin = process_time()
            if who == "ours":
                ours(by_name[name], key, time, value)
            else:
                StatsForecast(models=[library(season_length=12)], freq=1).forecast(df=frame, h=18)
            took[who] = process_time() - begin
        rate = len(histories) / took["ours"]
        ratio = took["library"] / took["ours"]
        print(json.dumps({"name": f"forecast, {name}", "value": round(rate, 1), "unit": "series/s",
                          "against": "statsforecast alone", "ratio": round(ratio, 2)}), flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
