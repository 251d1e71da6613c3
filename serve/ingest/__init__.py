"""Ingest: the bytes of a request to rows of ``user_interactions`` and verdicts. Pure functions, no web framework."""

from serve.ingest.bodies import EVENTS_BYTES, ROWS, SEGMENT_BYTES, read_body
from serve.ingest.cloudevents import decode_cloudevents, decode_event, decode_together, one_event, plain_source
from serve.ingest.imported import decode_import
from serve.ingest.segment import KINDS, PATHS, decode_segment, write_key
from serve.ingest.tables import decode_table, is_table
from serve.ingest.times import AHEAD_US
from serve.ingest.verdicts import Decoded, Fault, Refused, TooLarge, UnsupportedMedia

__all__ = [
    "AHEAD_US",
    "EVENTS_BYTES",
    "KINDS",
    "PATHS",
    "ROWS",
    "SEGMENT_BYTES",
    "Decoded",
    "Fault",
    "Refused",
    "TooLarge",
    "UnsupportedMedia",
    "decode_cloudevents",
    "decode_event",
    "decode_import",
    "decode_segment",
    "decode_table",
    "decode_together",
    "is_table",
    "one_event",
    "plain_source",
    "read_body",
    "write_key",
]
