#!/usr/bin/env bash
# feedparser 6.0.14: a named zone that it does not know is read as UTC, a number of seconds as a year, and an entry's id
# depends on the address that the feed was fetched from.
#
# `published_parsed` is documented as "the date ... as a UTC struct". For CET, CEST and JST it is the local time, without an
# error or a mark (`bozo` stays 0); EST is converted. "1795424400" becomes 1 November 1795. A `guid` without
# isPermaLink="false" is joined with the response's content-location, so `id`, which one remembers to know an entry again,
# changes when the feed moves.
#
# Source: feedparser/datetimes/rfc822.py (its table of names has the zones of RFC 822 alone), datetimes/iso8601.py
# (a year and a month are tried on any digits), mixin.py (`id` is resolved while guidislink is true).
#
# Output seen: CET 10:00 CEST 10:00 JST 10:00 EST 15:00, 1795424400 is of 1795; ids p1 and http://b.example/p1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check feedparser==6.0.14
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import feedparser


def entry(at: str, **headers: str):
    item = f"<item><guid>p1</guid><title>x</title><pubDate>{at}</pubDate></item>"
    feed = feedparser.parse(
        f'<rss version="2.0"><channel><title>t</title>{item}</channel></rss>'.encode(),
        response_headers={"content-type": "application/rss+xml", **headers},
    )
    assert not feed.bozo
    return feed.entries[0]


hours = {zone: entry(f"Mon, 23 Nov 2026 10:00:00 {zone}").published_parsed.tm_hour for zone in ("CET", "CEST", "JST", "EST")}
year = entry("1795424400").published_parsed.tm_year
now = "Mon, 23 Nov 2026 10:00:00 GMT"
ids = entry(now).id, entry(now, **{"content-location": "http://b.example/feed"}).id
print(" ".join(f"{zone} {hour}:00" for zone, hour in hours.items()), f", 1795424400 is of {year}; ids", " and ".join(ids))
same = hours == {"CET": 10, "CEST": 10, "JST": 10, "EST": 15} and year == 1795 and ids == ("p1", "http://b.example/p1")
sys.exit(0 if same else "the behaviour has changed")
PYTHON
