"""Who is in a cohort: how many users, and who they are."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from query.questions.asked import Asking, Behind, Figures
from query.questions.cohort import Cohort
from query.questions.restriction import members
from query.questions.schema import CellOf, Name, Question


class Membership(Question):
    """``cohort``: the name of a saved one; or ``definition``: one that is not saved. ``until``: who was in it then."""

    ask: Literal["cohort"]
    definition: Cohort | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.cohort is None) == (self.definition is None):
            raise ValueError("cohort: name a saved one, or give a definition, and not both")
        for field in ("since", "where", "not_cohort", "stream", "user"):
            if field in self.model_fields_set:
                raise ValueError(f"{field}: is said by the cohort; leave it out here")
        return self


class MembershipCell(CellOf):
    """All members; or the one user of that name."""

    user: Name | None = None


def _members(asking: Asking[Membership]) -> tuple[Cohort, str]:
    q = asking.question
    cohort = q.definition or asking.cohorts[str(q.cohort)]
    return cohort, f"members AS ({members(cohort, asking.sql.over(cohort.stream), asking.span.until_us)})"


def answer(asking: Asking[Membership]) -> Figures:
    """``users``: how many are in it."""
    cohort, sql = _members(asking)
    ((n,),) = asking.run(f"WITH {sql} SELECT count(*) FROM members")
    return {"cohort": cohort.name, "users": n}


def behind(asking: Asking[Membership], cell: MembershipCell) -> Behind:
    """All events of the members."""
    cohort, sql = _members(asking)
    over = asking.sql.over(cohort.stream)
    user = f"nullif({over.text(cohort.user, 'user')}, '')"
    one = "" if cell.user is None else f"AND {user} = {asking.sql.bind(cell.user)}"
    hit = f"""hit AS (SELECT {user} AS u, time AS t, {over.place()} FROM {over.table}
      WHERE time < {asking.sql.at(asking.span.until_us)} AND {user} IN (SELECT u FROM members) {one})"""
    return Behind(f"{sql}, {hit}", cohort.stream)
