"""The plug-in's own tests: the suites of ``hindcast.testing``, on its source and its fold."""

from hindcast_dice import THROWS, Dice, DiceSection, Thrown

from events import catalog
from hindcast.testing import cut, given, keeps_the_fold_laws, keeps_the_source_rules

catalog.join(THROWS)


def test_the_dice_are_read_on_from_any_throw() -> None:
    def source() -> Dice:
        return Dice("dice", DiceSection(seed=7), now=lambda: 1)

    assert len(keeps_the_source_rules(source, THROWS, endless=20)) == 20


def test_counting_keeps_the_laws() -> None:
    keeps_the_fold_laws(
        Thrown, cut("dice_throws", [[{"eyes": 6, "time": 1}, {"eyes": 1, "time": 2}], [{"eyes": 6, "time": 3}]])
    )


def test_each_number_of_eyes_is_counted() -> None:
    story = given(Thrown()).rows("dice_throws", eyes=[6, 6, 1], time=[1, 2, 3])
    story.then_shows("dice", **{"1": {"eyes": "1", "times": 1}, "6": {"eyes": "6", "times": 2}})
