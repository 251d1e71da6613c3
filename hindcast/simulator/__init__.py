"""A seeded simulation of a course platform and a SaaS marketing platform: believable live input.

``events(seed, start_us)`` is the world as an iterator, the same for the same seed; ``python -m hindcast.simulator`` posts it
in real time through the public HTTP endpoint with the real Segment SDK.
"""

from hindcast.simulator.stage import Event
from hindcast.simulator.world import COURSE, SAAS, events

__all__ = ["COURSE", "SAAS", "Event", "events"]
