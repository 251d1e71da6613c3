"""Identity: which events say that two ids are one person, and which one says whose account somebody has."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from actors.definitions.schema import Section

Types = tuple[str, ...]


class Identity(Section):
    """Links between the ids of `user_interactions`: who is asked about by ``user: person`` and ``user: account``."""

    name: Literal["people"] = "people"
    identify: Types = Field(default=("user.identified", "$identify", "identify"), max_length=20)
    """Events by which an anonymous id becomes known: `anonymous_id`, or the property `$anon_distinct_id`, is `subject`."""
    alias: Types = Field(default=("user.aliased", "$create_alias", "$merge_dangerously", "alias"), max_length=20)
    """Events by which two ids become one person: the property `previousId`, or `alias`, and `subject`."""
    group: Types = Field(default=("user.grouped", "group"), max_length=20)
    """Events by which somebody joins an account: the property `groupId`."""
