"""The marketing platform: customers send campaigns that are opened and clicked, leads become trials, trials customers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hindcast.simulator.rhythm import BUSIEST, arrivals, failing, office_hours
from hindcast.simulator.stage import Script, Stage, Step

EVENTS_PER_VISIT = 10.0
"""Measured; arrivals are scaled by it so that the asked rate comes out."""

PLANS = {"starter": 49.0, "growth": 199.0, "scale": 799.0}
CURRENCIES = ("USD", "EUR", "GBP")
CHANNELS = ("search_ads", "social_ads", "webinar", "referral")
ENDPOINTS = ("/v2/contacts", "/v2/campaigns", "/v2/segments", "/v2/events")
ACCOUNTS = 240
TRIALS = 200
KEEN = {"search_ads": 0.3, "social_ads": 0.15, "webinar": 0.45, "referral": 0.5}
"""How likely a trial converts, by where it came from; owners are likelier to buy than those who only look."""
ROLES = {"owner": 0.15, "marketer": 0.0, "analyst": -0.15}


@dataclass(slots=True)
class Account:
    """A customer company, or one on trial (``plan`` None)."""

    id: str
    user: str
    currency: str
    plan: str | None = None
    channel: str = "referral"
    """Where it came from."""
    keen: float = 0.35
    """How likely its trial becomes a subscription."""


class MarketingPlatform:
    """Everybody who uses the platform, and their visits."""

    def __init__(self, stage: Stage, source: str) -> None:
        self._stage, self._source, self._chance = stage, source, stage.chance
        self._made = 0
        self._trials: list[Account] = []
        self._customers = [self._account(self._chance.choice(tuple(PLANS))) for _ in range(ACCOUNTS)]

    def open(self, events_per_s: float) -> Script:
        """People arrive, most in office hours, so that about ``events_per_s`` events happen on average."""
        visits_per_s = events_per_s / EVENTS_PER_VISIT
        while True:
            yield Step(self._chance.expovariate(visits_per_s * BUSIEST))
            if arrivals(self._stage, visits_per_s, office_hours(self._stage.now_us)):
                self._stage.play(self._source, self._visit())

    def trouble(self, events_per_s: float) -> Script:
        """A request fails now and then; while the API is down, they fail in a burst."""
        while True:
            yield Step(failing(self._stage, "api", 0.12 * events_per_s))
            down = self._stage.suffers("api")
            if down or self._chance.random() < 0.04:
                account = self._chance.choice(self._customers)
                status = self._chance.choice((502, 503, 504)) if down else self._chance.choice((400, 404, 429))
                failed = {"endpoint": self._chance.choice(ENDPOINTS), "status": status, "account": account.id}
                yield _does(account, 0.0, "Api Request Failed", failed)

    def advertise(self, per_s: float = 1 / 30) -> Script:
        """What was spent on advertising is recorded so often: the more people come, the more."""
        while True:
            spent = {"channel": self._chance.choice(CHANNELS[:2]), "currency": "USD"}
            value = round(self._chance.lognormvariate(3.0, 0.4) * self._stage.tide(self._stage.now_s), 2)
            kwargs = {"user_id": "ads-importer", "event": "Ad Spend Recorded", "properties": {**spent, "value": value}}
            yield Step(self._chance.expovariate(per_s), "track", kwargs)

    def _account(self, plan: str | None) -> Account:
        number, self._made = self._made, self._made + 1
        return Account(f"account-{number:04}", f"marketer-{number:04}", self._chance.choice(CURRENCIES), plan)

    def _visit(self) -> Script:
        draw = self._chance.random()
        if draw < 0.3:
            return self._lead()
        if draw < 0.37 and self._trials:
            return self._decide(self._trials.pop(self._chance.randrange(len(self._trials))))
        if draw < 0.5:
            return self._renew(self._chance.randrange(len(self._customers)))
        return self._work(self._chance.choice(self._customers))

    def _lead(self) -> Script:
        chance = self._chance
        visitor, channel = f"visitor-{chance.getrandbits(40):010x}", chance.choice(CHANNELS)
        landing = {"path": "/", "utm_source": channel}
        yield Step(0.0, "page", {"anonymous_id": visitor, "name": "Landing", "properties": landing})
        if chance.random() < 0.7:
            pricing = {"anonymous_id": visitor, "name": "Pricing", "properties": {"path": "/pricing"}}
            yield Step(chance.uniform(5, 40), "page", pricing)
        if chance.random() < 0.5:
            return
        lead = {"anonymous_id": visitor, "event": "Lead Captured", "properties": {"channel": channel}}
        yield Step(chance.uniform(5, 60), "track", lead)
        if chance.random() < 0.6:
            account, role = self._account(None), chance.choice(tuple(ROLES))
            account.channel, account.keen = channel, KEEN[channel] + ROLES[role]
            traits = {"role": role}
            identify = {"user_id": account.user, "anonymous_id": visitor, "traits": traits}
            yield Step(chance.uniform(10, 60), "identify", identify)
            yield Step(0.1, "group", {"user_id": account.user, "group_id": account.id, "traits": {"plan": "trial"}})
            yield _does(account, 0.1, "Trial Started", {"account": account.id, "channel": channel})
            if len(self._trials) < TRIALS:
                self._trials.append(account)
            yield from self._work(account)

    def _decide(self, account: Account) -> Script:
        chance = self._chance
        yield Step(0.0, "page", {"user_id": account.user, "name": "Billing", "properties": {"path": "/billing"}})
        if chance.random() < account.keen:
            account.plan = chance.choice(("starter", "starter", "growth", "scale"))
            won = {"account": account.id, "plan": account.plan, "channel": account.channel}
            yield _does(account, chance.uniform(5, 40), "Trial Converted", won)
            yield _does(account, 0.5, "Invoice Paid", self._invoice(account))
            self._customers[chance.randrange(len(self._customers))] = account
        else:
            yield _does(account, chance.uniform(5, 40), "Trial Ended", {"account": account.id})

    def _renew(self, index: int) -> Script:
        account, chance = self._customers[index], self._chance
        if chance.random() < 0.06:
            why = {
                "account": account.id,
                "plan": account.plan,
                "reason": chance.choice(("price", "missing_feature", "closed")),
            }
            yield _does(account, 0.0, "Subscription Cancelled", why)
            self._customers[index] = self._account("starter")
        else:
            yield _does(account, 0.0, "Subscription Renewed", {"account": account.id, "plan": account.plan})
            yield _does(account, 0.5, "Invoice Paid", self._invoice(account))

    def _work(self, account: Account) -> Script:
        chance = self._chance
        yield Step(0.0, "page", {"user_id": account.user, "name": "Dashboard", "properties": {"path": "/app"}})
        if chance.random() < 0.5:
            rules = {"account": account.id, "rules": chance.randint(1, 5)}
            yield _does(account, chance.uniform(10, 60), "Segment Created", rules)
        if chance.random() < (0.9 if self._stage.suffers("campaign") else 0.45):
            campaign = f"campaign-{chance.getrandbits(24):06x}"
            recipients = int(chance.lognormvariate(7.5, 1.0))
            sent = {"account": account.id, "campaign": campaign, "recipients": recipients}
            yield _does(account, chance.uniform(20, 90), "Campaign Sent", sent)
            self._stage.play(self._source, self._answers(campaign))
        report = {"user_id": account.user, "name": "Report", "properties": {"path": "/app/reports"}}
        yield Step(chance.uniform(5, 60), "page", report)

    def _answers(self, campaign: str) -> Script:
        """Recipients open the mail, fewer and fewer, and some click."""
        chance = self._chance
        opens = chance.randint(60, 90) if self._stage.suffers("campaign") else chance.randint(10, 26)
        for nth in range(opens):
            reader = {"user_id": f"reader-{chance.randrange(20_000):05}", "properties": {"campaign": campaign}}
            yield Step(chance.expovariate(1 / (0.5 + nth * 0.3)), "track", {**reader, "event": "Email Opened"})
            if chance.random() < 0.2:
                yield Step(chance.uniform(1, 8), "track", {**reader, "event": "Email Clicked"})

    def _invoice(self, account: Account) -> dict[str, object]:
        revenue = PLANS[account.plan or "starter"]
        return {"account": account.id, "plan": account.plan, "revenue": revenue, "currency": account.currency}


def _does(account: Account, pause_s: float, event: str, properties: Mapping[str, object]) -> Step:
    return Step(pause_s, "track", {"user_id": account.user, "event": event, "properties": properties})
