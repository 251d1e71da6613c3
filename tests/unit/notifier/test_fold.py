"""What the notifier owes, gives up and says about its channels, as stories of its fold."""

from __future__ import annotations

import json
from typing import Any

from actors.notifier import RULE, Notifier, Outcome, conversation_of
from hindcast.testing.story import Story, given

SECOND = 1_000_000
CHANNELS = ("dashboard", "ops", "pager")


def asked(story: Story, *keys: str, channel: str = "ops", alert: str = "a1") -> Story:
    body = [json.dumps({"key": key}) for key in keys]
    return story.rows("outbox", idempotency_key=list(keys), channel=channel, subject=alert, body=body, time=1)


def told(story: Story, *outcomes: Outcome) -> Story:
    return story.told(lambda state: story.fold.settle(state, outcomes))


def owed(story: Story) -> dict[str, Any]:
    """What is owed: its attempts and when the next one is due. The stored state is asked, as after a restart."""
    state = story.fold.load(story._stored)
    return {key: (message.tries, message.due) for key, message in state.owed.items()}


def start(*keys: str) -> Story:
    return asked(given(Notifier(CHANNELS)), *keys)


def test_what_was_sent_is_owed_no_more() -> None:
    story = told(start("k1", "k2"), Outcome("k1", "sent", 5))
    story.then("notifications", type="notification.sent", idempotency_key="k1", attempts=1, time=5, subject="a1")
    story.then_nothing()
    assert list(owed(story)) == ["k2"]


def test_attempts_and_their_pauses_survive_a_restart() -> None:
    story = told(start("k1"), Outcome("k1", "deferred", 5, "HTTP 503", 9))
    story.then("deliveries", type="delivery.deferred", attempts=1, error="HTTP 503", due=9, hold=False)
    assert owed(story) == {"k1": (1, 9)}
    told(story, Outcome("k1", "deferred", 9, "HTTP 503", 30)).then("deliveries", attempts=2, due=30)
    told(story, Outcome("k1", "sent", 30)).then("notifications", attempts=3).then_nothing()


def test_a_message_given_up_raises_one_alert_that_the_other_channels_are_told_of() -> None:
    story = told(start("k1", "k2"), Outcome("k1", "failed", 7, "HTTP 500"), Outcome("k2", "failed", 8, "HTTP 500"))
    story.then("notifications", type=["notification.failed"] * 2, idempotency_key=["k1", "k2"], error="HTTP 500")
    story.then("alerts", type=["alert.fired"], rule=RULE, key="ops", time=7)
    story.then("outbox", channel=["dashboard", "pager"], time=7)


def test_the_alert_ends_when_the_channel_delivers_again() -> None:
    story = told(start("k1", "k2"), Outcome("k1", "failed", 7, "HTTP 500"))
    story.then("alerts", type="alert.fired").then("outbox", channel=["dashboard", "pager"]).then(
        "notifications", attempts=1
    )
    told(story, Outcome("k2", "sent", 9)).then("alerts", type="alert.resolved", key="ops", time=9)
    story.then("outbox", channel=["dashboard", "pager"])


def test_a_channel_that_does_not_deliver_is_told_of_no_other_and_nothing_goes_round_in_circles() -> None:
    """Both channels are dead: each is told of by the other ones at most, and a second loss says nothing new."""
    story = told(start("k1"), Outcome("k1", "failed", 7, "timeout"))
    story.then("outbox", channel=["dashboard", "pager"]).then("alerts", key="ops").then("notifications", channel="ops")
    asked(story, "about ops", channel="pager", alert="a2")
    told(story, Outcome("about ops", "failed", 8, "timeout"))
    story.then("alerts", key="pager").then("outbox", channel=["dashboard"]).then("notifications", channel="pager")
    asked(story, "k3", channel="ops", alert="a3")
    told(story, Outcome("k3", "failed", 9, "timeout")).then("notifications", channel="ops").then_nothing()


def test_a_message_given_up_is_sent_again_on_command_with_a_fresh_day() -> None:
    story = told(start("k1"), Outcome("k1", "failed", 7, "HTTP 500"))
    assert owed(story) == {}
    story.rows("control", type="notification.resent", subject=["k1", "unknown"], data="{}", time=90)
    assert owed(story) == {"k1": (0, 0)}
    told(story, Outcome("k1", "sent", 91))
    story.then("notifications", type=["notification.failed", "notification.sent"], idempotency_key="k1", attempts=1)


def test_the_alert_about_a_channel_can_be_acknowledged() -> None:
    story = told(start("k1"), Outcome("k1", "failed", 7, "HTTP 500"))
    alert = next(iter(story.fold.load(story._stored).down.values()))
    story.then("alerts", alert=alert).then("outbox", channel=["dashboard", "pager"]).then("notifications", attempts=1)
    story.rows("control", type="alert.acknowledged", subject=["other", alert], data='{"by": "ada"}', time=9)
    story.then("alerts", type="alert.acknowledged", alert=alert, by="ada", key="ops").then_nothing()


def test_a_thread_that_a_message_began_is_kept_for_what_follows_of_the_alert() -> None:
    story = told(start("k1", "k2"), Outcome("k1", "sent", 5, reference="1717.1"))
    story.then("conversations", type="conversation.begun", channel="ops", subject="a1", reference="1717.1")
    story.then("notifications", type="notification.sent")
    assert story.fold.load(story._stored).conversations == {conversation_of("ops", "a1"): "1717.1"}
    told(story, Outcome("k2", "sent", 6)).then("notifications", type="notification.sent").then_nothing()


def test_a_trial_that_fails_is_no_alert_about_the_channel() -> None:
    story = told(start("test:1:ops"), Outcome("test:1:ops", "failed", 5, "HTTP 500"))
    story.then("notifications", type="notification.failed", error="HTTP 500").then_nothing()
