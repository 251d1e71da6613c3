"""Which rows a question is about, as SQL: its own conditions, and the cohorts that its users are in."""

from __future__ import annotations

from query.moments import length_s
from query.questions.cohort import Cohort
from query.questions.expressions import Expressions, user_of
from query.questions.schema import Question
from query.questions.span import Span
from query.views import OF_PEOPLE


def members(cohort: Cohort, sql: Expressions, observed_us: int, user: str | None = None) -> str:
    """A SELECT of the users, as ``u``. ``sql``: of the stream of the cohort. ``user``: who they are, where a question asks
    for others than the cohort does."""
    said: list[str] = []
    for i, one in enumerate(cohort.criteria):
        condition = sql.match(one, f"criteria.{i}")
        if one.within is not None:
            since = observed_us - round((length_s(one.within) or 0) * 1e6)
            condition += f" AND time >= {sql.at(max(0, since))}"
        count = f"count(*) FILTER (WHERE {condition})"
        holds = f"{count} >= {one.at_least}" + ("" if one.at_most is None else f" AND {count} <= {one.at_most}")
        said.append(f"({holds})" if one.did else f"(NOT ({holds}))")
    joined = (" AND " if cohort.match == "all" else " OR ").join(said)
    user = f"nullif({sql.text(user or cohort.user, 'user')}, '')"
    return f"""SELECT {user} AS u FROM {sql.table}
      WHERE {user} IS NOT NULL AND time < {sql.at(observed_us)} AND {sql.all(cohort.where, "where")}
      GROUP BY 1 HAVING {joined}"""


def condition(question: Question, cohorts: dict[str, Cohort], sql: Expressions, span: Span) -> str:
    """The rows that a question is about, whenever they are: its conditions and cohorts."""
    said = [sql.all(question.where, "where")]
    for name, word in ((question.cohort, "IN"), (question.not_cohort, "NOT IN")):
        if name is not None:
            cohort = cohorts[name]
            user = question.user if question.user in OF_PEOPLE and cohort.user == "subject" else None
            them = members(cohort, sql.over(cohort.stream), span.observed_us, user)
            said.append(f"{user_of(question, sql)} {word} ({them})")
    return " AND ".join(one for one in said if one != "true") or "true"
