"""Which browsers are none: crawlers, monitors, scripts, by how they call themselves."""

from __future__ import annotations

from functools import lru_cache

KNOWN = 4_096
"""Names of browsers that are known at once; a site sees some hundred."""
MOST = 500
"""Characters that are looked at."""


@lru_cache(maxsize=KNOWN)
def is_bot(agent: str) -> bool:
    """Whether ``agent`` (the header ``User-Agent``) says that it is no person's browser.

    By the patterns of https://github.com/monperrus/crawler-user-agents. One that calls itself a browser and is none is not
    known by its name.
    """
    from crawleruseragents import is_crawler  # here: 1,500 patterns, which few processes need

    return is_crawler(agent[:MOST])
