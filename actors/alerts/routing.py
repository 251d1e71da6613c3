"""Who is told of an alert, and when: silences, inhibition, routes with groups, escalation, and what goes on and off.

An alert that fires goes at once to the channels of its rule, and to those of the routes that match it, which wait for its
group. It is quiet while a silence or a firing alert says so, and told as soon as nothing does, if it still fires. Times are
those of the clock's ticks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from actors.alerts import matching
from actors.alerts.life import Change, Flapping, Group, Held, Life, Silence

FLAPS = 6
"""So many times within ``FLAPPING_US`` an alert fires before it is said to keep going on and off, and told no more."""
FLAPPING_US = 3_600_000_000
CALM_US = 1_800_000_000
"""After so long without firing anew what goes on and off is calm again."""
MOST = 10_000
"""Alerts that are held, groups, places that flap."""
MOST_CHANGES = 50
NEAR_US = 3_600_000_000
"""What changed so long before an alert is said beside it."""
SEVERITIES = ("low", "medium", "high", "critical")


class Says(Protocol):
    """What the router needs to be heard: rows of ``alerts``, and messages."""

    def row(self, row: Mapping[str, Any]) -> None: ...
    def send(self, channel: str, key: str, body: Mapping[str, Any]) -> None: ...


class Way(NamedTuple):
    """A branch that matches: its path, and what holds there."""

    path: str
    said: Mapping[str, Any]


class Router:
    """Moves ``life``; what is to be told goes to ``says``. ``now``: the newest tick, us UTC."""

    def __init__(self, life: Life, says: Says, now: int) -> None:
        self._life = life
        self._says = says
        self._now = now

    # -- turns of alerts -----------------------------------------------------------------------------------------

    def fired(self, held: Held) -> None:
        """An alert fires, and is no history."""
        life, id_ = self._life, str(held.row["alert"])
        if len(life.held) >= MOST:
            del life.held[min(life.held, key=lambda one: (life.held[one].since, one))]
        life.held[id_] = held
        if self._flaps(held):
            held.quiet = "it keeps going on and off"
            return
        held.quiet = self._why_quiet(id_, held)
        if held.quiet:
            self._note("alert.quiet", held, f"nobody is told: {held.quiet}")
        else:
            self._tell(id_, held)
        self._wake_and_hush(id_, "")

    def resolved(self, over: Held) -> None:
        """An alert is over: whoever was told of it is told that, too. ``over``: as ``fired`` takes it, with its last row."""
        alert = str(over.row["alert"])
        held = self._life.held.pop(alert, over)
        body = {**over.extra, **over.row}
        flapping = self._life.flapping.get(_place(held))
        if flapping is not None and flapping.damped:
            flapping.body = body
        elif held.told:
            ways = list(self._ways(held))
            for channel in self._direct(held, ways):
                self._send(alert, channel, body)
            for way in ways:
                self._into_group(alert, way, held, body)
            for channel in dict.fromkeys(
                c for way in ways if way.path in held.escalated for c in way.said["escalate_to"]
            ):
                self._send(alert, channel, body)
        for id_, silence in list(self._life.silences.items()):
            if not silence.until and matching.all_hold(silence.matchers, held.labels):
                others = self._life.held.values()
                if not any(matching.all_hold(silence.matchers, other.labels) for other in others):
                    self._end(id_)
        self._wake_and_hush("", alert)

    def acknowledged(self, alert: str) -> None:
        if held := self._life.held.get(alert):
            held.acknowledged = True

    # -- commands ------------------------------------------------------------------------------------------------

    def silence(self, id_: str, said: Mapping[str, Any], at: int) -> None:
        matchers = tuple(said["matchers"])
        until, by, comment = int(said.get("until_us") or 0), str(said.get("by", "")), str(said.get("comment", ""))
        self._life.silences[id_] = Silence(matchers, until, by, comment, at)
        nothing = not until and not any(matching.all_hold(matchers, h.labels) for h in self._life.held.values())
        if nothing or len(self._life.silences) > MOST:
            self._end(id_)  # there is nothing until whose end it could last
        for held in self._life.held.values():
            if matching.all_hold(matchers, held.labels):
                self._note(
                    "alert.quiet",
                    held,
                    f"nobody is told any more: silence by {by}{f' ({comment})' if comment else ''}",
                    by,
                )

    def silence_ended(self, id_: str) -> None:
        if id_ in self._life.silences:
            self._end(id_)
            self._wake()

    def _end(self, id_: str) -> None:
        silence = self._life.silences.pop(id_)
        said = ", ".join(silence.matchers)
        row = {"type": "silence.ended", "subject": id_, "alert": id_, "partition_key": id_, "message": said}
        nothing = {"rule": "", "severity": "", "metric": "", "key": "", "value": None, "threshold": None}
        self._says.row({**nothing, **row, "time": max(self._now, silence.began), "by": silence.by})

    def defined(self, kind: str, name: str, spec: Mapping[str, Any] | None, by: str, at: int) -> None:
        """A definition was made, changed or removed."""
        kept = {"route": self._life.routes, "inhibition": self._life.inhibitions}.get(kind)
        if kept is not None:
            if spec is None:
                kept.pop(name, None)
            else:
                kept[name] = dict(spec)
            if kind == "inhibition":
                self._wake()
        word = "removed" if spec is None else "defined"
        self._life.changes.append(Change(at, f"{kind} {name} was {word}{f' by {by}' if by else ''}"))
        del self._life.changes[:-MOST_CHANGES]

    # -- the clock -----------------------------------------------------------------------------------------------

    def tick(self) -> None:
        life, now = self._life, self._now
        over = [id_ for id_, silence in life.silences.items() if silence.until and silence.until <= now]
        for id_ in over:
            self._end(id_)
        if over:
            self._wake()
        for place in [p for p, f in life.flapping.items() if f.fired[-1] <= now - CALM_US]:
            self._calm(place, life.flapping[place])
        for id_, held in sorted(life.held.items()) if life.routes else ():
            if not held.acknowledged and not held.quiet:
                self._escalate(id_, held)
        for name in sorted(name for name, group in life.groups.items() if group.due and group.due <= now):
            self._flush(name, life.groups[name])

    def _escalate(self, id_: str, held: Held) -> None:
        for way in self._ways(held):
            after = int(way.said["escalate_after_s"] * 1e6)
            if not after or way.path in held.escalated or self._now - held.since < after:
                continue
            if self._silenced(held):
                continue
            held.escalated = (*held.escalated, way.path)
            minutes = max(1, round(after / 60e6))
            row = self._note(
                "alert.escalated", held, f"{held.row['message']} (nobody acknowledged it for {minutes} min)"
            )
            for channel in way.said["escalate_to"]:
                self._send(id_, channel, {**held.extra, **row})

    def _flush(self, name: str, group: Group) -> None:
        """The message of a group that is due."""
        bodies = [body for _, body in sorted(group.alerts.items())]
        firing = [body for body in bodies if body["type"] != "alert.resolved"]
        held = [self._life.held.get(str(body["alert"])) for body in firing]
        awake = any(one is None or not (one.acknowledged or self._silenced(one)) for one in held)
        if group.news or (firing and awake):
            for channel in group.channels:
                key = f"{name}:{self._now}:{channel}"
                self._says.send(
                    channel, key, bodies[0] if len(bodies) == 1 else _together(name, bodies, firing, self._now)
                )
        group.sent, group.news = self._now, False
        group.alerts = {str(body["alert"]): body for body in firing}
        group.due = self._now + group.repeat if firing and group.repeat else 0
        if not firing:
            del self._life.groups[name]

    # -- who is told ---------------------------------------------------------------------------------------------

    def _tell(self, id_: str, held: Held) -> None:
        held.told = True
        ways = list(self._ways(held))
        body = {**held.extra, **held.row}
        for channel in self._direct(held, ways):
            self._send(id_, channel, body)
        for way in ways:
            self._into_group(id_, way, held, body)

    def _direct(self, held: Held, ways: Sequence[Way]) -> list[str]:
        """The channels of the rule that no route speaks for."""
        routed = {channel for way in ways for channel in way.said["channels"]}
        return [channel for channel in dict.fromkeys(held.channels) if channel not in routed]

    def _send(self, id_: str, channel: str, body: Mapping[str, Any]) -> None:
        self._says.send(channel, f"{id_}:{body['type']}:{body['time']}:{channel}", body)

    def _into_group(self, id_: str, way: Way, held: Held, body: dict[str, Any]) -> None:
        if not way.said["channels"]:
            return
        by = "\0".join(f"{label}={held.labels.get(label, '')}" for label in way.said["group_by"])
        name = f"{way.path}\0{by}"
        group = self._life.groups.get(name)
        if group is None:
            if len(self._life.groups) >= MOST or body["type"] == "alert.resolved":
                return
            interval, repeat = (int(way.said[n] * 1e6) for n in ("group_interval_s", "repeat_interval_s"))
            group = self._life.groups[name] = Group(way.path, tuple(way.said["channels"]), interval, repeat)
            group.due = self._now + int(way.said["group_wait_s"] * 1e6)
        else:
            owed = group.sent + group.interval if group.sent else group.due
            group.due = max(owed, self._now) if not group.news else group.due
        group.news = True
        group.alerts[id_] = body
        if group.due <= self._now:
            self._flush(name, group)

    def _ways(self, held: Held) -> Iterator[Way]:
        for name in sorted(self._life.routes):
            yield from _branches(self._life.routes[name], held.labels, name, {})

    # -- who is quiet --------------------------------------------------------------------------------------------

    def _why_quiet(self, id_: str, held: Held) -> str:
        return self._silenced(held) or self._inhibited(id_, held)

    def _silenced(self, held: Held) -> str:
        for _, silence in sorted(self._life.silences.items()):
            if matching.all_hold(silence.matchers, held.labels) and (not silence.until or silence.until > self._now):
                return f"silence by {silence.by}{f' ({silence.comment})' if silence.comment else ''}"
        return ""

    def _inhibited(self, id_: str, held: Held) -> str:
        for name, said in sorted(self._life.inhibitions.items()):
            if not matching.all_hold(said["target"], held.labels):
                continue
            for other, source in sorted(self._life.held.items()):
                same = all(source.labels.get(n, "") == held.labels.get(n, "") for n in said["equal"])
                if other != id_ and same and matching.all_hold(said["source"], source.labels):
                    return f"{source.row['rule']} fires (inhibition {name})"
        return ""

    def _wake_and_hush(self, began: str, ended: str) -> None:
        """An alert began or ended: others may be quiet by it, or no more."""
        if not self._life.inhibitions:
            return
        if ended:
            self._wake()
        elif began:
            for id_, held in sorted(self._life.held.items()):
                if not held.quiet and not held.told and (why := self._inhibited(id_, held)):
                    held.quiet = why

    def _wake(self) -> None:
        """Tell of alerts that are quiet for no reason any more."""
        for id_, held in sorted(self._life.held.items()):
            flapping = self._life.flapping.get(_place(held))
            if held.quiet and not (flapping and flapping.damped):
                held.quiet = self._why_quiet(id_, held)
                if not held.quiet:
                    self._tell(id_, held)

    # -- on and off ----------------------------------------------------------------------------------------------

    def _flaps(self, held: Held) -> bool:
        """Count that it fires; whether it is told no more for now."""
        place = _place(held)
        if place not in self._life.flapping and len(self._life.flapping) >= MOST:
            del self._life.flapping[min(self._life.flapping, key=lambda p: (self._life.flapping[p].fired[-1], p))]
        flapping = self._life.flapping.setdefault(place, Flapping())
        at = max(self._now, int(held.row["time"]))
        flapping.fired = [*(t for t in flapping.fired if t > at - FLAPPING_US), at][-FLAPS:]
        flapping.channels = held.channels
        if not flapping.damped and len(flapping.fired) == FLAPS:
            flapping.damped = True
            told = f"it fired {FLAPS} times within an hour; you hear of it again when it is calm"
            row = self._note("alert.flapping", held, f"{held.row['message']} ({told})")
            ways = list(self._ways(held))
            routed = dict.fromkeys(channel for way in ways for channel in way.said["channels"])
            for channel in (*self._direct(held, ways), *routed):
                self._send(str(row["alert"]), channel, {**held.extra, **row})
        if flapping.damped:
            flapping.body = {**held.extra, **held.row}
        return flapping.damped

    def _calm(self, place: str, flapping: Flapping) -> None:
        """It did not fire anew for a while: say how it is now."""
        del self._life.flapping[place]
        if not flapping.damped:
            return
        id_ = str(flapping.body["alert"])
        if id_ in self._life.held:
            held = self._life.held[id_]
            held.quiet = self._why_quiet(id_, held)
            if not held.quiet:
                self._tell(id_, held)
        else:
            for channel in flapping.channels:
                self._send(id_, channel, flapping.body)

    # -- words ---------------------------------------------------------------------------------------------------

    def _note(self, type_: str, held: Held, message: str, by: str | None = None) -> dict[str, Any]:
        """A row of the history of an alert."""
        at = max(self._now, int(held.row["time"]))
        row = {**held.row, "type": type_, "time": at, "message": message, "by": by}
        self._says.row(row)
        return row


def nearby(life: Life, alert: str, at: int) -> list[str]:
    """What changed within an hour before ``at``, and what else fires: newest first, ten at most."""
    changes = [change.text for change in reversed(life.changes) if at - NEAR_US <= change.at <= at]
    newest = sorted(life.held.items(), key=lambda item: (-item[1].since, item[0]))
    others = [f"{h.row['rule']}{f' · {k}' if (k := h.row['key']) else ''} fires" for i, h in newest if i != alert]
    return [*dict.fromkeys([*changes[:5], *others[:5]])]


def _place(held: Held) -> str:
    return f"{held.row['rule']}\0{held.row['key']}"


def _branches(
    said: Mapping[str, Any], labels: Mapping[str, str], path: str, around: Mapping[str, Any]
) -> Iterator[Way]:
    """The deepest branches that match."""
    if not matching.all_hold(said["match"], labels):
        return
    here = {**around, **{name: value for name, value in said.items() if value is not None}}
    found = False
    for number, inner in enumerate(said["routes"]):
        ways = list(_branches(inner, labels, f"{path}/{number}", here))
        yield from ways
        found = found or bool(ways)
        if ways and not inner["go_on"]:
            break
    if not found:
        yield Way(path, here)


def _together(
    name: str, bodies: Sequence[Mapping[str, Any]], firing: Sequence[Mapping[str, Any]], now: int
) -> dict[str, Any]:
    """One message about several alerts; everything that is said of the group is about ``name``."""
    worst = max((str(body["severity"]) for body in firing or bodies), key=_rank)
    rules = list(dict.fromkeys(str(body["rule"]) for body in bodies))
    over = len(bodies) - len(firing)
    counted = [f"{len(firing)} firing"] * bool(firing) + [f"{over} resolved"] * bool(over)
    return {
        "type": "alert.fired" if firing else "alert.resolved",
        "alert": f"group {name}".replace("\0", " "),
        "title": f"{', '.join(rules[:3])}{' …' if len(rules) > 3 else ''}: {', '.join(counted)}",
        "rule": rules[0],
        "severity": worst,
        "message": f"{len(bodies)} alerts",
        "time": now,
        "alerts": [dict(body) for body in bodies[:50]],
    }


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else 0
