"""Sessions from a user's view: when they end, what late rows do to them, and where their visitors come from."""

from __future__ import annotations

import json
from typing import Any

from actors.analyzers.sessions import SessionAnalyzer
from hindcast.testing.story import Story, Word, given

MINUTE = 60_000_000
BEGIN = 1_760_000_000_000_000


def defined(name: str = "visits", **spec: Any) -> Word:
    said = {"name": name, "stream": "user_interactions", "gap_s": 1800.0, "lateness_s": 3600.0, "conversions": ["bought"],
            "own_hosts": [], **spec}  # fmt: skip
    data = json.dumps({"spec": said, "owner": "api", "bound_s": 0.0})
    return lambda story: story.rows("control", type="session.defined", subject=name, data=data, time=BEGIN)


def removed(name: str = "visits") -> Word:
    return lambda story: story.rows("control", type="session.removed", subject=name, data="{}", time=BEGIN)


def did(device: str, type_: str, minute: float, received: float | None = None, **more: Any) -> Word:
    """Something happens at a minute, and is received then, too, unless ``received`` says another one."""

    def happens(story: Story) -> None:
        properties = json.dumps(more.get("properties", {}))
        context = json.dumps(more["context"]) if "context" in more else None
        time, came = (BEGIN + int(m * MINUTE) for m in (minute, minute if received is None else received))
        story.rows(
            "user_interactions", type=type_, anonymous_id=device, subject=more.get("user", device), time=time,
            received=came, properties=properties, context=context, id=f"{device}{minute}",
        )  # fmt: skip

    return happens


def complete(minute: float, stream: str = "user_interactions") -> Word:
    return lambda story: story.watermark(stream, BEGIN + int(minute * MINUTE))


def sessions(*types: str, **columns: Any) -> Word:
    return lambda story: story.then("sessions", type=[f"session.{t}" for t in types], **columns)


def test_a_session_ends_once_nothing_came_for_the_gap() -> None:
    given(SessionAnalyzer()).when(
        defined(),
        did("a", "page.viewed", 0, properties={"path": "/"}),
        did("a", "bought", 20),
        did("a", "page.viewed", 50, properties={"path": "/thanks"}),
        complete(80),
    ).then("sessions", type=[]).when(complete(81)).then(
        "sessions", type=["session.ended"], events=[3], pages=[2], conversions=[1], entry=["/"], exit=["/thanks"],
        duration_us=[50 * MINUTE], channel=["direct"], revision=[0],
    )  # fmt: skip


def test_a_late_row_may_make_one_session_of_two() -> None:
    given(SessionAnalyzer()).when(
        defined(),
        did("a", "page.viewed", 0),
        did("a", "page.viewed", 50),
        complete(81),
        sessions("ended", "ended", events=[1, 1], id=[f"a/{BEGIN}", f"a/{BEGIN + 50 * MINUTE}"]),
        did("a", "page.viewed", 25, received=81),
        sessions("withdrawn", "revised", events=[1, 3], id=[f"a/{BEGIN + 50 * MINUTE}", f"a/{BEGIN}"], revision=[1, 1]),
    )


def test_a_late_row_may_open_a_session_that_had_ended() -> None:
    given(SessionAnalyzer()).when(
        defined(),
        did("a", "page.viewed", 0),
        complete(31),
        sessions("ended"),
        did("a", "page.viewed", 29, received=31),
        complete(59),
    ).then("sessions", type=[]).when(complete(60), sessions("revised", events=[2], revision=[1]))


def test_what_comes_later_than_the_lateness_is_listed_and_counted_nowhere() -> None:
    given(SessionAnalyzer()).when(defined(lateness_s=600.0), did("a", "page.viewed", 0), complete(100)).then(
        "sessions", type=["session.ended"]
    ).when(did("b", "page.viewed", 89, received=100)).then(
        "late_rows", metrics=[["session visits"]], event=["page.viewed"], behind_us=[11 * MINUTE]
    ).when(complete(300)).then("sessions", type=[])


def test_a_login_does_not_break_a_session_and_names_it() -> None:
    given(SessionAnalyzer()).when(
        defined(),
        did("phone", "page.viewed", 0),
        did("phone", "bought", 1, user="ada"),
        did("phone", "x", 2),
        complete(60),
    ).then("sessions", type=["session.ended"], device=["phone"], subject=["ada"], events=[3])


def test_the_first_outside_touch_names_the_campaign() -> None:
    news = {"campaign": {"source": "news", "medium": "email", "name": "Spring"}, "page": {"path": "/offer"}}
    search = {"referrer": "https://www.google.com/", "url": "https://shop.example/a"}
    inside = {"referrer": "https://shop.example/a", "url": "https://shop.example/b"}
    given(SessionAnalyzer()).when(
        defined(),
        did("a", "page.viewed", 0, context=news),
        did("a", "page.viewed", 1, properties=search),
        did("b", "page.viewed", 0, properties=inside),
        did("b", "page.viewed", 1, properties=search),
        did("c", "page.viewed", 2, properties=inside),
        complete(60),
    ).then(
        "sessions", type=["session.ended"] * 3, device=["a", "b", "c"], channel=["email", "organic_search", "direct"],
        campaign=["Spring", None, None], origin=["news", "google.com", None], medium=["email", "organic", None],
    )  # fmt: skip


def test_requests_of_a_web_server_make_sessions_by_address_and_agent_and_the_clock_ends_them() -> None:
    def asked(agent: str, path: str, minute: float, **more: Any) -> Word:
        at = BEGIN + int(minute * MINUTE)
        said = {"type": "page.requested", "subject": "192.0.2.1", "time": at, "received": at, "agent": agent, **more}
        return lambda story: story.rows("website_analytics", path=path, **said)

    given(SessionAnalyzer()).when(
        defined(stream="website_analytics"),
        asked("Firefox", "/", 0, referrer="https://news.example/post"),
        asked("Firefox", "/style.css", 0),
        asked("curl", "/robots.txt", 1),
        lambda story: story.tick(BEGIN + 40 * MINUTE),
    ).then("sessions", type=["session.ended"] * 2, pages=[1, 0], events=[2, 1], channel=["referral", "direct"])


def test_an_open_session_is_told_as_it_is_when_its_definition_goes_or_changes() -> None:
    story = given(SessionAnalyzer()).when(defined(), did("a", "page.viewed", 0), defined()).then("sessions", type=[])
    story.when(defined(gap_s=60.0), sessions("ended", events=[1]), did("a", "page.viewed", 1), removed())
    story.then("sessions", type=["session.ended"], events=[1])


def test_nothing_is_read_until_there_is_a_definition() -> None:
    fold = SessionAnalyzer()
    assert fold.wants(fold.initial()) == {"control"}
