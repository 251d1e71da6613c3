"""What in an event's properties says money: one definition for the door that reads it and for the folds that count it."""

from __future__ import annotations

import msgspec


class MoneyFields(msgspec.Struct, gc=False):
    """The fields of properties that may say money, as JSON text; an absent one is empty."""

    revenue: msgspec.Raw = msgspec.Raw()
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
    return bytes(said.currency) not in NOTHING and (is_number(bytes(said.total)) or is_number(bytes(said.value)))


def is_number(text: bytes) -> bool:
    """Whether JSON text is a number (or would be, unquoted); no ``NaN``, ``Infinity``, underscore or blank passes."""
    return text[:1] in b"-0123456789" and text != b"" and not (set(text) - set(b"+-.0123456789eE"))
