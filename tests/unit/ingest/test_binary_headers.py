"""CloudEvents in binary mode: what a header says is what its sender meant, or the request is refused."""

from __future__ import annotations

import json

import pytest

from events.errors import Rejected
from serve.ingest import decode_cloudevents

NOW = 1_795_495_200_000_000
KNOWN = {"ce-id": "e1", "ce-source": "/shop", "ce-type": "order.placed", "ce-specversion": "1.0"}


def subject(value: bytes, name: str = "ce-subject") -> str:
    """The subject that the bytes of a header say."""
    decoded = decode_cloudevents(b"{}", "application/json", {**KNOWN, name: value.decode("latin-1")}, NOW)
    assert decoded.refused == []
    return decoded.batch["subject"][0].as_py()


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (b"u1", "u1"),
        (b"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        (b"Euro%20%e2%82%ac%20%f0%9f%98%80", "Euro € 😀"),
        (b"%75%31", "u1"),
        (b'"two words"', "two words"),
        (b'"say \\"hi\\" \\\\ \\x"', 'say "hi" \\ x'),
        (b'"Z%C3%BCrich"', "Zürich"),
        (b"%22quoted%22", '"quoted"'),
        (b'"\\%41"', "A"),
        (b"%2541", "%41"),
        (b"100%", "100%"),
        ("Zürich €".encode(), "Zürich €"),
        (b"a+b", "a+b"),
    ],
)
def test_a_header_says_what_its_sender_meant(value: bytes, meant: str) -> None:
    assert subject(value) == subject(value, "CE-Subject") == meant


@pytest.mark.parametrize(
    "value", [b"%C0%A0", b"%FF", b"%ed%a0%80", "Zürich".encode("latin-1"), b'"open', b'"a" b', b'"a\\"']
)
def test_a_header_that_says_no_text_is_refused(value: bytes) -> None:
    with pytest.raises(Rejected) as refused:
        subject(value)
    assert refused.value.field == "ce-subject"
    assert "%" in refused.value.reason


def test_extensions_and_the_identity_are_decoded_alike() -> None:
    headers = {**KNOWN, "ce-id": "Z%C3%BC", "ce-place": '"Zürich"'.encode().decode("latin-1")}
    row = decode_cloudevents(b"{}", "application/json", headers, NOW).batch.to_pylist()[0]
    assert (row["id"], json.loads(row["context"])) == ("Zü", {"place": "Zürich"})


def test_an_attribute_in_two_headers_is_refused() -> None:
    with pytest.raises(Rejected, match="stands in two headers"):
        decode_cloudevents(b"{}", "application/json", {**KNOWN, "CE-ID": "e2"}, NOW)


def test_a_nul_in_a_header_is_refused_like_any_other() -> None:
    (refused,) = decode_cloudevents(b"{}", "application/json", {**KNOWN, "ce-subject": "a%00b"}, NOW).refused
    assert refused.field == "subject"
