"""Money in properties: ``revenue``; or ``amount``, ``total`` or ``value`` beside a ``currency``; exactly, in minor units.

Money that cannot be read costs the amount, never the event: the properties keep what was said, and a note says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from types import NoneType
from typing import Any

import msgspec
import pyarrow as pa

from events.money import NOTHING, is_number, money_fields, stated
from serve.ingest.bodies import may_hold
from serve.ingest.verdicts import Fault

# ISO 4217, active codes (funds codes, metals and XXX/XTS left out); exponents that are not 2 are below.
_CODES = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP "
    "CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR "
    "ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT "
    "MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD "
    "SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UYW UZS VED "
    "VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG"
)
# Codes that were withdrawn since 2000, the year of the earliest event that is taken: imports of history have them.
_WITHDRAWN = (
    "ADP AFA ATS AYM AZM BEF BGL BYB BYR CSD CUC CYP DEM EEK ESP FIM FRF GHC GRD HRK IEP ITL LTL LUF LVL MGF MRO MTL MZM "
    "NLG PTE RUR SDD SIT SKK SLL SRG STD TMM TPE TRL VEB VEF YUM ZMK ZWD ZWL ZWN ZWR"
)
_NO_DIGITS = (
    "ADP BEF BIF BYB BYR CLP DJF ESP GNF GRD ISK ITL JPY KMF KRW LUF MGF PTE PYG RWF TPE TRL UGX VND VUV XAF XOF XPF"
)
_THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"
_EXPONENTS = {**dict.fromkeys(_NO_DIGITS.split(), 0), **dict.fromkeys(_THREE_DIGITS.split(), 3), "UYW": 4}
CURRENCY_EXPONENT = {code: _EXPONENTS.get(code, 2) for code in f"{_CODES} {_WITHDRAWN}".split()}
"""Decimal digits of the minor unit of each ISO 4217 currency that was in use at any time since 2000."""

_CODE_BY_TEXT = {f'"{code}"'.encode(): code for code in CURRENCY_EXPONENT} | dict.fromkeys(NOTHING, "USD")
_INT64 = 2**63 - 1
_EXACT = Context(prec=100, rounding=ROUND_HALF_EVEN)
_LONGEST = 64
_BLANK = b" \t\r\n"
_BEYOND_FLOAT = Fault(
    "value", "is beyond the range of a 64-bit float, so the column value is empty; send a smaller number"
)
_NO_AMOUNT = "so the event has no amount"


Notes = list[tuple[int, Fault]]
"""Rows of a request, and what is to be said of them."""


@dataclass(slots=True)
class Money:
    """What rows say about money, a value or None a row: minor units with their currency, and the number ``value``."""

    value: list[float | None] | pa.Array
    amount: list[int | None] | None = None
    currency: list[str | None] | None = None


class _Said(msgspec.Struct, gc=False):
    """The money fields of properties; what is exact stays text until it is known to be money."""

    revenue: msgspec.Raw = msgspec.Raw()
    currency: msgspec.Raw = msgspec.Raw()
    value: Any = None


class _Value(msgspec.Struct, gc=False):
    """The same where no row says an amount."""

    value: Any = None


_value_by_all = msgspec.json.Decoder(list[_Value])
_said_by_all = msgspec.json.Decoder(list[_Said])
_said_by_one = msgspec.json.Decoder(_Said)


def read_money(properties: pa.Array) -> tuple[Money | None, Notes]:
    """The money in each row's properties (JSON objects), and notes on the rows whose money is not as it should be.

    A note says either that the row has no amount, for what it says cannot be read, or how it was read. None in place of
    money where no row says anything. Fields of notes are relative to the properties.
    """
    found = (properties.buffers()[2] or b"") if len(properties) else b""
    whole = bytes(found)
    says_amount = _may_say_amount(whole)
    if not (says_amount or b'"value"' in whole):
        return None, []
    rows: list[bytes] = properties.cast(pa.binary()).to_pylist()
    notes: Notes = []
    try:
        if not says_amount:
            values = [row.value for row in _value_by_all.decode(b"[" + b",".join(rows) + b"]")]
            return Money(_numbers(values, notes)), notes
        said = _said_by_all.decode(b"[" + b",".join(rows) + b"]")
    except msgspec.MsgspecError:  # a number beyond float64 in one row; the texts are valid JSON objects
        said = [_one(i, text, notes) for i, text in enumerate(rows)]
    money = Money(_numbers([row.value for row in said], notes))
    if says_amount:
        amounts: list[int | None] = [None] * len(said)
        currencies: list[str | None] = [None] * len(said)
        for i, row in enumerate(said):
            if len(row.revenue) or len(row.currency):
                found, note = _amount(row, rows[i])
                if note:
                    notes.append((i, note))
                if found:
                    amounts[i], currencies[i] = found
        money.amount, money.currency = amounts, currencies
    return money, notes


def _numbers(values: list[Any], notes: Notes) -> list[float | None]:
    if {*map(type, values)} <= {float, NoneType}:
        return values
    return [_number(i, value, notes) for i, value in enumerate(values)]


def _number(index: int, value: object, notes: Notes) -> float | None:
    """A JSON number as float64; other values of ``value`` are any property, and stay in the properties."""
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            notes.append((index, _BEYOND_FLOAT))
    return None


def _may_say_amount(texts: bytes) -> bool:
    """Keys may be written with escapes (``\\u0076alue``), so any such escape counts as a maybe."""
    return may_hold(b"\\u", texts) or b'"revenue"' in texts or b'"currency"' in texts


def _one(index: int, text: bytes | msgspec.Raw, notes: Notes) -> _Said:
    try:
        return _said_by_one.decode(text)
    except msgspec.MsgspecError:
        notes.append((index, _BEYOND_FLOAT))
        exact = money_fields(text)
        return _Said(exact.revenue, exact.currency)


def _amount(row: _Said, properties: bytes | msgspec.Raw) -> tuple[tuple[int, str] | None, Fault | None]:
    """Minor units and currency, or None; and what is to be said of it.

    Beyond the minor unit, amounts are rounded half to even: 0.1 + 0.2 is 30 cents.
    """
    name, text = "revenue", bytes(row.revenue)
    if text in NOTHING:
        name, text = stated(money_fields(properties))
        if not text or bytes(row.currency) in NOTHING:
            return None, None  # these are money only as a number beside a currency; else they are any property
    plainly = _plainly(text, row.currency)
    if plainly:
        return plainly, None
    number = (text[1:-1] if text[:1] == b'"' else text).strip(_BLANK)
    try:
        exact = Decimal(number.decode()) if len(number) <= _LONGEST else None
    except (InvalidOperation, UnicodeDecodeError):
        exact = None
    if exact is None or not exact.is_finite() or not is_number(number):
        reason = f"must be a finite decimal number of at most {_LONGEST} characters, got {_shown(text)}, {_NO_AMOUNT}"
        return None, Fault(name, reason)
    currency, note = _currency(bytes(row.currency))
    if currency is None:
        return None, note
    if exact.adjusted() > 20:  # before scaling, which has its own limits
        return None, _too_large(name, number, currency)
    if exact.adjusted() < -20:
        exact = Decimal(0)
    minor = int(exact.scaleb(CURRENCY_EXPONENT[currency], _EXACT).quantize(Decimal(1), context=_EXACT))
    if abs(minor) > _INT64:
        return None, _too_large(name, number, currency)
    if text[:1] == b'"' and len(number) != len(text) - 2:
        note = note or Fault(name, f"{_shown(text)} was read as {number.decode()}; send it without spaces")
    return (minor, currency), note


def _plainly(text: bytes, currency: msgspec.Raw) -> tuple[int, str] | None:
    """Minor units and currency of an amount as nearly all are: a positive number within the minor unit, a code in capitals.

    None for any other, which may be right or wrong.
    """
    code = _CODE_BY_TEXT.get(bytes(currency))
    if code is None:
        return None
    whole, _, fraction = text.partition(b".")
    places = CURRENCY_EXPONENT[code]
    if len(whole) > 15 or len(fraction) > places or not (whole + fraction).isdigit():
        return None
    return int(whole + fraction.ljust(places, b"0")), code


def _too_large(name: str, number: bytes, currency: str) -> Fault:
    return Fault(name, f"{number.decode()} {currency} is beyond what 64-bit minor units can hold, {_NO_AMOUNT}")


def _currency(text: bytes) -> tuple[str | None, Fault | None]:
    """The code, and what is to be said of it; USD where none is named, as Segment has it."""
    if text in NOTHING:
        return "USD", None
    said = msgspec.json.decode(text)
    code = said.strip().upper() if isinstance(said, str) else ""
    if code not in CURRENCY_EXPONENT:
        reason = f"must be an ISO 4217 code such as USD or EUR, got {_shown(text)}, {_NO_AMOUNT}"
        return None, Fault("currency", reason)
    if len(code) != len(said):
        return code, Fault("currency", f"{_shown(text)} was read as {code}; send it without spaces")
    return code, None


def _shown(text: bytes) -> str:
    return text[:40].decode("utf-8", "replace")
