"""Who an id is: its person, the ids of that, what was refused; and links taken back."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from query.apart.deeds import statements
from serve.gateway import gateway_of, principal
from serve.parameters import known_parameters
from serve.problems import REFUSALS
from serve.routes.commands import IdempotencyKey, command

router = APIRouter(tags=["people"], responses=REFUSALS, dependencies=[Depends(known_parameters)])
Id = Annotated[str, Field(min_length=1, max_length=1_000)]
MOST_NOTES = 100
_ID = "SELECT person, account FROM people WHERE id = $id"
_IDS = f"SELECT id FROM people WHERE person = coalesce((SELECT any_value(person) FROM ({_ID})), $id) ORDER BY id"
_NOTES = f"""SELECT epoch(time) AS at, type = 'identity.refused' AS refused, reason, subject AS a, other AS b, message
  FROM identities WHERE reason IS NOT NULL AND (subject = $id OR other = $id) ORDER BY row_offset DESC LIMIT {MOST_NOTES}"""


class Note(BaseModel):
    """A link that was ``refused``, or that holds and is worth a look. ``at``: seconds UTC of the event that asked for it."""

    at: float | None
    refused: bool
    reason: str
    a: str
    b: str
    message: str


class Identity(BaseModel):
    """Whose an id is: ``person``, with all of its ``ids``. ``notes``: the newest hundred about this id."""

    id: str
    person: str
    account: str | None
    ids: list[str]
    notes: list[Note]


class Unlink(BaseModel):
    """``other``: only the links between these two; without it all links of the id."""

    other: Id | None = None

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"other": "ada"}]})


@router.get("/v1/identities/{id:path}", response_model=Identity)
async def identity(request: Request, id: str) -> Identity:
    """Who an id is. One that nobody has linked is a person by itself."""
    await principal(request, "query")
    gateway = gateway_of(request)

    def ask(stop: Any) -> Identity:
        asked = [(sql, {"id": id}) for sql in (_ID, _IDS, _NOTES)]
        found, same, notes = gateway.apart.do(partial(statements, asked=asked), stop)
        person, account = next(iter(found.rows()), (id, None))
        ids = {id, person, *(row[0] for row in same.rows())}
        told = [Note(**note) for note in notes.objects()]
        return Identity(id=id, person=person, account=account, ids=sorted(ids), notes=told)

    return await gateway.queries.run(request, ask)


@router.post("/v1/identities/{id:path}/unlink", status_code=204)
async def unlink(request: Request, id: str, wanted: Unlink, idempotency_key: IdempotencyKey = None) -> Response:
    """Take links back: everything is then as if they had never been. A later event may link the ids again."""
    who = await principal(request, "control")
    await command(
        gateway_of(request), "identity.unlinked", id, {"by": who.name, "other": wanted.other}, idempotency_key
    )
    return Response(status_code=204)
