"""The Open University's learning analytics data set (OULAD) as events: who registered, clicked, handed in and left.

    python examples/real/oulad.py DATA/oulad --out oulad.parquet --presentation BBB/2013B
    hindcast import oulad.parquet
    hindcast apply -f examples/real/oulad.yaml
    hindcast dataset withdrawn_or_failed --at 2013-03-02 --out day28.parquet

A subject is one enrolment, such as `BBB/2013B/11391`. Day 0 of a presentation is the first of its month (B: February, J:
October); what happened on a day stands at noon. The moment "day 28" is midnight after that day.
Kuzilek, Hlosta, Zdrahal: Open University Learning Analytics dataset. Scientific Data 2017. CC BY 4.0.
"""

# pandas says of a selection that it may be a frame or a column
# pyright: reportArgumentType=false, reportCallIssue=false, reportOperatorIssue=false, reportAttributeAccessIssue=false

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

DAY_US = 86_400_000_000
PROFILE = ("gender", "region", "highest_education", "imd_band", "age_band", "num_of_prev_attempts", "studied_credits",
           "disability")  # fmt: skip
OF = ["code_module", "code_presentation"]


def start_us(presentation: str) -> int:
    """Midnight of day 0, us UTC."""
    month = {"B": 2, "J": 10}[presentation[-1]]
    return int(np.datetime64(f"{presentation[:4]}-{month:02}-01", "us").astype(np.int64))


def moment(presentation: str, day: int) -> str:
    """When all of that day has happened, as ISO 8601. ``presentation``: ``BBB/2013B``."""
    at = start_us(presentation.rpartition("/")[2]) + (day + 1) * DAY_US
    return f"{np.datetime64(at, 'us')}Z"


def events(folder: Path, *presentations: str) -> pa.Table:
    """The events of presentations (``BBB/2013B``; none: all), in the order of time, as `hindcast import` takes them."""
    there = {name: pd.read_csv(folder / f"{name}.csv.gz") for name in TABLES}
    for name in ("courses", "studentInfo", "studentRegistration", "assessments", "studentVle", "vle"):
        there[name]["of"] = there[name][OF].agg("/".join, axis=1)
    if presentations:
        there = {n: t[t["of"].isin(presentations)] if "of" in t else t for n, t in there.items()}
    found = pd.concat([*_people(there), _clicks(there), *_assessments(there)], ignore_index=True)
    found["time"] = found["day"].astype("int64") * DAY_US + DAY_US // 2 + found["of"].str[-5:].map(start_us)
    found = found.sort_values(["time", "subject", "type"], kind="stable", ignore_index=True)
    return pa.table(
        {
            "id": [f"oulad-{subject}-{n}" for n, subject in enumerate(found["subject"])],
            "source": ["oulad"] * len(found),
            "type": found["type"],
            "subject": found["subject"],
            "time": pa.array(found["time"].to_numpy(), pa.timestamp("us", "UTC")),
            "data": found["data"],
        }
    )


TABLES = ("courses", "assessments", "studentInfo", "studentRegistration", "studentAssessment", "vle", "studentVle")


def _of(type: str, table: pd.DataFrame, day: Any, data: Any) -> pd.DataFrame:
    subject = table["of"] + "/" + table["id_student"].astype(str)
    return pd.DataFrame({"type": type, "of": table["of"], "subject": subject, "day": day, "data": data})


def _people(there: dict[str, pd.DataFrame]) -> list[pd.DataFrame]:
    """Registrations with what was said then, withdrawals, and how it ended on the last day."""
    key = ["of", "id_student"]
    people = there["studentInfo"].merge(
        there["studentRegistration"][[*key, "date_registration", "date_unregistration"]], on=key
    )
    people = people.merge(there["courses"][["of", "module_presentation_length"]], on="of")
    said = [json.dumps({k: v for k, v in row.items() if v == v}) for row in people[list(PROFILE)].to_dict("records")]
    left = people[people["date_unregistration"].notna()]
    ended = people[people["final_result"].isin(["Fail", "Pass", "Distinction"])]
    result = [json.dumps({"result": one}) for one in ended["final_result"]]
    kind = ended["final_result"].map({"Fail": "Failed", "Pass": "Passed", "Distinction": "Passed"})
    return [
        _of("Registered", people, people["date_registration"].fillna(-1).clip(upper=-1), said),
        _of("Withdrew", left, left["date_unregistration"].clip(lower=0), "{}"),
        _of("Ended", ended, ended["module_presentation_length"], result).assign(type=kind.to_numpy()),
    ]


def _clicks(there: dict[str, pd.DataFrame]) -> pd.DataFrame:
    clicks = there["studentVle"].merge(there["vle"][["id_site", "activity_type"]], on="id_site", how="left")
    clicks = clicks.groupby(["of", "id_student", "id_site", "activity_type", "date"], as_index=False)["sum_click"].sum()
    data = [
        json.dumps({"site": site, "activity": activity, "value": value})
        for site, activity, value in zip(clicks["id_site"], clicks["activity_type"], clicks["sum_click"], strict=True)
    ]
    return _of("Clicked", clicks, clicks["date"], data)


def _assessments(there: dict[str, pd.DataFrame]) -> list[pd.DataFrame]:
    """What was due, for everybody who was registered, and what was handed in."""
    due = there["assessments"][there["assessments"]["assessment_type"] != "Exam"].dropna(subset=["date"])
    handed = there["studentAssessment"].merge(due, on="id_assessment")
    handed = handed[~handed["is_banked"].astype(bool)].dropna(subset=["score"])
    data = [
        json.dumps(
            {
                "assessment": str(a),
                "kind": kind,
                "value": score,
                "late": max(0.0, day - on),
                "early": max(0.0, on - day),
            }
        )
        for a, kind, score, day, on in handed[
            ["id_assessment", "assessment_type", "score", "date_submitted", "date"]
        ].to_numpy()
    ]
    people = there["studentInfo"][["of", "id_student"]].merge(
        due[["of", "id_assessment", "assessment_type", "date", "weight"]]
    )
    told = [
        json.dumps({"assessment": str(a), "kind": kind, "weight": weight})
        for a, kind, weight in people[["id_assessment", "assessment_type", "weight"]].to_numpy()
    ]
    return [
        _of("Handed In", handed, handed["date_submitted"], data),
        _of("Assessment Due", people, people["date"], told),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path("oulad.parquet"))
    parser.add_argument("--presentation", action="append", default=[])
    said = parser.parse_args()
    table = events(said.folder, *said.presentation)
    pq.write_table(table, said.out)
    print(f"{table.num_rows:,} events are in {said.out}")
