"""The streams that collectors fill, beside what products send: one for each kind of place that is looked at."""

from __future__ import annotations

import pyarrow as pa

from events.stream import LABEL, Stream, stream_of

SYSTEM_LOGS = stream_of(
    "system_logs",
    "log.written: a line of a program's log; `subject` is the program, where the line names it.",
    pa.field("severity", LABEL),  # trace | debug | info | warning | error | critical; null where the line does not say
    pa.field("message", pa.string()),
    pa.field("host", LABEL),
    pa.field("properties", pa.string()),  # JSON object: what else the line says, by name
)
API_METRICS = stream_of(
    "api_metrics",
    "Measurements that a program tells of itself: `type` names the measurement, `subject` what was measured.",
    pa.field("kind", LABEL),  # counter | gauge | histogram | summary | unknown, as the program declares it
    pa.field("value", pa.float64()),  # as it was told: of a counter, its total
    pa.field("increase", pa.float64()),  # of a total: by how much it grew since it was read last, resets included
    pa.field("unit", LABEL),
    pa.field("labels", pa.string()),  # JSON object
)
BUSINESS_EVENTS = stream_of(
    "business_events",
    "What happens in the business, as its own systems record it: orders, invoices, subscriptions.",
    pa.field("amount", pa.int64()),  # minor units of `currency`
    pa.field("currency", LABEL),
    pa.field("value", pa.float64()),
    pa.field("properties", pa.string()),  # JSON object
)
EXTERNAL_APIS = stream_of(
    "external_apis",
    "What other people's services say: each row is an item of an answer.",
    pa.field("value", pa.float64()),
    pa.field("properties", pa.string()),  # JSON object: the item
)
SOCIAL_MEDIA = stream_of(
    "social_media",
    "post.published | post.shared: what somebody published, or passed on, for all to read; `subject` is who did.",
    pa.field("title", pa.string()),
    pa.field("text", pa.string()),  # without markup
    pa.field("url", pa.string()),
    pa.field("language", LABEL),
    pa.field("tags", pa.list_(pa.string())),
    pa.field("properties", pa.string()),  # JSON object
)
WEBSITE_ANALYTICS = stream_of(
    "website_analytics",
    "page.requested: a request to a web server, as its access log has it; `subject` is the address that asked.",
    pa.field("method", LABEL),
    pa.field("path", pa.string()),  # without the query
    pa.field("status", pa.int32()),
    pa.field("bytes", pa.int64()),
    pa.field("referrer", pa.string()),
    pa.field("agent", pa.string()),
    pa.field("properties", pa.string()),  # JSON object
)

EMAIL_CAMPAIGNS = stream_of(
    "email_campaigns",
    "What became of messages to many: email.sent | email.delivered | email.deferred | email.bounced | email.dropped | "
    "email.opened | email.clicked | email.complained | email.unsubscribed | email.resubscribed, and other events under the "
    "name that the service gives them; `subject` is the address.",
    pa.field("campaign", LABEL),  # as the service names or numbers it; else the message's first tag
    pa.field("message", pa.string()),  # the id that the service gave the message
    pa.field("url", pa.string()),  # of a click
    pa.field("reason", pa.string()),  # why it bounced, was dropped or deferred
    pa.field("permanent", pa.bool_()),  # of a bounce: whether trying again is of no use
    pa.field("automatic", pa.bool_()),  # of an opening or a click: whether the service says that a machine did it
    pa.field("count", pa.int64()),  # how many of them; 1 where each is a row of its own
    pa.field("properties", pa.string()),  # JSON object: what the service said
)

COLLECTED: tuple[Stream, ...] = (
    SYSTEM_LOGS,
    API_METRICS,
    BUSINESS_EVENTS,
    EXTERNAL_APIS,
    SOCIAL_MEDIA,
    WEBSITE_ANALYTICS,
    EMAIL_CAMPAIGNS,
)
