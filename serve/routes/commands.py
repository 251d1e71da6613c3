"""Commands: keys, alert rules, acknowledgements. Each becomes one event on ``control`` before it is answered."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from actors.alerts.definition import RuleFields
from actors.definitions import inventory
from actors.definitions.checking import Wanted
from events.errors import Rejected
from serve.defining import define, found, remove
from serve.gateway import Gateway, gateway_of, principal
from serve.keys import OLD_NAME, free_source, key_hash, new_key, source_of, valid_scopes
from serve.problems import REFUSALS, Missing
from serve.telling import Command, tell

router = APIRouter(tags=["commands"], responses=REFUSALS)
Name = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f]+$")]
IdempotencyKey = Annotated[str | None, Header(max_length=200)]


class NewKey(BaseModel):
    """``source`` is the product whose events the key brings.

    Ids of events are unique within a source, whichever of its keys they come with. Not given, it is the key's name, or
    its id where another key's product has that name.
    """

    name: Name = OLD_NAME
    scopes: list[str]
    source: Name | None = None

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "website", "scopes": ["ingest"]}]})


class Key(BaseModel):
    """A key as it is known; ``key`` itself is shown once, when it is made."""

    id: str
    name: str
    scopes: list[str]
    source: str
    created: float = 0.0
    expires: float | None = None
    """Of a session of the page: when it ends, seconds UTC."""


class MadeKey(Key):
    key: str


class NewRule(RuleFields):
    """An alert rule: ``condition`` over a metric's samples, fired after ``for_s``; the language is in docs/rules.md."""

    channels: Annotated[list[str], Field(max_length=20)]

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "Many events",
                    "condition": "events.count > threshold",
                    "threshold": 10_000,
                    "channels": ["dashboard"],
                    "severity": "low",
                }
            ]
        },
    )


class Rule(BaseModel):
    """A rule as it is kept."""

    name: str
    condition: str
    threshold: float
    channels: list[str]
    severity: str = "medium"
    for_s: float = 0.0
    no_data: str = "resolve"
    clear_threshold: float | None = None
    keep_firing_for_s: float = 0.0
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    runbook: str = ""
    active: dict[str, Any] | None = None
    """``{days, from, to, time_zone}``; null: always."""


class MadeRule(Rule):
    """``warnings``: what may be a mistake, such as a metric that no sample has been seen of."""

    warnings: list[str] = []


@router.get("/v1/keys", response_model=list[Key])
async def list_keys(request: Request) -> list[Key]:
    await principal(request, "admin")
    known = gateway_of(request).access.keys.values()
    return [_known_key(key) for key in known]


def _known_key(key: Mapping[str, Any]) -> Key:
    return Key.model_validate({**key, "source": source_of(key)})


@router.post("/v1/keys", response_model=MadeKey, status_code=201)
async def create_key(request: Request, wanted: NewKey) -> MadeKey:
    """Make an API key; it is shown only here."""
    await principal(request, "admin")
    gateway = gateway_of(request)
    scopes = sorted(valid_scopes(wanted.scopes))
    id_ = _new_id()
    if wanted.source is None:
        await gateway.access.refresh()
    source = wanted.source or free_source(wanted.name, id_, gateway.access.keys.values())
    return await _make_key(gateway, id_, wanted.name, scopes, source)


@router.post("/v1/keys/{id}/rotate", response_model=MadeKey, status_code=201)
async def rotate_key(request: Request, id: str) -> MadeKey:
    """Make another key of the same name, scopes and source; the old one works until it is revoked."""
    await principal(request, "admin")
    gateway = gateway_of(request)
    _, known = await _find_key(gateway, id)
    return await _make_key(gateway, _new_id(), known["name"], known["scopes"], source_of(known))


def _new_id() -> str:
    return "key_" + secrets.token_hex(6)


async def _make_key(gateway: Gateway, id_: str, name: str, scopes: list[str], source: str) -> MadeKey:
    key = new_key()
    data: dict[str, Any] = {"id": id_, "name": name, "scopes": scopes, "source": source}
    await command(gateway, "key.created", key_hash(key), data)
    await gateway.access.until("keys", key_hash(key), present=True)
    return MadeKey(**data, key=key, created=time.time())


async def _find_key(gateway: Gateway, id: str) -> tuple[str, Mapping[str, Any]]:
    """A key by its id: its hash and what is known of it. Raises ``Missing``."""
    await gateway.access.refresh()
    found = next(((hashed, known) for hashed, known in gateway.access.keys.items() if known["id"] == id), None)
    if found is None:
        raise Missing("id", f"there is no key {id!r}")
    return found


@router.delete("/v1/keys/{id:path}", status_code=204)
async def revoke_key(request: Request, id: str) -> Response:
    await principal(request, "admin")
    gateway = gateway_of(request)
    hashed, _ = await _find_key(gateway, id)
    await command(gateway, "key.revoked", hashed, {"id": id})
    await gateway.access.until("keys", hashed, present=False)
    return Response(status_code=204)


@router.get("/v1/alerts/rules", response_model=list[Rule])
async def list_rules(request: Request) -> list[Rule]:
    await principal(request, "query")
    held = gateway_of(request).access.definitions.values()
    return [Rule.model_validate(entry["spec"]) for entry in held if entry["kind"] == "rule"]


@router.post("/v1/alerts/rules", response_model=MadeRule, status_code=201)
async def create_rule(request: Request, rule: NewRule) -> MadeRule:
    """Create a rule, or replace the one of the same name. The evaluator takes it in order with the data.

    A rule that can never fire is refused; what may be a mistake is in ``warnings``.
    """
    who = await principal(request, "control")
    (change,) = await define(gateway_of(request), [Wanted("rule", None, rule.model_dump(mode="json"))], who.name)
    return MadeRule(**rule.model_dump(mode="json"), warnings=change.warnings)


@router.get("/v1/alerts/rules/{name:path}", response_model=Rule)
async def read_rule(request: Request, name: str) -> Rule:
    """One rule; its name percent-encoded where it is not made of plain letters."""
    await principal(request, "query")
    gateway = gateway_of(request)
    await gateway.access.refresh()
    return Rule.model_validate(found(gateway, inventory.Key("rule", name))["spec"])


@router.delete("/v1/alerts/rules/{name:path}", status_code=204)
async def delete_rule(request: Request, name: str) -> Response:
    who = await principal(request, "control")
    await remove(gateway_of(request), inventory.Key("rule", name), who.name)
    return Response(status_code=204)


@router.post("/v1/alerts/{id:path}/acknowledge", status_code=204)
async def acknowledge(request: Request, id: str, idempotency_key: IdempotencyKey = None) -> Response:
    """Say that somebody is on it. Repeats with one ``Idempotency-Key`` count once."""
    who = await principal(request, "control")
    await command(gateway_of(request), "alert.acknowledged", id, {"by": who.name}, idempotency_key)
    return Response(status_code=204)


async def command(
    gateway: Gateway, type_: str, subject: str, data: dict[str, Any], idempotency_key: str | None = None
) -> None:
    """Commit one command. The same idempotency key with the same content is accepted once.

    Raises ``Rejected`` where it was used for something else.
    """
    receipt = await tell(gateway, [Command(type_, subject, data)], idempotency_key)
    if receipt.verdict[0] == 2:
        raise Rejected("idempotency-key", "was used before for another command; use a new one")
