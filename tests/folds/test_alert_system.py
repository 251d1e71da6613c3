"""The dashboard of alerts: what people see of an alert, from its first sign until a day after its end."""

from __future__ import annotations

from actors.dashboards.alert_system import AlertSystem
from hindcast.testing.story import given
from tests.folds.words import alert, command, passes, shows_alert, shows_no_alert

DAY = 86_400


def test_an_alert_is_shown_in_each_of_its_states() -> None:
    story = (
        given(AlertSystem()).when(alert("pending")).then(shows_alert(state="pending", title="busy", severity="high"))
    )
    story.when(alert("fired")).then(shows_alert(state="firing", detail="cpu is 95 %"))
    story.when(alert("resolved")).then(shows_alert(state="resolved"))


def test_the_title_names_the_key() -> None:
    given(AlertSystem()).when(alert("fired", key="web-1")).then(shows_alert(title="busy · web-1"))


def test_what_was_acknowledged_stays_so_when_its_state_changes() -> None:
    story = given(AlertSystem()).when(alert("fired"), alert("acknowledged", by="ada"))
    story.then(shows_alert(state="firing", acknowledged=True, acked_by="ada"))
    story.when(alert("resolved")).then(shows_alert(state="resolved", acknowledged=True, acked_by="ada"))


def test_a_pending_alert_that_calms_down_is_taken_away() -> None:
    given(AlertSystem()).when(alert("pending"), alert("calmed")).then(shows_no_alert)


def test_history_is_no_news() -> None:
    given(AlertSystem()).when(alert("revised")).then(shows_no_alert)
    given(AlertSystem()).when(alert("acknowledged", by="ada")).then(shows_no_alert)


def test_what_is_over_is_shown_for_a_day_and_what_fires_for_as_long_as_it_does() -> None:
    story = given(AlertSystem()).when(alert("fired", "over"), alert("resolved", "over"), alert("fired", "on"))
    story.when(passes(DAY)).then(shows_alert("over", state="resolved"), shows_alert("on", state="firing"))
    story.when(passes(1))
    assert list(story.view("alerts")) == ["on"]


def test_who_follows_is_told_what_changed_and_what_is_gone() -> None:
    fold = AlertSystem()
    story = given(fold).when(alert("pending", "a"), alert("pending", "b"))
    assert story.changes().keys() == {"alerts"}
    story.when(alert("calmed", "a"))
    assert story.changes() == {"alerts": {"a": None}}
    assert story.changes() == {}


def test_why_nobody_is_told_of_it_stands_with_the_alert() -> None:
    story = given(AlertSystem()).when(alert("fired"), alert("quiet"))
    story.then(shows_alert(state="firing", note="cpu is 95 %"))


def test_silences_are_shown_until_they_end() -> None:
    story = given(AlertSystem()).when(
        command("silence.created", "s1", matchers=['rule="busy"'], by="ada", until_us=5e6)
    )
    shown = story.view("silences")["s1"]
    assert (shown["matchers"], shown["by"], shown["until"]) == (['rule="busy"'], "ada", 5.0)
    story.rows("alerts", type="silence.ended", alert="s1", time=1)
    assert dict(story.view("silences")) == {}
