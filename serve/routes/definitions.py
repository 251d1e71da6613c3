"""Definitions over HTTP: list, read, define, remove, and what they were before."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from actors import ledger
from actors.definitions.changes import differences
from actors.definitions.checking import Wanted
from actors.definitions.inventory import Key
from actors.definitions.kinds import kind_of
from serve.defining import Change, Definition, Difference, define, found, remove, warned
from serve.gateway import gateway_of, principal
from serve.parameters import known_parameters
from serve.problems import REFUSALS, Missing
from serve.routes.read import sql_answer

router = APIRouter(tags=["definitions"], responses=REFUSALS, dependencies=[Depends(known_parameters)])
MOST = 10_000
Name = Annotated[str, Path(examples=["Many events"])]
KindName = Annotated[str, Path(examples=["rule"])]
DryRun = Annotated[bool, Query(description="Only say what would change.")]
After = Annotated[
    int | None,
    Query(ge=-1, description="The version that this change is made of; -1: there was none. Else it is refused (409)."),
]
Spec = Annotated[
    dict[str, Any],
    Body(examples=[{"condition": "events.count > threshold", "threshold": 10_000, "channels": ["dashboard"]}]),
]


class Definitions(BaseModel):
    definitions: list[Definition]


class OneWanted(BaseModel):
    """``name`` may be left out where the spec says it."""

    kind: str
    name: str | None = None
    spec: dict[str, Any]

    model_config = ConfigDict(extra="forbid")


class AllWanted(BaseModel):
    definitions: Annotated[list[OneWanted], Field(min_length=1, max_length=MOST)]

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"definitions": [{"kind": "dashboard", "name": "sales", "spec": {"name": "Sales", "widgets": []}}]}
            ]
        },
    )


class Changes(BaseModel):
    changes: list[Change]


class Version(Definition):
    """``differences``: to the version before it in this list; ``spec`` is null where it was removed."""

    differences: Annotated[list[Difference], Field(default_factory=list[Difference])]


class Versions(BaseModel):
    versions: list[Version]


@router.get("/v1/definitions", response_model=Definitions)
async def list_definitions(request: Request, kind: str = "", warnings: bool = False) -> Definitions:
    """All definitions that hold, or those of one kind, in the order in which they came to hold.

    With ``warnings``, each also says what may be a mistake in it, such as a metric that nobody knows (any more).
    """
    await principal(request, "query")
    if kind:
        kind_of(kind)
    gateway = gateway_of(request)
    said = await warned(gateway) if warnings else None
    held = gateway.access.definitions
    wanted = sorted((e for e in held.values() if kind in ("", e["kind"])), key=lambda entry: entry["version"])
    told = [Definition.model_validate(entry) for entry in wanted]
    for definition in told if said is not None else ():
        definition.warnings = [*(said or {}).get(Key(definition.kind, definition.name), ())]
    return Definitions(definitions=told)


@router.post("/v1/definitions", response_model=Changes)
async def apply(request: Request, wanted: AllWanted, dry_run: DryRun = False) -> Changes:
    """Define several, all or nothing: they are checked together, so one may refer to another. Nothing is removed."""
    who = await principal(request, "control")
    all_wanted = [Wanted(one.kind, one.name, one.spec) for one in wanted.definitions]
    return Changes(changes=await define(gateway_of(request), all_wanted, who.name, dry_run))


@router.get("/v1/definitions/{kind}/{name:path}/versions", response_model=Versions | Definition)
async def versions(
    request: Request,
    kind: KindName,
    name: Name,
    first: Annotated[int | None, Query(alias="from", description="Only this version and `to`.")] = None,
    to: int | None = None,
) -> Versions | Definition:
    """What the definition said over time, oldest first, each with what changed; also of one that was removed."""
    await principal(request, "query")
    gateway = gateway_of(request)
    await gateway.access.refresh()
    if itself := gateway.access.definitions.get(Key(kind, f"{name}/versions").text):
        return Definition.model_validate(itself)  # its name ends like this address
    told = await _versions(request, Key(kind_of(kind).name, name))
    for asked, field in ((first, "from"), (to, "to")):
        if asked is not None and asked not in {version.version for version in told}:
            listed = ", ".join(str(version.version) for version in told)
            raise Missing(field, f"there is no version {asked} of {kind} {name!r}; there are {listed}")
    wanted = {asked for asked in (first, to) if asked is not None}
    chosen = [version for version in told if not wanted or version.version in wanted]
    before: Any = None
    for version in chosen:
        if before is not None and version.spec is not None:
            version.differences = [Difference(**d._asdict()) for d in differences(before, version.spec)]
        before = version.spec
    return Versions(versions=chosen)


async def _versions(request: Request, key: Key) -> list[Version]:
    """Every version that the log has. Raises ``Missing`` where there never was one."""
    types = [key.kind + ledger.DEFINED, key.kind + ledger.REMOVED, *(("rule.created", "rule.deleted"))]
    if key.kind != "rule":
        types = types[:2]
    listed = ", ".join(f"'{type_}'" for type_ in types)
    subject = key.name.replace("'", "''").replace("\0", "")
    sql = f"""SELECT type, data, epoch("time") AS at, row_offset FROM control
      WHERE subject = '{subject}' AND type IN ({listed}) ORDER BY row_offset LIMIT {MOST}"""
    answer = await sql_answer(request, sql, MOST, commands=True)
    if not answer.rows:
        found(gateway_of(request), key)
    return [
        Version.model_validate(ledger.entry_of(type_, key.name, json.loads(data), at, offset))
        for type_, data, at, offset in answer.rows
    ]


@router.get("/v1/definitions/{kind}/{name:path}", response_model=Definition)
async def read_definition(request: Request, kind: KindName, name: Name) -> Definition:
    """One definition; its name percent-encoded where it is not made of plain letters."""
    await principal(request, "query")
    gateway = gateway_of(request)
    await gateway.access.refresh()
    return Definition.model_validate(found(gateway, Key(kind, name)))


@router.put("/v1/definitions/{kind}/{name:path}", response_model=Change)
async def put_definition(
    request: Request, kind: KindName, name: Name, spec: Spec, dry_run: DryRun = False, after: After = None
) -> Change:
    """Define, or define anew. It holds from one place in the log on, which is its version.

    What a configuration file declares is refused (409): it is changed there. With ``after``, so is a change of what
    somebody else changed meanwhile.
    """
    who = await principal(request, "control")
    (change,) = await define(gateway_of(request), [Wanted(kind, name, spec)], who.name, dry_run, after=after)
    return change


@router.delete("/v1/definitions/{kind}/{name:path}", response_model=Change)
async def remove_definition(request: Request, kind: KindName, name: Name, dry_run: DryRun = False) -> Change:
    """Remove a definition that no other one needs."""
    who = await principal(request, "control")
    return await remove(gateway_of(request), Key(kind, name), who.name, dry_run)
