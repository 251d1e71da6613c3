"""The course platform: people visit, sign up, enrol, learn with a tutor, pass quizzes, pay, and sometimes leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hindcast.simulator.rhythm import BUSIEST, arrivals, evenings, failing
from hindcast.simulator.stage import Script, Stage, Step

EVENTS_PER_VISIT = 7.0
"""Measured; arrivals are scaled by it so that the asked rate comes out."""

COURSES = {
    "practical-ml": ("Practical Machine Learning", 12),
    "python-start": ("Python from Zero", 10),
    "prompting": ("Working with Language Models", 6),
    "data-viz": ("Charts that Tell", 8),
    "statistics": ("Statistics by Example", 14),
    "deep-nets": ("Deep Networks, Built by Hand", 16),
}
PLANS = {"monthly": 29.0, "yearly": 249.0}
CURRENCIES = ("USD", "EUR", "GBP")
COUNTRIES = ("US", "DE", "GB", "FR", "IN", "BR", "PL", "NL")
CAMPAIGNS = ("search", "newsletter", "friend", "video")
METHODS = ("email", "google", "github")
ENROL = 0.75
"""How likely somebody enrols, on average."""
PULL = {
    **{("friend", method): 0.12 for method in METHODS},
    ("video", "github"): 0.18,
    ("video", "email"): -0.3,
    ("newsletter", "email"): 0.1,
    ("newsletter", "github"): -0.2,
    ("search", "google"): -0.1,
}
"""By how much that differs: which campaign works depends on who signs up, so there is something to learn."""
POPULATION = 1_500


@dataclass(slots=True)
class Learner:
    """Somebody with an account; ``lessons`` is the next lesson of each course enrolled in."""

    id: str
    country: str
    currency: str
    subscribed: bool = False
    lessons: dict[str, int] = field(default_factory=dict[str, int])


class CoursePlatform:
    """Everybody who uses the platform, and their visits."""

    def __init__(self, stage: Stage, source: str) -> None:
        self._stage, self._source, self._chance = stage, source, stage.chance
        self._visitors = 0
        self._learners: list[Learner] = []
        for _ in range(POPULATION // 3):
            learner = self._join()
            learner.subscribed = self._chance.random() < 0.5
            for slug in self._chance.sample(tuple(COURSES), self._chance.randint(1, 2)):
                learner.lessons[slug] = self._chance.randint(1, COURSES[slug][1])

    def open(self, events_per_s: float) -> Script:
        """People arrive, more in the evening, so that about ``events_per_s`` events happen on average."""
        visits_per_s = events_per_s / EVENTS_PER_VISIT
        while True:
            yield Step(self._chance.expovariate(visits_per_s * BUSIEST))
            if arrivals(self._stage, visits_per_s, evenings(self._stage.now_us)):
                script = (
                    self._newcomer()
                    if self._chance.random() < 0.35
                    else self._return(self._chance.choice(self._learners))
                )
                self._stage.play(self._source, script)

    def trouble(self, events_per_s: float) -> Script:
        """While the checkout is down, everybody who hurries to pay sees errors."""
        while True:
            yield Step(failing(self._stage, "checkout", 0.12 * events_per_s))
            if self._stage.suffers("checkout"):
                learner = self._chance.choice(self._learners)
                yield self._error(learner.id, "/checkout", "checkout_unavailable", self._chance.uniform(0, 0.5))

    def _join(self) -> Learner:
        chance, number = self._chance, self._visitors
        self._visitors += 1
        learner = Learner(f"learner-{number:05}", chance.choice(COUNTRIES), chance.choice(CURRENCIES))
        if len(self._learners) < POPULATION:
            self._learners.append(learner)
        else:
            self._learners[chance.randrange(POPULATION)] = learner
        return learner

    def _newcomer(self) -> Script:
        chance = self._chance
        visitor = f"visitor-{chance.getrandbits(40):010x}"
        who = {"anonymous_id": visitor}
        campaign = chance.choice(CAMPAIGNS)
        yield Step(0.0, "page", {**who, "name": "Home", "properties": {"path": "/", "referrer": campaign}})
        yield Step(chance.uniform(2, 15), "page", {**who, "name": "Catalog", "properties": {"path": "/courses"}})
        slug = "prompting"
        for _ in range(chance.randint(1, 3)):
            slug = chance.choice(tuple(COURSES))
            yield Step(chance.uniform(4, 30), "track", {**who, "event": "Course Viewed", "properties": _course(slug)})
        if chance.random() > 0.4:
            return
        learner = self._join()
        traits = {"country": learner.country, "plan": "free"}
        yield Step(
            chance.uniform(8, 40), "identify", {"user_id": learner.id, "anonymous_id": visitor, "traits": traits}
        )
        method = chance.choice(METHODS)
        yield _does(learner, 0.1, "Signed Up", {"method": method, "campaign": campaign})
        yield from self._enrol(learner, slug, ENROL + PULL.get((campaign, method), 0.0))
        yield from self._learn(learner)

    def _return(self, learner: Learner) -> Script:
        chance = self._chance
        yield Step(0.0, "page", {"user_id": learner.id, "name": "Home", "properties": {"path": "/home"}})
        if chance.random() < 0.012:
            yield self._error(learner.id, "/home", "page_timeout", chance.uniform(1, 4))
        if not learner.lessons or chance.random() < 0.15:
            slug = chance.choice(tuple(COURSES))
            yield _does(learner, chance.uniform(3, 20), "Course Viewed", _course(slug))
            yield from self._enrol(learner, slug)
        yield from self._learn(learner)
        if not learner.subscribed and chance.random() < 0.3:
            yield from self._subscribe(learner)
        elif learner.subscribed and chance.random() < 0.01:
            learner.subscribed = False
            reason = chance.choice(("too_expensive", "no_time", "finished"))
            yield _does(learner, chance.uniform(5, 30), "Subscription Cancelled", {"reason": reason})

    def _enrol(self, learner: Learner, slug: str, likely: float = ENROL) -> Script:
        if slug not in learner.lessons and self._chance.random() < likely:
            learner.lessons[slug] = 1
            yield _does(learner, self._chance.uniform(3, 20), "Course Enrolled", _course(slug))

    def _learn(self, learner: Learner) -> Script:
        chance = self._chance
        for _ in range(chance.randint(1, 4)):
            if not learner.lessons:
                return
            slug = chance.choice(tuple(learner.lessons))
            lesson, last = learner.lessons[slug], COURSES[slug][1]
            about = {**_course(slug), "lesson": lesson, "of": last}
            yield _does(learner, chance.uniform(1, 10), "Lesson Started", about)
            while chance.random() < 0.35:
                asked = {
                    **about,
                    "topic": chance.choice(("code", "concept", "exercise")),
                    "words": chance.randint(4, 60),
                }
                yield _does(learner, chance.uniform(5, 40), "Tutor Question Asked", asked)
            if chance.random() < 0.15:
                return
            minutes = round(chance.uniform(3, 18), 1)
            yield _does(learner, chance.uniform(15, 90), "Lesson Completed", {**about, "minutes": minutes})
            learner.lessons[slug] = lesson + 1
            if lesson % 3 == 0 or lesson == last:
                score = round(min(1.0, chance.betavariate(6, 2)), 2)
                quiz = {**_course(slug), "value": score, "passed": score >= 0.6}
                yield _does(learner, chance.uniform(10, 60), "Quiz Submitted", quiz)
            if lesson >= last:
                learner.lessons.pop(slug, None)  # another visit of theirs may have finished it
                yield _does(learner, chance.uniform(1, 5), "Certificate Earned", _course(slug))

    def _subscribe(self, learner: Learner) -> Script:
        chance = self._chance
        plan = chance.choice(tuple(PLANS))
        yield Step(
            chance.uniform(3, 20),
            "page",
            {"user_id": learner.id, "name": "Pricing", "properties": {"path": "/pricing"}},
        )
        yield _does(learner, chance.uniform(3, 30), "Checkout Started", {"plan": plan})
        broken = self._stage.suffers("checkout")
        if chance.random() < (0.9 if broken else 0.04):
            code = "checkout_unavailable" if broken else "card_declined"
            yield _does(learner, chance.uniform(2, 6), "Payment Failed", {"plan": plan, "code": code})
            yield self._error(learner.id, "/checkout", code, 0.2)
            return
        learner.subscribed = True
        paid = {"plan": plan, "revenue": PLANS[plan], "currency": learner.currency}
        yield _does(learner, chance.uniform(2, 6), "Payment Succeeded", paid)
        yield _does(learner, 0.2, "Subscription Started", {"plan": plan})

    def _error(self, user: str, path: str, code: str, pause_s: float) -> Step:
        properties = {"path": path, "code": code}
        return Step(pause_s, "track", {"user_id": user, "event": "Error Shown", "properties": properties})


def _course(slug: str) -> dict[str, object]:
    return {"course": slug, "title": COURSES[slug][0]}


def _does(learner: Learner, pause_s: float, event: str, properties: Mapping[str, object]) -> Step:
    return Step(pause_s, "track", {"user_id": learner.id, "event": event, "properties": properties})
