"""Definitions of all kinds."""

from __future__ import annotations

from collections.abc import Sequence

from hindcast.client.answers import Definition, DefinitionChange, DefinitionVersion
from hindcast.client.call import Call, Command, operation
from hindcast.client.operations.answered import json_of, part, path_of
from hindcast.client.sending import Event, encoded


class Definitions:
    """What is declared."""

    @operation(Command("definitions list", columns=("kind", "name", "version", "owner", "by", "at"), times=("at",)))
    def definitions(self, kind: str = "", *, warnings: bool = False) -> Call[list[Definition]]:
        """List the definitions that hold, of all kinds or of one (``rule``, ``dashboard``, …).

        With ``warnings`` each also says what may be a mistake in it by now.
        """
        said: dict[str, str | int | float] = {"warnings": "true"} if warnings else {}
        return Call("GET", "/v1/definitions", part("definitions"), params={"kind": kind, **said})

    @operation(Command("definitions show"))
    def definition(self, kind: str, name: str) -> Call[Definition]:
        """Show one definition that holds."""
        return Call("GET", path_of("/v1/definitions", kind, name), json_of)

    @operation(Command("definitions versions"))
    def definition_versions(self, kind: str, name: str) -> Call[list[DefinitionVersion]]:
        """Show what a definition said over time, oldest first, each version with what changed."""
        return Call("GET", f"{path_of('/v1/definitions', kind, name)}/versions", part("versions"))

    @operation()
    def define(self, kind: str, name: str, spec: Event, *, dry_run: bool = False) -> Call[DefinitionChange]:
        """Define, or define anew; holds when this returns. ``dry_run``: only say what would change.

        Raises ``ApiError`` for what cannot be (the field and the remedy), and for what a configuration file declares.
        """
        path = path_of("/v1/definitions", kind, name)
        return Call("PUT", path, json_of, content=encoded(dict(spec)), params=_dry(dry_run))

    @operation()
    def apply(self, definitions: Sequence[Event], *, dry_run: bool = False) -> Call[list[DefinitionChange]]:
        """Define several (``kind``, ``spec``, and ``name`` where the spec does not say it) together, all or nothing."""
        body = encoded({"definitions": [dict(one) for one in definitions]})
        return Call("POST", "/v1/definitions", part("changes"), content=body, params=_dry(dry_run))

    @operation(Command("definitions remove"))
    def remove_definition(self, kind: str, name: str, *, dry_run: bool = False) -> Call[DefinitionChange]:
        """Remove a definition that no other one needs. ``dry_run``: only say what would change."""
        return Call("DELETE", path_of("/v1/definitions", kind, name), json_of, params=_dry(dry_run), repeatable=False)


def _dry(dry_run: bool) -> dict[str, str | int | float]:
    return {"dry_run": "true"} if dry_run else {}
