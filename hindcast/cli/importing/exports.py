"""What rows of other products' exports are as events: Segment's messages, PostHog's events, Stripe's events and tables.

Each translation takes one row of the documented export and answers the event that a live sender would have sent, so a metric
or a question means both. ``known`` is when the row became known there, where the export says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from serve.ingest.money import CURRENCY_EXPONENT
from serve.posthog.words import type_of


class Translated(NamedTuple):
    """An event (a CloudEvent, or a message of Segment), and what an event cannot say; or the fault of a row."""

    event: dict[str, Any]
    known: str | None = None
    anonymous: str | None = None
    fault: str = ""


Translate = Callable[[Mapping[str, Any], str], Translated]
"""A row's fields and the source to give it, where the row names none."""

_DELIVERY = {"sentAt", "receivedAt", "integrations", "_metadata", "writeKey", "channel", "version", "projectId"}
_WAREHOUSE = {"id", "event", "event_text", "uuid_ts", "loaded_at", "anonymous_id", "user_id", "messageid"}
_TIMES = {"received_at", "sent_at", "original_timestamp", "timestamp"}


def segment(fields: Mapping[str, Any], source: str) -> Translated:
    """A message as Segment's S3 and file destinations store it, or a row of a warehouse's tables of tracks and pages.

    ``timestamp`` is the time that Segment has corrected for the sender's clock; ``receivedAt`` is when it became known.
    """
    if "type" not in fields and ("event_text" in fields or "received_at" in fields):
        return _of_warehouse(fields)
    message = {name: value for name, value in fields.items() if name not in _DELIVERY and value is not None}
    message.setdefault("timestamp", fields.get("originalTimestamp") or fields.get("receivedAt"))
    message.pop("originalTimestamp", None)
    return Translated(message, _text(fields.get("receivedAt")))


def _of_warehouse(fields: Mapping[str, Any]) -> Translated:
    context, properties = {}, {}
    for name, value in fields.items():
        if value is None or name in _WAREHOUSE or name in _TIMES:
            continue
        if name.startswith("context_"):
            context[name.removeprefix("context_")] = value
        else:
            properties[name] = value
    kind = {"type": "track", "event": fields.get("event_text") or fields.get("event")}
    if not kind["event"]:
        if not ("path" in fields or "url" in fields):
            return Translated({}, fault="is no row of `tracks` or `pages`: it has neither event_text nor path")
        kind = {"type": "page", "name": properties.pop("name", None)}
    message = {
        **{name: value for name, value in kind.items() if value is not None},
        "messageId": _text(fields.get("id")),
        "userId": _text(fields.get("user_id")),
        "anonymousId": _text(fields.get("anonymous_id")),
        "timestamp": _utc(fields.get("timestamp") or fields.get("received_at")),
        "properties": properties,
        "context": context,
    }
    said = {name: value for name, value in message.items() if value is not None}
    return Translated(said, _utc(fields.get("received_at")))


def posthog(fields: Mapping[str, Any], source: str) -> Translated:
    """An event as PostHog's API, its batch exports and the page's export have it.

    ``properties`` may be an object or its JSON text, as in CSV. Who is not identified has a ``distinct_id`` that is that of
    their device: it is the anonymous id.
    """
    name, who = fields.get("event"), _text(fields.get("distinct_id"))
    if not name:
        return Translated({}, fault="has no field event; is it an export of events?")
    properties = fields.get("properties") or {}
    if isinstance(properties, str):
        try:
            properties = json.loads(properties)
        except json.JSONDecodeError as error:
            return Translated({}, fault=f"properties is no JSON ({error})")
    if not isinstance(properties, dict):
        return Translated({}, fault="properties is no object")
    said: dict[str, Any] = properties
    device = said.get("$device_id")
    unknown = said.get("$is_identified") is False or (device is not None and device == who)
    type_ = type_of(str(name), _text(said.get("$event_type")))
    event = {
        "specversion": "1.0",
        "id": _text(fields.get("uuid") or fields.get("id")),
        "source": source,
        "type": type_,
        "subject": None if unknown else who,
        "time": _utc(fields.get("timestamp")),
        "data": said,
    }
    anonymous = who if unknown else _text(said.get("$anon_distinct_id"))
    return Translated({k: v for k, v in event.items() if v is not None}, _utc(fields.get("created_at")), anonymous)


