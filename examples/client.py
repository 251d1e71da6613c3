"""Talk to a system that runs already: send, look, ask, follow.

make run                     # or: hindcast up
python examples/client.py    # reads the address and first key from ./data; or give both: URL KEY
"""

from __future__ import annotations

import asyncio
import sys

from hindcast.client import AsyncClient, Client


def main() -> None:
    place = sys.argv[1:3]
    with Client(*place) if place else Client.local("data") as client:
        print("ready" if client.ready(wait_s=10) else "not ready yet")

        # Segment's words, for products that speak them already …
        client.identify("ada", {"plan": "free"})
        client.track("Course Viewed", "ada", {"course": "practical-ml"})

        # … or CloudEvents, with names of your own. A row that cannot be right is refused by itself, with its reason.
        receipt = client.send(
            [
                {"type": "lesson.completed", "subject": "ada", "data": {"minutes": 12}},
                {"type": "lesson.completed", "subject": "ada", "time": "yesterday"},
            ],
            source="example",
        )
        print(f"accepted {receipt['accepted']}")
        for verdict in receipt["rejected"]:
            print(f"refused row {verdict['index']}: {verdict['field']} {verdict['reason']}")

        for stream in client.streams():
            print(f"{stream['name']:<20} {stream['rows']:>9,} rows")

        busiest = client.query("SELECT type, count(*) AS n FROM user_interactions GROUP BY 1 ORDER BY n DESC LIMIT 5")
        for row in busiest:
            print(f"{row['n']:>8,}  {row['type']}")

    asyncio.run(follow(place))


async def follow(place: list[str]) -> None:
    """The next ten events, as they are committed."""
    async with AsyncClient(*place) if place else AsyncClient.local("data") as client:
        left = 10
        async for row in client.tail("user_interactions", last=3):
            print(f"{row['time']}  {row['source']:<12} {row['type']:<22} {row['subject'] or row['anonymous_id']}")
            left -= 1
            if not left:
                return


if __name__ == "__main__":
    main()
