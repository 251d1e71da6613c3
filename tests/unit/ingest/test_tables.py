"""Tables as request bodies: each row means what the same plain event in JSON means, and is judged the same."""

from __future__ import annotations

import io
import json
import struct
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.errors import Rejected
from serve.ingest import Decoded, TooLarge, decode_cloudevents, decode_table
from serve.ingest.arrow import ARROW_FILE, ARROW_STREAM, PARQUET
from tests.examples import up_to
from tests.sameness import contents, identities

NOW = 1_795_495_200_000_000
AT = datetime(2026, 11, 24, 4, 39, tzinfo=UTC)
quick = settings(max_examples=up_to(60), deadline=None, suppress_health_check=list(HealthCheck))


def written(table: pa.Table, media: str = ARROW_STREAM, compression: str | None = None) -> bytes:
    sink = io.BytesIO()
    if media == PARQUET:
        pq.write_table(table, sink)
        return sink.getvalue()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    new = pa.ipc.new_file if media == ARROW_FILE else pa.ipc.new_stream
    with new(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue()


def sent(media: str = ARROW_STREAM, compression: str | None = None, **columns: Any) -> Decoded:
    return decode_table(written(pa.table(columns), media, compression), media, NOW, "shop")


def as_json(*rows: dict[str, Any]) -> Decoded:
    return decode_cloudevents(json.dumps(rows).encode(), "application/json", {}, NOW, "shop")


def properties(decoded: Decoded) -> list[dict[str, Any]]:
    return [json.loads(text) for text in decoded.batch["properties"].to_pylist()]


@pytest.mark.parametrize("media", [ARROW_STREAM, ARROW_FILE, PARQUET])
@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_a_table_is_its_rows_as_plain_events(media: str, compression: str | None) -> None:
    table = sent(
        media, compression,
        type=["order.placed", "page.viewed"], subject=["ada", "grace"], time=[AT, None], id=["1", "2"],
        source=["web", None], amount=[29.5, None], currency=["EUR", None], path=[None, 'a "quoted" \\ path\n'],
    )  # fmt: skip
    rows = as_json(
        {"type": "order.placed", "subject": "ada", "time": "2026-11-24T04:39:00Z", "id": "1", "source": "web",
         "data": {"amount": 29.5, "currency": "EUR"}},
        {"type": "page.viewed", "subject": "grace", "id": "2", "data": {"path": 'a "quoted" \\ path\n'}},
    )  # fmt: skip
    assert (table.refused, table.rows) == ([], 2)
    assert properties(table) == properties(rows)
    assert table.batch.drop_columns(["properties"]).to_pylist() == rows.batch.drop_columns(["properties"]).to_pylist()
    assert table.batch["amount"].to_pylist() == [2950, None]


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
cells = {
    "plan": st.none() | texts,
    "n": st.none() | st.integers(-(2**53), 2**53),
    "value": st.none() | st.floats(allow_nan=False, allow_infinity=False),
    "paid": st.none() | st.booleans(),
    "revenue": st.none() | st.integers(0, 10**9),
}


@quick
@given(
    st.lists(
        st.fixed_dictionaries({"type": st.none() | texts, "subject": st.none() | texts, **cells}),
        min_size=1,
        max_size=8,
    )
)
def test_any_rows_get_the_verdicts_of_the_same_plain_events(rows: list[dict[str, Any]]) -> None:
    kinds = {"type": pa.string(), "subject": pa.string(), "plan": pa.string(), "n": pa.int64(), "value": pa.float64()}
    kinds |= {"paid": pa.bool_(), "revenue": pa.int64()}
    columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in kinds.items()}
    table = sent(**columns, id=[f"e{n}" for n in range(len(rows))])
    events = [
        {"id": f"e{n}", "data": {name: row[name] for name in cells if row[name] is not None}}
        | {name: row[name] for name in ("type", "subject") if row[name] is not None}
        for n, row in enumerate(rows)
    ]
    plain = as_json(*events)
    assert [(r.index, r.id, r.faults) for r in table.refused] == [(r.index, r.id, r.faults) for r in plain.refused]
    assert table.index.tolist() == plain.index.tolist()
    assert properties(table) == properties(plain)
    for name in ("amount", "currency", "value", "subject", "type", "partition_key"):
        assert table.batch[name].to_pylist() == plain.batch[name].to_pylist()