_HUNDREDS = ("ISK", "UGX")
"""Currencies without minor units that Stripe counts in hundredths all the same (https://docs.stripe.com/currencies)."""
_STATES = {"paid": "succeeded", "succeeded": "succeeded", "failed": "failed", "refunded": "refunded"}


def stripe(fields: Mapping[str, Any], source: str) -> Translated:
    """An event of Stripe's list of events, or a row of its CSV exports of payments (charges) and of invoices.

    Money becomes ``amount`` in whole units beside ``currency``, as everywhere; all else is kept as Stripe says it.
    """
    if fields.get("object") == "event" or (isinstance(fields.get("data"), dict) and "created" in fields):
        return _stripe_event(fields, source)
    plain = {_plain(name): value for name, value in fields.items()}
    if "amountpaid" in plain or "amountdue" in plain:
        return _stripe_row(fields, plain, source, "invoice")
    if "amount" in plain:
        return _stripe_row(fields, plain, source, "charge")
    return Translated({}, fault="is neither an event nor a row of an export of payments or invoices")


def _stripe_event(fields: Mapping[str, Any], source: str) -> Translated:
    about: Any = (fields.get("data") or {}).get("object")
    if not isinstance(about, dict):
        return Translated({}, fault="has no data.object; is it a list of events?")
    said: dict[str, Any] = about
    type_ = str(fields.get("type") or "")
    data = {name: value for name, value in said.items() if name not in ("amount", "currency")}
    field = {"checkout.session": "amount_total", "invoice": "amount_due"}.get(str(said.get("object")), "amount")
    if type_ in ("invoice.paid", "invoice.payment_succeeded"):
        field = "amount_paid"
    if type_ == "charge.refunded":
        field = "amount_refunded"
    currency = str(said.get("currency") or "").upper()
    if isinstance(said.get(field), int) and currency in CURRENCY_EXPONENT:
        data |= {"amount": str(_whole(said[field], currency)), "currency": currency}
    customer = said.get("customer")
    subject = customer.get("id") if isinstance(customer, dict) else customer
    return _cloudevent(fields.get("id"), source, type_, subject or said.get("id"), fields.get("created"), data)


def _whole(amount: int, currency: str) -> Decimal:
    """An amount as Stripe counts it, in whole units."""
    digits = 2 if currency in _HUNDREDS else CURRENCY_EXPONENT[currency]
    return Decimal(amount).scaleb(-digits)


def _stripe_row(fields: Mapping[str, Any], plain: Mapping[str, Any], source: str, kind: str) -> Translated:
    at = next((plain[n] for n in ("createddateutc", "createdutc", "dateutc", "created", "date") if plain.get(n)), None)
    state = str(plain.get("status") or "").lower()
    if kind == "invoice":
        paid = state == "paid" or str(plain.get("paid")).lower() == "true"
        type_, money = (
            "invoice.paid" if paid else f"invoice.{state or 'created'}",
            "amountpaid" if paid else "amountdue",
        )
    else:
        type_, money = f"charge.{_STATES.get(state, state or 'created')}", "amount"
    taken = {"id"}
    data = {n: v for n, v in fields.items() if v is not None and n not in taken and _plain(n) != "currency"}
    data |= {
        "amount": str(plain.get(money) or "0").replace(",", ""),
        "currency": str(plain.get("currency") or "").upper(),
    }
    subject = plain.get("customerid") or plain.get("customer") or plain.get("customeremail")
    id = plain.get("id")
    return _cloudevent(None if id is None else f"{id}:{type_}", source, type_, subject, at, data)


def _cloudevent(id: Any, source: str, type_: str, subject: Any, at: Any, data: Mapping[str, Any]) -> Translated:
    event = {"specversion": "1.0", "id": _text(id), "source": source, "type": type_, "subject": _text(subject)}
    event |= {"time": _utc(at), "data": dict(data)}
    return Translated({name: value for name, value in event.items() if value is not None})


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)


def _utc(value: Any) -> str | None:
    """A time as ISO 8601: these exports mean UTC where they name no zone, and seconds where they have a number."""
    if value is None or value == "":
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC).isoformat()
    text = str(value).strip()
    try:
        at = datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError:
        return text  # the door says what is wrong with it
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()


EXPORTS: Mapping[str, Translate] = {"segment": segment, "posthog": posthog, "stripe": stripe}
"""By the word after ``hindcast import``."""
