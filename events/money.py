"""What in an event's properties says money: one definition for the door that reads it and for the folds that count it."""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class MoneyFields(msgspec.Struct, gc=False):
    """The fields of properties that may say money, as JSON text; an absent one is empty."""

    revenue: msgspec.Raw = msgspec.Raw()
    amount: msgspec.Raw = msgspec.Raw()
    total: msgspec.Raw = msgspec.Raw()
    currency: msgspec.Raw = msgspec.Raw()
    value: msgspec.Raw = msgspec.Raw()


NOTHING = (b"", b"null")
"""JSON text of a field that says nothing."""

_fields = msgspec.json.Decoder(MoneyFields)


def money_fields(properties: bytes | str | msgspec.Raw) -> MoneyFields:
    """The money fields of properties, a JSON object."""
    return _fields.decode(properties)


def claims_money(properties: bytes | str) -> bool:
    """Whether properties say an amount, readable or not: ``revenue``, or a number beside a ``currency``.

    Text that is no JSON object says nothing.
    """
    try:
        said = money_fields(properties)
    except (msgspec.MsgspecError, RecursionError):
        return False
    if bytes(said.revenue) not in NOTHING:
        return True
    return bytes(said.currency) not in NOTHING and bool(stated(said).text)


class Stated(NamedTuple):
    """A number that is money beside a currency: its field, and its JSON text, also as a string."""

    field: str
    text: bytes


def stated(said: MoneyFields) -> Stated:
    """The first of ``amount``, ``total`` and ``value`` that is a number; an empty text where none is."""
    for field, raw in (("amount", said.amount), ("total", said.total), ("value", said.value)):
        text = bytes(raw)
        quoted = text[1:-1].strip() if text[:1] == b'"' and field == "amount" else text
        if is_number(quoted):
            return Stated(field, text)
    return Stated("", b"")


def is_number(text: bytes) -> bool:
    """Whether JSON text is a number (or would be, unquoted); no ``NaN``, ``Infinity``, underscore or blank passes."""
    return text[:1] in b"-0123456789" and text != b"" and not (set(text) - set(b"+-.0123456789eE"))
