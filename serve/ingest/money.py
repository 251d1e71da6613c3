"""Money in properties: ``revenue``; or ``amount``, ``total`` or ``value`` beside a ``currency``; exactly, in minor units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from types import NoneType
from typing import Any

import msgspec

from serve.ingest.verdicts import Fault

# ISO 4217, active codes (funds codes, metals and XXX/XTS left out); exponents that are not 2 below.
_CODES = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP "
    "CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR "
    "ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT "
    "MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD "
    "SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UYW UZS VED "
    "VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG"
)
_NO_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"
_EXPONENTS = {**dict.fromkeys(_NO_DIGITS.split(), 0), **dict.fromkeys(_THREE_DIGITS.split(), 3), "UYW": 4}
CURRENCY_EXPONENT = {code: _EXPONENTS.get(code, 2) for code in _CODES.split()}
"""Decimal digits of the minor unit of each ISO 4217 currency."""

_INT64 = 2**63 - 1
_EXACT = Context(prec=100, rounding=ROUND_HALF_EVEN)
_LONGEST = 64
_BEYOND_FLOAT = Fault("value", "is beyond the range of a 64-bit float; send a smaller number")


@dataclass(slots=True)
class Money:
    """What rows say about money, a value or None a row: minor units with their currency, and the number ``value``."""

    value: list[float | None]
    amount: list[int | None] | None = None
    currency: list[str | None] | None = None


class _Said(msgspec.Struct, gc=False):
    """The money fields of properties; what is exact stays text until it is known to be money."""

    revenue: msgspec.Raw = msgspec.Raw()
    amount: msgspec.Raw = msgspec.Raw()
    total: msgspec.Raw = msgspec.Raw()
    currency: msgspec.Raw = msgspec.Raw()
    value: Any = None


_said_by_all = msgspec.json.Decoder(list[_Said])
_said_by_one = msgspec.json.Decoder(_Said)
_NOTHING = _Said()


def read_money(properties: Sequence[bytes | msgspec.Raw]) -> tuple[Money | None, dict[int, Fault]]:
    """The money in each row's properties (JSON objects), and which rows say something that cannot be money.

    None in place of money where no row says anything. Fields of faults are relative to the properties.
    """
    texts = b",".join(properties)
    if not (b'"value"' in texts or _may_say_amount(texts)):
        return None, {}
    faults: dict[int, Fault] = {}
    try:
        said = _said_by_all.decode(b"[" + texts + b"]")
    except msgspec.MsgspecError:  # a number beyond float64 in one row; the texts are valid JSON objects
        said = [_one(i, text, faults) for i, text in enumerate(properties)]
    values = [row.value for row in said]
    if not {type(value) for value in values} <= {float, NoneType}:
        values = [_number(i, value, faults) for i, value in enumerate(values)]
    money = Money(values)
    if _may_say_amount(texts):
        amounts: list[int | None] = [None] * len(said)
        currencies: list[str | None] = [None] * len(said)
        for i, row in enumerate(said):
            if len(row.revenue) or len(row.currency):
                found = _amount(row, properties[i])
                if isinstance(found, Fault):
                    faults.setdefault(i, found)
                elif found:
                    amounts[i], currencies[i] = found
        money.amount, money.currency = amounts, currencies
    return money, faults


def _number(index: int, value: object, faults: dict[int, Fault]) -> float | None:
    """A JSON number as float64; other values of ``value`` are any property, and stay in the properties."""
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            faults[index] = _BEYOND_FLOAT
    return None


def _may_say_amount(texts: bytes) -> bool:
    """Keys may be written with escapes (``\\u0076alue``), so any such escape counts as a maybe."""
    return b'"revenue"' in texts or b'"currency"' in texts or b"\\u" in texts


def _one(index: int, text: bytes | msgspec.Raw, faults: dict[int, Fault]) -> _Said:
    try:
        return _said_by_one.decode(text)
    except msgspec.MsgspecError:
        faults[index] = _BEYOND_FLOAT
        return _NOTHING


class _ExactValue(msgspec.Struct, gc=False):
    value: msgspec.Raw = msgspec.Raw()


_exact_value = msgspec.json.Decoder(_ExactValue)


def _amount(row: _Said, properties: bytes | msgspec.Raw) -> tuple[int, str] | Fault | None:
    """Minor units and currency. Beyond the minor unit, amounts are rounded half to even: 0.1 + 0.2 is 30 cents."""
    name, text = "revenue", bytes(row.revenue)
    if text in (b"", b"null"):
        said = (("amount", row.amount), ("total", row.total), ("value", _exact_value.decode(properties).value))
        name, text = next(((name, bytes(raw)) for name, raw in said if _is_number(bytes(raw).strip(b'"'))), ("", b""))
        if not text or bytes(row.currency) in (b"", b"null"):
            return None  # these are money only as a number beside a currency; else they are any property
    number = text[1:-1] if text[:1] == b'"' else text
    try:
        exact = Decimal(number.decode()) if len(number) <= _LONGEST else None
    except InvalidOperation:
        exact = None
    if exact is None or not exact.is_finite() or not _is_number(number):
        return Fault(
            name,
            f"must be a finite decimal number of at most {_LONGEST} characters, got {text[:40].decode('utf-8', 'replace')}",
        )
    currency = _currency(bytes(row.currency))
    if currency is None:
        said = bytes(row.currency)[:40].decode("utf-8", "replace")
        return Fault("currency", f"must be an ISO 4217 code such as USD or EUR, got {said}")
    if exact.adjusted() > 20:  # before scaling, which has its own limits
        return Fault(name, f"{number.decode()} {currency} is beyond what 64-bit minor units can hold")
    if exact.adjusted() < -20:
        exact = Decimal(0)
    minor = int(exact.scaleb(CURRENCY_EXPONENT[currency], _EXACT).quantize(Decimal(1), context=_EXACT))
    if abs(minor) > _INT64:
        return Fault(name, f"{number.decode()} {currency} is beyond what 64-bit minor units can hold")
    return minor, currency


def _is_number(text: bytes) -> bool:
    """Whether JSON text is a number (or would be, unquoted); no ``NaN``, ``Infinity``, underscore or blank passes."""
    return text[:1] in b"-0123456789" and text != b"" and not (set(text) - set(b"+-.0123456789eE"))


def _currency(text: bytes) -> str | None:
    if text in (b"", b"null"):
        return "USD"
    code = msgspec.json.decode(text)
    if isinstance(code, str) and code.upper() in CURRENCY_EXPONENT:
        return code.upper()
    return None
