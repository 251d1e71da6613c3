"""Views: what followers of a topic are told, and that those who have it all are told nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from actors.fold import Topic
from actors.views import Frame, Place, Views


class Two:
    """A fold with a topic that moves with every commit and one that stands still unless it is ``touched``."""

    topics: Sequence[Topic] = (Topic("moving", "latest"), Topic("still", "upsert"))
    touched = False

    def view(self, state: int, topic: str) -> Mapping[str, Any]:
        return {"at": state} if topic == "moving" else {"a": 1}

    def changes(self, state: int) -> Mapping[str, Mapping[str, Any]]:
        return {"moving": {"at": state}, **({"still": {"a": 2}} if self.touched else {})}


def frames(views: Views, place: Place | None, commit: int) -> list[Frame]:
    return views.frames({"still": place}, lambda topic: (commit, {"a": 1}), lambda: "")


def test_who_has_seen_a_topic_that_stands_still_is_told_nothing_more_however_the_cell_goes_on() -> None:
    fold = Two()
    views = Views(fold, "g", 1)
    views.recovered(0, 3)
    for commit in (4, 5):
        views.moved(commit, commit)
    (snap,) = frames(views, None, 5)
    assert (snap.op, snap.seq) == ("snap", 5)
    place = Place(snap.epoch, snap.seq)
    assert frames(views, place, 5) == []
    views.moved(6, 6)
    assert frames(views, place, 6) == []

    fold.touched = True
    views.moved(7, 7)
    (delta,) = frames(views, place, 7)
    assert (delta.op, delta.prev, delta.seq, delta.data) == ("delta", 5, 7, {"a": 2})


def test_a_commit_that_the_views_have_not_taken_up_yet_is_no_reason_to_tell_it_twice() -> None:
    views = Views(Two(), "g", 1)
    views.recovered(0, 3)
    (snap,) = frames(views, None, 9)
    assert frames(views, Place(snap.epoch, snap.seq), 9) == []


def test_a_place_of_another_life_gets_the_whole() -> None:
    views = Views(Two(), "g", 1)
    views.recovered(0, 3)
    assert [f.op for f in frames(views, Place("g.0", 3), 3)] == ["snap"]
    assert [f.op for f in frames(views, Place("g.1", 2), 3)] == ["snap"]
