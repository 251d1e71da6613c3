"""The one validator of definitions: HTTP, Python, the command line and configuration files ask here.

It says the field, what is wrong and what would be right, and it looks at a whole set of changes at once, so that a file may
bring a metric and the rule about it in any order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from actors.definitions.channel_section import IN_CONFIGURATION, ChannelSection
from actors.definitions.inventory import Inventory, Key
from actors.definitions.kinds import KINDS, Kind, kind_of
from events.errors import Rejected
from events.nearest import did_you_mean

MOST_NAME = 200
MOST_COMPLAINTS = 20
MOST_DEPENDANTS = 5
"""So many are named where a definition cannot be removed because of them."""


class Wanted(NamedTuple):
    """A definition as somebody asks for it; ``name``: None where the spec says it."""

    kind: str
    name: str | None
    spec: Mapping[str, Any]


class Accepted(NamedTuple):
    """A definition that may be: as it stands on ``control``, and what may be a mistake in it."""

    key: Key
    spec: dict[str, Any]
    warnings: tuple[str, ...] = ()


def read(wanted: Wanted) -> tuple[Key, Any]:
    """The definition that ``wanted`` asks for, by its schema alone. Raises ``Rejected``."""
    kind = kind_of(wanted.kind)
    spec = dict(wanted.spec)
    if wanted.name is not None:
        if len(wanted.name) > MOST_NAME:
            raise Rejected("name", f"has {len(wanted.name)} characters; a name has {MOST_NAME} at most")
        for field, said in kind.named(wanted.name).items():
            if spec.setdefault(field, said) != said:
                raise Rejected(field, f"is {spec[field]!r}, but the name asks for {said!r}; leave it out, or rename it")
    try:
        definition = kind.schema.validate_python(spec)
    except ValidationError as error:
        raise _refused(error, kind) from None
    key = Key(kind.name, kind.name_of(definition))
    if wanted.name is not None and key.name != wanted.name:
        fields = " and ".join(kind.identity)
        raise Rejected("name", f"must be made of {fields}: {key.name!r}, not {wanted.name!r}")
    return key, definition


def accept(wanted: Sequence[Wanted], among: Inventory) -> list[Accepted]:
    """All of ``wanted`` together, laid over what there is. Raises ``Rejected`` for the first that cannot be."""
    definitions: dict[Key, Any] = {}
    for one in wanted:
        key, definition = read(one)
        if key in definitions:
            raise Rejected("name", f"{key.kind} {key.name!r} is there twice; names are unique")
        if isinstance(definition, ChannelSection):
            _refuse_secrets(definition, among.specs.get(key))
        definitions[key] = definition
    specs = {key: KINDS[key.kind].told(definition) for key, definition in definitions.items()}
    after = among.changed(specs)
    found: list[Accepted] = []
    for key, definition in definitions.items():
        kind = KINDS[key.kind]
        warnings = kind.check(definition, after)
        if kind.breaks is not None and key in among.specs:
            warnings += [f"breaks: {said}" for said in kind.breaks(among.specs[key], specs[key])]
        found.append(Accepted(key, specs[key], tuple(warnings)))
    refuse_circles(definitions, after)
    _keep_dependants(frozenset(definitions), among, after)
    return found


def warnings(among: Inventory) -> dict[Key, tuple[str, ...]]:
    """What may be a mistake in the definitions that hold, by those of which there is something to say.

    What was right once may be one by now: a metric or a topic that it names is gone.
    """
    found: dict[Key, tuple[str, ...]] = {}
    for key, spec in among.specs.items():
        kind = KINDS.get(key.kind)
        if kind is None or kind.check is KINDS["channel"].check:
            continue
        definition = _held(kind, spec)
        try:
            said = () if definition is None else tuple(kind.check(definition, among))
        except Rejected as error:
            said = (f"{error.field}: {error.reason}",)
        if said:
            found[key] = said
    return found


def _refuse_secrets(channel: ChannelSection, held: Mapping[str, Any] | None) -> None:
    """A secret comes as a reference; the one of a configuration file may be named where nothing is changed."""
    for field, reference in channel.references.items():
        named = getattr(channel, field).get_secret_value() == IN_CONFIGURATION
        if reference == IN_CONFIGURATION and not (named and held == KINDS["channel"].told(channel)):
            raise Rejected(
                field,
                "must not be sent in clear: put it into a file of `secrets/` in the data directory and send "
                "`file:NAME_OF_IT`, or into the environment of `hindcast up` and send `env:NAME_OF_IT`",
            )


def refuse_removal(key: Key, among: Inventory) -> None:
    """Raises ``Rejected`` where another definition would be left without what it needs."""
    _keep_dependants(frozenset((key,)), among, among.changed({}, frozenset((key,))))


def _keep_dependants(touched: frozenset[Key], before: Inventory, after: Inventory) -> None:
    """What others said of a definition that changes or goes must hold afterwards, where it held before."""
    changed = {key for key in touched if key in before.specs and before.specs[key] != after.specs.get(key)}
    if not changed:
        return
    gone = changed - after.specs.keys()
    broken: dict[Key, Rejected] = {}
    for key, spec in after.specs.items():
        kind = KINDS.get(key.kind)
        if kind is None or key in touched or kind.check is KINDS["channel"].check:
            continue
        definition = _held(kind, spec)
        if definition is None or changed.isdisjoint(kind.references(definition, before)):
            continue
        try:
            said = kind.check(definition, after)
        except Rejected as error:
            broken[key] = error
        else:
            missing = [why for why in said if gone and why not in kind.check(definition, before)]
            if missing:
                broken[key] = Rejected(kind.section, missing[0])
    if broken:
        first, why = next(iter(broken.items()))
        named = ", ".join(f"{key.kind} {key.name!r}" for key in list(broken)[:MOST_DEPENDANTS])
        more = f" and {len(broken) - MOST_DEPENDANTS} more" if len(broken) > MOST_DEPENDANTS else ""
        raise Rejected("name", f"is needed by {named}{more}; change or remove that first ({first.name}: {why.reason})")


def _held(kind: Kind, spec: Mapping[str, Any]) -> Any | None:
    """A definition that holds; None where its schema does not know it any more, for a plug-in that it needs is gone."""
    try:
        return kind.schema.validate_python(spec)
    except ValidationError:
        return None


def refuse_circles(definitions: Mapping[Key, Any], among: Inventory, kinds: Mapping[str, Kind] = KINDS) -> None:
    """Raises ``Rejected`` where a definition needs itself, by way of others or not."""
    done: set[Key] = set()

    def needs(key: Key) -> list[Key]:
        kind = kinds.get(key.kind)
        if kind is None or key not in among.specs:
            return []
        definition = definitions[key] if key in definitions else _held(kind, among.specs[key])
        return [] if definition is None else list(kind.references(definition, among))

    for start in definitions:
        path: list[tuple[Key, list[Key]]] = [(start, needs(start))]
        while path:
            key, left = path[-1]
            if not left:
                done.add(key)
                path.pop()
                continue
            following = left.pop()
            here = [k for k, _ in path]
            if following in here:
                circle = " -> ".join(k.text for k in (*here[here.index(following) :], following))
                raise Rejected("name", f"goes in a circle: {circle}; leave one of these references out")
            if following not in done:
                path.append((following, needs(following)))


def _refused(error: ValidationError, kind: Kind) -> Rejected:
    """The complaints of a schema as one ``Rejected``, a line each."""
    lines: list[tuple[str, str]] = []
    for complaint in error.errors(include_url=False, include_context=False, include_input=False):
        place = ".".join(str(part) for part in complaint["loc"])
        reason = complaint["msg"].removeprefix("Value error, ")
        if complaint["type"] == "extra_forbidden":
            last = str(complaint["loc"][-1])
            nested = len(complaint["loc"]) > 1 and kind.name != "channel"
            known = () if nested else kind.fields
            listed = f"; keys there are {', '.join(known)}" if known else ""
            reason = f"is no key of a {kind.name}{did_you_mean(last, known)}{listed}"
        lines.append((place or kind.name, reason))
    (field, reason), rest = lines[0], lines[1:MOST_COMPLAINTS]
    if len(lines) > MOST_COMPLAINTS:
        rest.append(("and", f"{len(lines) - MOST_COMPLAINTS:,} more like these"))
    return Rejected(field, "\n".join((reason, *(f"{place}: {why}" for place, why in rest))))