def test_the_same_event_as_json_and_as_a_table_is_one_event() -> None:
    table = sent(type=["click"], id=["c1"], plan=["pro"], value=[1e21], step=[7])
    plain = decode_cloudevents(
        b'[{"type":"click","id":"c1","data":{"plan":"pro","value":1e+21,"step":7}}]',
        "application/json",
        {},
        NOW,
        "shop",
    )
    assert identities(table) == identities(plain)
    assert contents(table) == contents(plain)


def test_rows_are_refused_alone_with_all_their_faults() -> None:
    decoded = sent(
        type=["a", None, "", "b" * 300, "c"], subject=["u", "u", "s" * 300, "u", "u"],
        time=["2026-11-24T04:39:00Z", None, None, None, "yesterday"], data=['{"n":1}', "[1]", "7", "{", None],
    )  # fmt: skip
    assert decoded.index.tolist() == [0]
    assert [dict(r.faults).keys() for r in decoded.refused] == [
        {"type"},
        {"type", "subject"},
        {"type", "data"},
        {"time"},
    ]
    assert dict(decoded.refused[0].faults) == {"type": "is required"}
    assert json.loads(decoded.refused[3].payload)["time"] == "yesterday"


def test_times_are_timestamps_dates_or_text_and_never_bare_numbers() -> None:
    for column in (pa.array([AT], pa.timestamp("ns", "Europe/Berlin")),
                   pa.array([AT.replace(tzinfo=None)], pa.timestamp("ms")),
                   pa.array(["2026-11-24T05:39:00+01:00"])):  # fmt: skip
        assert sent(type=["a"], time=column).batch["time"].to_pylist() == [AT]
    assert sent(type=["a"], time=[date(2026, 11, 24)]).batch["time"].to_pylist() == [datetime(2026, 11, 24, tzinfo=UTC)]
    with pytest.raises(Rejected, match="time: is a column of int64; make it one of timestamps"):
        sent(type=["a"], time=[1_700_000_000])
    (early,) = sent(type=["a"], time=pa.array([1_700_000_000], pa.timestamp("ms"))).refused
    assert "seconds where milliseconds belong" in early.reason


def test_cells_of_every_type_become_properties() -> None:
    decoded = sent(
        type=["a"], price=[Decimal("12.50")], day=[date(2024, 2, 29)], tags=[["x", 'y"']],
        who=[{"name": "Ada", "age": None}],
        plan=pa.array(["pro"]).dictionary_encode(), nothing=[None], gap=[float("nan")], when=[AT], blob=[b"\x00\x01"],
    )  # fmt: skip
    assert properties(decoded) == [
        {"price": 12.5, "day": "2024-02-29", "tags": ["x", 'y"'], "who": {"name": "Ada"}, "plan": "pro",
         "when": "2026-11-24T04:39:00+00:00", "blob": "AAE="}
    ]  # fmt: skip
    (refused,) = sent(type=["a", "b"], ratio=[1.0, float("inf")]).refused
    assert (refused.index, refused.field) == (1, "ratio")


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1.5, None, -0.0, float("nan"), 1e300]),
        pa.array([0.1, None, 3.0, -2.5, float("nan")], pa.float32()),
        pa.array([2**53 + 1, -(2**63), 2**63 - 1, 0, None], pa.int64()),
        pa.array([2**64 - 1, 2**53 + 1, 1, 0, None], pa.uint64()),
        pa.array([True, False, None, True, False]),
        pa.array(["12", "", None, "ten", "1.5"]),
        pa.array([Decimal("1.10"), None, Decimal("-2.00"), Decimal("0.30"), Decimal("7.00")]),
        pa.array([1.0, 2.0, None, 1.0, 2.0]).dictionary_encode(),
        pa.nulls(5),
    ],
)
def test_the_number_of_a_column_is_the_one_that_its_json_has(values: pa.Array) -> None:
    kinds = ["reading.taken"] * 5
    taken = sent(type=kinds, value=values)
    read = sent(type=kinds, value=values, revenue=pa.nulls(5, pa.string()))  # with it, the JSON is looked into
    assert taken.batch["properties"].equals(read.batch["properties"])
    assert taken.batch["value"].equals(read.batch["value"])
    texts = [json.loads(text) for text in taken.batch["properties"].to_pylist()]
    numbers = [t.get("value") for t in texts]
    assert taken.batch["value"].to_pylist() == [
        float(number) if isinstance(number, int | float) and not isinstance(number, bool) else None
        for number in numbers
    ]


