"""Ingest: the bytes of a request to rows of ``user_interactions`` and verdicts. Pure functions, no web framework."""

from serve.ingest.bodies import EVENTS_BYTES, ROWS, SEGMENT_BYTES, read_body
from serve.ingest.cloudevents import decode_cloudevents, decode_event, decode_together, one_event
from serve.ingest.segment import KINDS, PATHS, decode_segment, write_key
from serve.ingest.verdicts import Decoded, Refused, TooLarge, UnsupportedMedia

__all__ = [
    "EVENTS_BYTES",
    "KINDS",
    "PATHS",
    "ROWS",
    "SEGMENT_BYTES",
    "Decoded",
    "Refused",
    "TooLarge",
    "UnsupportedMedia",
    "decode_cloudevents",
    "decode_event",
    "decode_segment",
    "decode_together",
    "one_event",
    "read_body",
    "write_key",
]
