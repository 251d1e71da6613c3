"""Where a visit comes from: its campaign and its channel, by what the address, the campaign's words and the referrer say.

A visit is *tagged* where the words of a campaign (``utm_source`` and the like) or an advertiser's click id stand with it;
else an outside referrer tells; else it is direct. The groups follow Google Analytics' default channel group (2023), made
shorter; the lists of sites hold what is common, and a site that is on none of them is a referral.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl, urlsplit

Channel = Literal[
    "direct", "organic_search", "paid_search", "social", "paid_social", "display", "email", "sms", "push", "affiliate",
    "referral", "paid_other", "other",
]  # fmt: skip
DIRECT: Channel = "direct"
MOST = 200
"""Longer words are cut: these columns are labels."""
_CLICKS = {
    "gclid": ("google", "cpc"), "gbraid": ("google", "cpc"), "wbraid": ("google", "cpc"), "msclkid": ("bing", "cpc"),
    "fbclid": ("facebook", ""), "ttclid": ("tiktok", "cpc"), "li_fat_id": ("linkedin", "cpc"), "twclid": ("x", "cpc"),
}  # fmt: skip
"""Click ids of advertisers, and the (source, medium) that they mean. Facebook's comes with what nobody paid for, too."""
_SEARCH = re.compile(
    r"(^|\.)(google|bing|duckduckgo|yahoo|baidu|yandex|ecosia|qwant|startpage|naver|seznam|sogou)(\.|$)|(^|\.)search\.brave\."
)
_SOCIAL = re.compile(
    r"(^|\.)(facebook|instagram|linkedin|twitter|reddit|pinterest|tiktok|youtube|mastodon|threads|snapchat|vk|weibo|fb|"
    r"lnkd|ig)(\.|$)|^(x\.com|t\.co|bsky\.app|news\.ycombinator\.com|youtu\.be|x)$"
)
_MAIL = re.compile(r"^(mail|webmail|outlook)\.|^com\.google\.android\.gm$")
_PAID = re.compile(r"^(.*cp.*|ppc|retargeting|re-targeting|paid.*)$")
_SHOWN = frozenset(("display", "banner", "expandable", "interstitial", "cpm"))
_PEOPLE = frozenset(("social", "social-network", "social-media", "sm", "social network", "social media"))
_PLAIN: Mapping[str, Channel] = {
    "email": "email", "e-mail": "email", "e_mail": "email", "newsletter": "email", "sms": "sms", "push": "push",
    "affiliate": "affiliate", "affiliates": "affiliate", "organic": "organic_search", "referral": "referral",
    "link": "referral",
}  # fmt: skip


class Touch(NamedTuple):
    """What brought somebody; empty words where nothing is said."""

    channel: Channel
    source: str = ""
    medium: str = ""
    campaign: str = ""
    content: str = ""
    term: str = ""
    referrer: str = ""


def touch(said: Mapping[str, Any], referrer: str, address: str, own: Collection[str] = ()) -> Touch | None:
    """What brought somebody to ``address``; None where nothing outside did.

    ``said``: the campaign's words, by ``source, medium, name, content, term`` or their ``utm_`` names. ``referrer``: an
    address, or nothing. ``own``: hosts that are not outside, beside that of ``address``, each with what is below it.
    """
    words = {**_asked(address), **{name: value for name, value in said.items() if isinstance(value, str) and value}}
    source, medium, campaign, content, term = (
        _word(words.get(f"utm_{name}") or words.get(name) or "")
        for name in ("source", "medium", "campaign", "content", "term")
    )
    campaign = campaign or _word(words.get("name") or "")
    click = next((name for name in _CLICKS if words.get(name)), None)
    host = host_of(referrer)
    outside = bool(host) and not _within(host, (host_of(address), *own))
    shown = referrer[:MOST] if outside else ""
    if source or medium or campaign or click:
        if click and not source:
            source, paid = _CLICKS[click]
            medium = medium or paid
        return Touch(_tagged(source.lower(), medium.lower()), source, medium, campaign, content, term, shown)
    if not outside:
        return None
    channel = _referred(host)
    return Touch(channel, host, "organic" if channel == "organic_search" else "referral", referrer=shown)


def host_of(address: str) -> str:
    """The host of an address, in small letters, without ``www.`` and port; nothing where it has none."""
    if "//" not in address:
        return ""
    try:
        return (urlsplit(address).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def _asked(address: str) -> dict[str, str]:
    """The words in an address that are about campaigns."""
    _, mark, query = address.partition("?")
    if not mark or ("utm_" not in query and "clid" not in query and "braid" not in query and "li_fat_id" not in query):
        return {}
    query = query.partition("#")[0]
    try:
        found = parse_qsl(query, max_num_fields=100)
    except ValueError:
        return {}
    return {name: value for name, value in found if name.startswith("utm_") or name in _CLICKS}


def _within(host: str, own: Collection[str]) -> bool:
    return any(host == one or host.endswith(f".{one}") for one in own if one)


def _word(said: str) -> str:
    return said.strip()[:MOST]


def _tagged(source: str, medium: str) -> Channel:
    if medium in _SHOWN:
        return "display"
    if _PAID.match(medium):
        return "paid_search" if _SEARCH.search(source) else "paid_social" if _SOCIAL.search(source) else "paid_other"
    if medium in _PLAIN:
        return _PLAIN[medium]
    if medium in _PEOPLE or _SOCIAL.search(source):
        return "social"
    if source in _PLAIN:
        return _PLAIN[source]
    return "organic_search" if not medium and _SEARCH.search(source) else "other"


def _referred(host: str) -> Channel:
    if _MAIL.search(host):
        return "email"
    return "organic_search" if _SEARCH.search(host) else "social" if _SOCIAL.search(host) else "referral"
