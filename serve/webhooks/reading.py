"""What a webhook says, as rows of ``business_events``: each scheme's own fields by default, or as the endpoint maps them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from events.collected import BUSINESS_EVENTS
from events.errors import Rejected
from serve.ingest.money import CURRENCY_EXPONENT
from serve.sources.gathered import Gathered
from serve.sources.mapping import Mapper
from serve.webhooks.part import Endpoint
from serve.webhooks.signatures import Signed

_DEFAULTS: dict[str, dict[str, str]] = {
    "stripe": {
        "id": "id",
        "type_from": "type",
        "time": "created",
        "subject": "data.object.customer || data.object.id",
        "properties": "data.object",
    },
    "standard": {"type_from": "type", "time": "timestamp", "properties": "data"},
    "github": {"subject": "repository.full_name || organization.login || sender.login"},
    "hmac": {},
}
_STRIPE_HUNDREDS = ("ISK", "UGX")
"""Currencies without minor units that Stripe counts in hundredths all the same (https://docs.stripe.com/currencies)."""


def read(
    endpoint: Endpoint, name: str, signed: Signed, headers: Mapping[str, str], body: bytes, received_us: int
) -> Gathered:
    """The row that ``body`` is, or a refused one. Raises ``Rejected`` for a body that is no JSON object."""
    try:
        said: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Rejected("body", f"is signed, but is not JSON: {error}") from None
    if not isinstance(said, dict):
        raise Rejected("body", "is signed, but is no JSON object")
    item: dict[str, Any] = said
    if endpoint.scheme == "standard":
        item = {**item, "timestamp": item.get("timestamp") or signed.at_s}
    asked = {k: v for k, v in _DEFAULTS[endpoint.scheme].items() if k not in endpoint.model_fields_set}
    if endpoint.scheme == "github" and "type" not in endpoint.model_fields_set:
        action = item.get("action")
        asked["type"] = ".".join(["github", headers.get("x-github-event", "event"), *([str(action)] if action else [])])
    mapper = Mapper(endpoint.model_copy(update=asked))
    gathered = Gathered(BUSINESS_EVENTS, endpoint.source or name, received_us)
    try:
        id = mapper.id_of(item) or signed.id or hashlib.sha256(body).hexdigest()
    except ValueError as error:
        gathered.refuse("id", str(error), body)
        return gathered
    if endpoint.scheme == "stripe":
        mapper.take(item, gathered, id, **_stripe_money(item))
    elif mapper.take(item, gathered, id):
        gathered.read_money()
    return gathered


def _stripe_money(event: Mapping[str, Any]) -> dict[str, Any]:
    """The amount of an event's object, in minor units as Stripe counts them; nothing where it has none."""
    about: Any = (event.get("data") or {}).get("object") or {}
    kind, type_ = about.get("object"), str(event.get("type", ""))
    field = {"checkout.session": "amount_total", "invoice": "amount_due"}.get(kind, "amount")
    if kind == "invoice" and type_ in ("invoice.paid", "invoice.payment_succeeded"):
        field = "amount_paid"
    if type_ == "charge.refunded":
        field = "amount_refunded"
    amount, currency = about.get(field), str(about.get("currency") or "").upper()
    if not isinstance(amount, int) or isinstance(amount, bool) or currency not in CURRENCY_EXPONENT:
        return {}
    if currency in _STRIPE_HUNDREDS:
        amount = round(amount / 100)
    return {"amount": amount, "currency": currency}
