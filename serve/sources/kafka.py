"""The source ``kafka``: topics of an Apache Kafka cluster, each message once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from actors.parts import Part, SourceKind, Within
from actors.source import Source
from events.collected import BUSINESS_EVENTS
from events.errors import Rejected
from serve.sources.kafka_settings import KafkaSection
from serve.sources.messages import stream_of


def _opened(section: KafkaSection, within: Within, source: str, now: Callable[[], int]) -> Source:
    try:
        from serve.sources.topics import KafkaStreamProcessor  # here: only the process that reads needs librdkafka
    except ModuleNotFoundError as error:
        raise Rejected("kind", f"kafka needs the package {error.name} (`pip install 'hindcast[kafka]'`)") from None

    return KafkaStreamProcessor(section, within, source, now)


def _source(section: KafkaSection, name: str, within: Within) -> Callable[[Callable[[], int]], Source]:
    return partial(_opened, section, within, section.source or name)


KIND = SourceKind("kafka", BUSINESS_EVENTS, _source, KafkaSection, refuses=True, bound=True, chosen=stream_of)
PART = Part("kafka", sources=(KIND,))
