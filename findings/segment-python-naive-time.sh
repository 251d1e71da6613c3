#!/usr/bin/env bash
# segment-analytics-python 2.4.0: a datetime without a zone is local time if it is less than 5 s old or in the future, else UTC.
#
# One would expect one rule for all times without a zone (Python's own astimezone() takes them for local). Seen, in New York
# (UTC-4 in summer, UTC-5 in winter): datetime.now() is sent with the local offset, the same clock a minute before is sent as UTC, hours
# off, and a minute ahead is local again. So the events of one process stand hours apart, depending on how soon they are sent.
#
# Source: segment/analytics/utils.py, guess_timezone, segment-analytics-python 2.4.0 (`total_seconds(delta) < 5` holds for negative
# deltas, too).
#
# Output seen (in winter): now -05:00, a minute ago +00:00, in a minute -05:00
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check segment-analytics-python==2.4.0 tzdata
TZ=EST5EDT,M3.2.0,M11.1.0 "$folder/venv/bin/python" - <<'PYTHON'
import sys
from datetime import datetime, timedelta

from segment.analytics.client import Client

client = Client("key", send=False)


def offset(ahead):
    """The offset with which the SDK would send the local clock's reading."""
    _, message = client.track("user", "event", timestamp=datetime.now() + ahead)
    return message["timestamp"][-6:]


now, past, future = offset(timedelta(0)), offset(timedelta(minutes=-1)), offset(timedelta(minutes=1))
print(f"now {now}, a minute ago {past}, in a minute {future}")
sys.exit(0 if past == "+00:00" and now == future and now in ("-05:00", "-04:00") else "the behaviour has changed")
PYTHON