def test_data_is_a_struct_or_json_and_counts_over_columns() -> None:
    assert properties(sent(type=["a"], data=[{"n": 1}], m=[2])) == [{"m": 2, "n": 1}]
    assert properties(sent(type=["a"], data=['{"n": 1, "m": [1, 2]}'], m=[2])) == [{"m": [1, 2], "n": 1}]
    assert properties(sent(type=["a"], data=['"text"'])) == [{"data": "text"}]
    assert properties(sent(type=["a"], data=[7])) == [{"data": 7}]


def test_rows_without_an_id_are_as_many_events_and_a_retry_is_known_by_its_name() -> None:
    body = written(pa.table({"type": ["click", "click"]}))
    first, again, other = (decode_table(body, ARROW_STREAM, NOW, request=name) for name in ("r", "r", None))
    assert len(set(identities(first))) == 2
    assert identities(first) == identities(again) != identities(other)


def test_whole_numbers_are_subjects_and_ids() -> None:
    row = sent(type=["a"], subject=[7], id=[8]).batch.to_pylist()[0]
    assert (row["subject"], row["id"]) == ("7", "8")


@pytest.mark.parametrize(
    ("columns", "field", "remedy"),
    [
        ({"kind": ["a"]}, "type", "name the column that says what happened"),
        ({"type": [1.5]}, "type", "make it one of strings"),
        ({"type": ["a"], "source": [1]}, "source", "make it one of strings"),
    ],
)
def test_a_column_that_cannot_be_read_is_named(columns: dict[str, Any], field: str, remedy: str) -> None:
    with pytest.raises(Rejected) as caught:
        sent(**columns)
    assert caught.value.field == field
    assert remedy in caught.value.reason


def test_bad_bodies_are_refused_as_a_whole_with_a_remedy() -> None:
    good = written(pa.table({"type": ["a"]}))
    for body, media in ((b"", ARROW_STREAM), (good[:-40], ARROW_STREAM), (b"PAR1nonsense", PARQUET), (good, ARROW_FILE),
                        (written(pa.table({"type": ["a"]}), ARROW_FILE), ARROW_STREAM), (b"{}", PARQUET)):  # fmt: skip
        with pytest.raises(Rejected, match="body: "):
            decode_table(body, media, NOW)
    twice = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], ["type", "type"])
    with pytest.raises(Rejected, match="type: is the name of two columns"):
        decode_table(written(twice), ARROW_STREAM, NOW)
    with pytest.raises(Rejected, match="body: cannot be read"):  # text that is not UTF-8
        decode_table(good.replace(b"a\0\0\0\0\0\0\0", b"\xff\0\0\0\0\0\0\0"), ARROW_STREAM, NOW)


@pytest.mark.parametrize("media", [ARROW_STREAM, PARQUET])
def test_bodies_are_bounded_in_rows_and_in_what_they_unpack_to(media: str) -> None:
    with pytest.raises(TooLarge, match="20,000"):
        decode_table(written(pa.table({"type": ["a"] * 20_001}), media), media, NOW)
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), pa.array(["x" * 100_000]))
    with pytest.raises(TooLarge, match="unpacked"):
        decode_table(written(pa.table({"type": ["a"] * 20_000, "big": long}), media), media, NOW)


def test_a_bomb_is_refused_by_what_it_says_before_it_is_unpacked() -> None:
    body = bytearray(written(pa.table({"type": ["a" * 3_000]}), compression="zstd"))
    at = body.rfind(struct.pack("<q", 3_000))
    body[at : at + 8] = struct.pack("<q", 1 << 40)
    with pytest.raises(TooLarge, match="unpacked"):
        decode_table(bytes(body), ARROW_STREAM, NOW)


@quick
@given(st.data(), st.sampled_from([ARROW_STREAM, ARROW_FILE, PARQUET]))
def test_any_damage_is_refused_or_read_and_nothing_else(data: st.DataObject, media: str) -> None:
    body = bytearray(written(pa.table({"type": ["a", "b"], "plan": ["x", None], "n": [1, 2]}), media))
    for at in data.draw(st.lists(st.integers(0, len(body) - 1), max_size=4)):
        body[at] = data.draw(st.integers(0, 255))
    with suppress(Rejected):
        decode_table(bytes(body), media, NOW).batch.validate(full=True)
