"""People are a function of the links between ids: not of their order, and a link that is taken back has never been."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.analyzers.identity_state import Links, Placed
from analytics.persons import Link, resolve

IDS = st.sampled_from(["a", "b", "c", "d", "ada", "bob", "cleo"])
LINKS: Any = st.builds(Link, st.integers(0, 8), st.sampled_from(["identify", "alias"]), IDS, IDS).filter(
    lambda link: link.a != link.b
)
often = settings(deadline=None, database=None, max_examples=300)


class Told:
    """Links, and what somebody who only hears the rows knows of them."""

    def __init__(self, *links: Link) -> None:
        self.links = Links()
        self.heard: dict[str, str] = {}
        for link in links:
            self.hear(self.links.link(link))

    def hear(self, said: Any) -> None:
        self.heard |= {one.id: one.person for one in said if isinstance(one, Placed)}

    @property
    def people(self) -> dict[str, str]:
        return {id_: self.links.of(id_) for id_ in sorted(self.links.home)}


def pair(link: Link) -> frozenset[str]:
    return frozenset((link.a, link.b))


@often
@given(links=st.lists(LINKS, max_size=12), order=st.randoms(use_true_random=False))
def test_the_order_in_which_links_come_makes_no_difference(links: list[Link], order: Any) -> None:
    shuffled = [*links]
    order.shuffle(shuffled)
    assert Told(*links).people == Told(*shuffled).people


@often
@given(links=st.lists(LINKS, min_size=1, max_size=12), data=st.data())
def test_to_take_a_link_back_is_as_if_it_had_never_been(links: list[Link], data: st.DataObject) -> None:
    gone = pair(data.draw(st.sampled_from(links)))
    at = data.draw(st.integers(0, len(links)))
    told = Told(*links[:at])
    for link in links[at:]:
        told.hear(told.links.link(link))
    a, b = sorted(gone)
    told.hear(told.links.unlink(a, b))
    never = Told(*(link for link in links if pair(link) != gone))
    assert told.people == never.people
    assert {id_: told.links.of(id_) for id_ in gone} == {id_: never.links.of(id_) for id_ in gone}
    assert {tuple(r.links) for r in told.links.regions.values()} == {
        tuple(r.links) for r in never.links.regions.values()
    }


@often
@given(links=st.lists(LINKS, max_size=12), id_=IDS)
def test_all_links_of_an_id_can_be_taken_back_together(links: list[Link], id_: str) -> None:
    told = Told(*links)
    told.hear(told.links.unlink(id_, None))
    assert told.people == Told(*(link for link in links if id_ not in (link.a, link.b))).people
    assert told.links.of(id_) == id_


@often
@given(links=st.lists(LINKS, max_size=15), gone=st.lists(IDS, max_size=4))
def test_whoever_hears_only_the_rows_knows_the_same_people(links: list[Link], gone: list[str]) -> None:
    told = Told(*links)
    for id_ in gone:
        told.hear(told.links.unlink(id_, None))
    everyone = {*told.heard, *told.links.home}
    assert {id_: told.heard.get(id_, id_) for id_ in everyone} == {id_: told.links.of(id_) for id_ in everyone}


@often
@given(links=st.lists(LINKS, max_size=15))
def test_regions_say_what_all_links_together_say(links: list[Link]) -> None:
    """So to look at a part of the links is enough."""
    earliest: dict[Any, Link] = {}
    for link in links:
        earliest[link[1:]] = min(link, earliest.get(link[1:], link))
    told = Told(*links)
    assert told.people == dict(sorted(resolve(earliest.values()).person.items()))
