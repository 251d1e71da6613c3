"""The running system: keys, where its cells run, how it fares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from hindcast.client.answers import Key, MadeKey, Ordered, Placement, Status
from hindcast.client.call import Call, Command, operation
from hindcast.client.operations.answered import json_of, nothing, path_of
from hindcast.client.sending import encoded


class Running:
    """What concerns the system itself."""

    address: str

    @operation(
        Command(
            "keys list",
            columns=("id", "name", "source", "scopes", "created", "expires"),
            times=("created", "expires"),
        )
    )
    def keys(self) -> Call[list[Key]]:
        """List the keys, without their secrets."""
        return Call("GET", "/v1/keys", json_of)

    @operation()
    def create_key(self, name: str, scopes: Sequence[str], source: str | None = None) -> Call[MadeKey]:
        """Make a key of ``scopes`` (ingest, query, control, admin) for the product ``source``; only here is it shown.

        Without a ``source`` it is for a product of its own: the name, or the key's id where that name is taken.
        """
        wanted = {"name": name, "scopes": list(scopes), "source": source}
        return Call("POST", "/v1/keys", json_of, content=encoded(wanted), repeatable=False)

    @operation()
    def rotate_key(self, id: str) -> Call[MadeKey]:
        """Make another key of the same name, scopes and source; the old one works until it is revoked."""
        return Call("POST", f"{path_of('/v1/keys', id)}/rotate", json_of, repeatable=False)

    @operation(Command("keys revoke", done="{id} is revoked"))
    def revoke_key(self, id: str) -> Call[None]:
        """Revoke the key with this id; it stops working at once."""
        return Call("DELETE", path_of("/v1/keys", id), nothing, repeatable=False)

    @operation()
    def create_link(self) -> Call[str]:
        """Make an address that opens the page once, without a key, within a day. Needs a key with the scope admin."""
        base = self.address.rstrip("/")
        return Call("POST", "/v1/links", lambda answer: base + json_of(answer)["path"], repeatable=False)

    @operation()
    def placement(self) -> Call[Placement]:
        """Say which host runs which cell."""
        return Call("GET", "/v1/placement", json_of)

    @operation()
    def move(self, cell: str, host: str = "own") -> Call[Ordered]:
        """Order that a cell goes on on another host: ``own``, or one of that name, which may be new.

        It is there once ``done`` of ``placement`` has come to the answer's ``order``.
        """
        return Call("PUT", path_of("/v1/placement", cell), json_of, content=encoded({"host": host}))

    @operation()
    def arrange(self, placement: Literal["packed", "spread"]) -> Call[Ordered]:
        """Order that each kind of cell gets a host, or each cell its own.

        Every cell is there once ``done`` of ``placement`` has come to the answer's ``order``.
        """
        return Call("PUT", "/v1/placement", json_of, content=encoded({"placement": placement}))

    @operation()
    def status(self) -> Call[Status]:
        """Say what runs, how far each cell is, and how late each source's events came."""
        return Call("GET", "/v1/status", json_of)
