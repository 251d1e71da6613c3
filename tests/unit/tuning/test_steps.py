"""The steps before any model: typing, target, leakage, splits. Each a plain function on plain data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.models.arrays import from_arrow
from analytics.models.schema import Feature, WrongInput
from tests.examples import up_to
from tuning.data.column_types import column_of, schema_of
from tuning.data.leakage import find_leaks
from tuning.data.splits import grouped, in_time, set_apart, splits_of
from tuning.data.tables import as_columns, digest, read_columns
from tuning.data.target import target_of
from tuning.fitting.recipes import select

RNG = np.random.default_rng(0)


def texts(*values: Any) -> Any:
    return np.array([*values, None], object)[:-1]


@pytest.mark.parametrize(
    ("name", "values", "kind", "dropped"),
    [
        ("age", RNG.normal(size=100), "number", ""),
        ("blank numbers", texts(*["1.5", " ", "2"] * 20), "number", ""),
        ("plan", texts(*["a", "b"] * 30), "category", ""),
        ("flag", np.arange(60) % 2 == 0, "boolean", ""),
        ("flag with gaps", texts(*[True, None, False] * 20), "boolean", ""),
        ("day", texts(*[f"2024-01-{d:02d}" for d in range(1, 31)]), "date", ""),
        ("note", texts(*[f"the customer said thing number {i}" for i in range(60)]), "text", ""),
        ("customerID", texts(*[f"{i:04d}-X" for i in range(300)]), "category", "identifier"),
        ("row", np.arange(100.0), "number", "identifier"),
        ("user_id", RNG.permutation(100) * 7.0, "number", "identifier"),
        ("nothing", np.full(50, np.nan), "number", "no values"),
        ("same", texts(*["x"] * 50), "category", "only one value"),
        ("seldom there", texts(*["x", None] * 25), "category", ""),
        ("nested", texts(*[[1, 2]] * 30), "category", "lists"),
    ],
)
def test_a_column_is_known_by_its_values(name: str, values: Any, kind: str, dropped: str) -> None:
    found = column_of(name, values)
    assert (found.kind == kind or bool(dropped)) and (dropped in found.dropped if dropped else not found.dropped)


def test_continuous_numbers_that_all_differ_are_no_identifier() -> None:
    assert not column_of("balance", RNG.normal(size=500)).dropped
    assert not column_of("amount", np.round(RNG.lognormal(8, 2, 50)) * 3 + np.arange(50)).dropped


def test_a_copy_of_a_column_is_dropped_and_said() -> None:
    a = RNG.normal(size=50)
    schema, notes = schema_of({"a": a, "b": a.copy(), "c": -a}, apart={})
    assert [c.dropped for c in schema.columns] == ["", "is a copy of column 'a'", ""]
    assert any("'b'" in note.text for note in notes)


def test_large_whole_numbers_keep_their_differences() -> None:
    """float32 alone would make one number of all these."""
    stamps = 1_700_000_000_000.0 + RNG.integers(0, 10_000, 200)
    schema, _ = schema_of({"stamp": stamps}, apart={})
    x = schema.matrix({"stamp": stamps})[:, 0]
    assert np.array_equal(np.argsort(x, kind="stable"), np.argsort(stamps, kind="stable"))


def test_a_table_with_nothing_to_learn_from_says_why_for_each_column() -> None:
    with pytest.raises(WrongInput, match=r"'id' counts the rows.*'k' has only one value"):
        schema_of({"id": np.arange(50.0), "k": np.ones(50)}, apart={})


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (texts(*["yes", "no"] * 30), "binary"),
        (np.arange(60.0) % 2, "binary"),
        (np.arange(90.0) % 3, "multiclass"),
        (texts(*["a", "b", "c"] * 30), "multiclass"),
        (RNG.normal(size=60), "regression"),
        (np.arange(60) % 2 == 0, "binary"),
    ],
)
def test_the_target_says_what_problem_it_is(values: Any, problem: str) -> None:
    assert target_of("y", values).problem == problem


def test_rows_without_a_target_and_rare_classes_are_left_out_and_said() -> None:
    values = texts(*["a"] * 30, *["b"] * 20, *["c"] * 2, None, None)
    found = target_of("y", values)
    assert found.classes == ("a", "b")
    assert len(found.rows) == 50
    assert {n.code for n in found.notes} >= {"target-missing", "rare-class"}
    assert [found.classes[int(k)] for k in found.y] == [values[i] for i in found.rows]


@pytest.mark.parametrize(
    ("values", "problem", "said"),
    [
        (texts(*["a"] * 50), "auto", "only one value"),
        (np.arange(10.0), "auto", "10 rows have a value"),
        (texts(*["a"] * 48, "b", "b"), "auto", "class 'b' has 2 rows"),
        (texts(*["a", "b", "c"] * 20), "binary", "a binary problem has two"),
        (texts(*["a", "b"] * 20), "regression", "needs numbers"),
        (texts(*[f"u{i}" for i in range(200)]), "auto", "is it an identifier"),
        (np.full(50, np.nan), "auto", "0 rows have a value"),
        (np.array(["2024-01-01"] * 40, "datetime64[us]"), "auto", "holds times"),
    ],
)
def test_a_target_that_cannot_be_learnt_is_refused_by_name(values: Any, problem: Any, said: str) -> None:
    with pytest.raises(WrongInput, match=said) as caught:
        target_of("y", values, problem)
    assert caught.value.column == "y"


NUMBERS = [Feature(name, name, "number") for name in ("honest", "copy", "late", "noisy copy")]


def planted(classes: int, rows: int = 600) -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    z = rng.normal(size=rows)
    y = (
        np.digitize(z, [0.5]).astype(float)
        if classes == 2
        else np.digitize(z, [-0.5, 0.5]).astype(float)
        if classes
        else z
    )
    honest = z + rng.normal(size=rows)
    late = np.where(y == 1.0, rng.normal(size=rows), np.nan) if classes else np.where(z > 0, z, np.nan)
    noisy = y + (0.001 * rng.normal(size=rows) if not classes else np.where(rng.random(rows) < 0.004, 1, 0))
    return np.column_stack([honest, 3 * y + 2, late, noisy]).astype(np.float32), y


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_planted_leaks_are_found_and_an_honest_column_is_not(classes: int) -> None:
    x, y = planted(classes)
    leaks = {leak.column: leak for leak in find_leaks(x, y, NUMBERS, [str(k) for k in range(classes)], target="y")}
    assert "honest" not in leaks
    assert leaks["copy"].certain
    assert leaks["noisy copy"].certain
    if classes == 2:
        assert leaks["late"].kind == "afterwards"
        assert "where the target is '1'" in leaks["late"].text


@given(st.integers(0, 1000))
@settings(max_examples=up_to(25), deadline=None)
def test_noise_is_never_called_a_leak(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(30, 400))
    x = np.column_stack(
        [rng.normal(size=rows), rng.integers(0, 40, rows), np.where(rng.random(rows) < 0.5, np.nan, 1.0)]
    )
    y = rng.integers(0, 2, rows).astype(float)
    features = [Feature("a", "a", "number"), Feature("b", "b", "category", 38), Feature("c", "c", "number")]
    assert not find_leaks(x.astype(np.float32), y, features, ["n", "y"], target="y")


@given(st.integers(0, 50), st.sampled_from([0, 2, 4]), st.integers(2, 8))
@settings(max_examples=up_to(30), deadline=None)
def test_folds_hold_every_row_once_and_classes_in_equal_shares(seed: int, classes: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, 200).astype(float) if classes else rng.normal(size=200)
    part = splits_of(y, classes, k, seed)
    assert set(part) == set(range(k))
    assert np.bincount(part).max() - np.bincount(part).min() <= max(1, classes)
    for c in range(classes):
        counts = np.bincount(part[y == c], minlength=k)
        assert counts.max() - counts.min() <= 1


@given(st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_a_group_is_never_on_both_sides(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 30, 300).astype(str).astype(object)
    y = rng.integers(0, 2, 300).astype(float)
    split = set_apart(y, 2, groups=groups, seed=seed)
    assert not set(groups[split.train]) & set(groups[split.holdout])
    part = grouped(groups, 5, seed)
    assert all(len(set(part[groups == g])) == 1 for g in set(groups))


@given(st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_in_time_order_nothing_later_than_the_judged_rows_is_trained_on(seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = rng.integers(0, 100, 300).astype(float)
    split = set_apart(rng.normal(size=300), 0, times=times, seed=seed)
    assert times[split.train].max() < times[split.holdout].min()
    part = in_time(times, 4)
    for k in range(1, 5):
        assert times[part < k].max() <= times[part == k].min()


def test_selection_keeps_what_goes_with_the_target() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 30)).astype(np.float32)
    y = (x[:, 7] + x[:, 21] > 0).astype(float)
    x[rng.random(400) < 0.5, 3] = np.nan
    features = [Feature(str(j), str(j), "number") for j in range(30)]
    assert {7, 21} <= set(select(x, y, features, 2, 5).tolist())
    gone = y > 0.5
    x[gone, 4] = np.nan
    assert 4 in select(x, y, features, 2, 5)


def test_every_kind_of_table_is_read_alike(tmp_path: Any) -> None:
    import pandas as pd

    rows = [{"a": 1.0, "b": "x"}, {"a": None, "b": "y"}]
    table = pa.Table.from_pylist(rows)
    wanted = from_arrow(table)
    for data in (table, rows, pd.DataFrame(rows), {"a": [1.0, None], "b": ["x", "y"]}):
        found = as_columns(data)
        assert digest(found) == digest(wanted)
    for name, content in (
        ("t.csv", b"a,b\n1.0,x\n,y\n"),
        ("t.csv", b"\xef\xbb\xbfa;b\n1.0;x\n;y\n"),
        ("t.ndjson", b'{"a":1.0,"b":"x"}\n{"a":null,"b":"y"}\n'),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        assert digest(read_columns(path)) == digest(wanted)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a,a\n1,2\n", "two columns are named 'a'"),
        (b"", "is empty"),
        (b"a,b\n1,2\n1\n", "row 2 does not fit the header: 1 cells, not 2"),
    ],
)
def test_a_file_that_is_no_table_is_said_to_be_none(tmp_path: Any, content: bytes, said: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(WrongInput, match=said):
        read_columns(path)


def test_old_encodings_are_read_as_latin_and_said_to_be(tmp_path: Any) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("a,b\n1,Zürich\n2,Genève\n".encode("latin-1"))
    with pytest.warns(UserWarning, match="Latin-1"):
        assert read_columns(path)["b"].tolist() == ["Zürich", "Genève"]
    path.write_bytes("a,Größe\n1,2\n".encode("latin-1"))
    with pytest.warns(UserWarning, match="Latin-1"):
        assert list(read_columns(path)) == ["a", "Größe"]


def test_a_column_whose_first_rows_look_whole_may_go_on_with_text(tmp_path: Any, monkeypatch: Any) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a\n" + "1\n" * 1000 + "x\n")
    monkeypatch.setattr("files.delimited._BLOCK", 1 << 8)
    assert read_columns(path)["a"].tolist()[-1] == "x"


def test_numbers_and_times_as_people_write_them_are_learnt_from_and_said() -> None:
    amounts = [f"${v:,.2f}" for v in RNG.lognormal(7, 1, 60)]
    days = [f"{1 + i % 28:02d}/{1 + i % 12:02d}/2024" for i in range(60)]
    ages = [str(20 + i) for i in range(59)]
    columns = {"amount": texts(*amounts), "day": texts(*days), "age": texts(*ages, "old")}
    schema, notes = schema_of(columns, apart={})
    assert [c.kind for c in schema.columns] == ["number", "date", "number"]
    x = schema.matrix(columns)
    assert np.allclose(x[:, 0], [float(a[1:].replace(",", "")) for a in amounts])
    assert x[1, 1:5].tolist() == [19_755.0, 2024.0, 2.0, 4.0]  # Friday, the second of February
    assert np.isnan(x[59, -1])
    assert [n.code for n in notes] == ["spelling", "spelling", "spelling", "strays"]
    assert "1 rows of column 'age' hold no number ('old')" in notes[-1].text
    later = schema.matrix(
        {"amount": texts("$1,000", 5.5), "day": texts("2024-02-02", "03/02/2024"), "age": texts("x", 3)}
    )
    assert later[:, 0].tolist() == [1000.0, 5.5]
    assert later[0, 1] + 1 == later[1, 1]
    with pytest.raises(WrongInput, match=r"'amount': row 1: 'much' is not a number"):
        schema.matrix({name: values[:1] for name, values in (columns | {"amount": texts("much")}).items()})
    with pytest.raises(
        WrongInput, match=r"'day': row 1: 'today' is neither a time like %d/%m/%Y nor an ISO date or time"
    ):
        schema.matrix({name: values[:1] for name, values in (columns | {"day": texts("today")}).items()})


@pytest.mark.filterwarnings("error")
def test_times_with_an_offset_are_of_one_clock() -> None:
    same = texts("2024-01-01T01:30:00+02:00", "2023-12-31T23:30:00Z", "2023-12-31 23:30", "2023-12-31T18:30:00-0500")
    column = column_of("at", np.concatenate([same, texts("2024-05-01")]))
    assert column.kind == "date"
    assert set(column.read(same).astype(str)) == {"2023-12-31T23:30:00.000000"}


def test_dates_that_can_be_read_two_ways_are_said() -> None:
    _, notes = schema_of({"day": texts(*["01/02/2024", "03/04/2024"] * 20)}, apart={})
    assert [(n.code, n.severity) for n in notes] == [("spelling", "warning")]


def test_a_target_written_as_people_do_is_a_number_and_what_is_none_is_left_out() -> None:
    found = target_of("price", texts(*[f"€{v:,}" for v in range(1000, 1060)], "?", "NA"))
    assert (found.problem, found.y[0], len(found.rows)) == ("regression", 1000.0, 60)
    assert {n.code for n in found.notes} == {"spelling", "target-missing", "problem"}
    share = target_of("share", texts(*["5%", "10%", "20%"] * 20))
    assert (share.problem, share.classes) == ("multiclass", ("5%", "10%", "20%"))


@pytest.mark.parametrize("mark", [";", "|", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_other_marks_and_encodings_are_read(mark: str, encoding: str, tmp_path: Any) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\n".join(mark.join(row) for row in [["größe", "b"], ["1,5", "x"], ["2", "ä"]]), encoding=encoding)
    found = read_columns(path)
    assert {name: values.tolist() for name, values in found.items()} == {"größe": ["1,5", "2"], "b": ["x", "ä"]}


def test_a_list_of_rows_is_read_with_every_rows_columns(tmp_path: Any) -> None:
    path = tmp_path / "t.json"
    path.write_text('[{"a": 1, "b": "x"}, {"a": "many", "c": true}]')
    of_rows = as_columns([{"a": 1, "b": "x"}, {"a": "many", "c": True}])
    for found, one in ((read_columns(path), "1"), (of_rows, 1)):
        assert {name: values.tolist() for name, values in found.items()} == {
            "a": [one, "many"], "b": ["x", None], "c": [None, True],
        }  # fmt: skip
    path.write_text('[{"a": 1}, 2]')
    with pytest.raises(WrongInput, match="row 2 must be an object, is int"):
        read_columns(path)
    path.write_text('[{"a": 1},')
    with pytest.raises(WrongInput, match="is not JSON"):
        read_columns(path)


def test_a_text_is_told_by_its_commonest_words_and_names_and_codes_are_none() -> None:
    fruit, verb = ["apple", "Pear,", "fig"], ["eats", "sells"]
    said = [f"Anna {verb[i % 2]} a {fruit[i % 3]} no {i}" for i in range(60)]
    column = column_of("said", texts(*said))
    assert (column.kind, column.levels) == ("text", ["a", "anna", "no", "eats", "sells", "apple", "fig", "pear"])
    schema, notes = schema_of({"said": texts(*said)}, apart={})
    assert "each of its 8 commonest words" in notes[0].text
    names = [f.name for f in schema.features()]
    assert names[:3] == ["said (length)", "said (words)", "said ('a')"]
    row = dict(zip(names, schema.matrix({"said": texts("A fig, a FIG! And a kiwi")})[0].tolist(), strict=True))
    assert (row["said (words)"], row["said ('a')"], row["said ('fig')"], row["said ('pear')"]) == (7.0, 3.0, 2.0, 0.0)
    missing = schema.matrix({"said": texts(None)})[0]
    assert np.isnan(missing[:2]).all() and not missing[2:].any()
    assert column_of("two words", texts(*[f"{a} {b}" for a in "abcdefgh" for b in "uvwxyz"])).kind == "text"
    assert column_of("who", texts(*[f"Name{i} Family{i}" for i in range(300)])).dropped.startswith("is an identifier")
    assert column_of("code", texts(*[f"AB-{i}" for i in range(300)])).dropped.startswith("is an identifier")
