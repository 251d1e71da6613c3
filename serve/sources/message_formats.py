"""How the bytes of a message are read: JSON, text, Avro and Protobuf, each into what expressions can look into."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from pydantic import Field

from actors.definitions.schema import Section
from events.errors import Rejected

FRAME = 5
"""Bytes before a framed value: a zero, and the number of its schema."""
Format = Callable[[bytes], Any]
"""Reads one value. Raises ``ValueError`` with the reason and the remedy, read after the field's name."""


class AvroSchemas(Section):
    """Where the schemas of Avro values are: one for all of them, or one by the number that each value bears in front."""

    schema_file: Path | None = None
    """An ``.avsc`` file, where values are bare Avro."""
    schema_files: dict[int, Path] = Field(default_factory=dict[int, Path])
    """By schema number, where each value begins with a zero byte and four bytes of that number, as Confluent's
    serializers write it."""


class ProtobufType(Section):
    """Which message type the values are of."""

    descriptors: Path
    """A file that ``protoc --include_imports --descriptor_set_out=FILE`` wrote."""
    message: str
    """The type's full name, as in ``shop.v1.Order``."""


def format_of(name: str, avro: AvroSchemas | None, protobuf: ProtobufType | None) -> Format:
    """What reads values of the format ``name``. Raises ``Rejected`` where a schema cannot be read."""
    if name == "avro" and avro is not None:
        return _avro(avro)
    if name == "protobuf" and protobuf is not None:
        return _protobuf(protobuf)
    return _text if name == "text" else _json


def _json(value: bytes) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"is no JSON ({error}); say another `format`, or mend who sends it") from None


def _text(value: bytes) -> Any:
    try:
        return {"text": value.decode()}
    except UnicodeDecodeError:
        raise ValueError("is no text in UTF-8") from None


def _avro(said: AvroSchemas) -> Format:
    try:
        import fastavro  # here: only sources of this format need it
    except ModuleNotFoundError:
        raise Rejected("format", "avro needs the package fastavro (`pip install 'hindcast[kafka]'`)") from None
    from fastavro.schema import load_schema

    if (said.schema_file is None) == (not said.schema_files):
        raise Rejected("avro", "say either `schema_file`, or `schema_files` by number")

    def loaded(path: Path) -> Any:
        try:
            return load_schema(str(path))
        except Exception as error:  # noqa: BLE001 - each reason is one for the reader of the settings
            raise Rejected("avro", f"the schema {path} cannot be read: {type(error).__name__}: {error}") from None

    bare = loaded(said.schema_file) if said.schema_file else None
    framed = {number: loaded(path) for number, path in said.schema_files.items()}

    def read(value: bytes) -> Any:
        schema, body = bare, value
        if schema is None:
            if len(value) < FRAME or value[0] != 0:
                raise ValueError("does not begin with a zero byte and the number of a schema; say `avro.schema_file`")
            number = int.from_bytes(value[1:FRAME])
            if number not in framed:
                raise ValueError(
                    f"is written with schema {number}, which `avro.schema_files` does not have; add its file"
                )
            schema, body = framed[number], value[FRAME:]
        stream = io.BytesIO(body)
        try:
            found = fastavro.schemaless_reader(stream, schema, None)
        except Exception as error:  # noqa: BLE001 - what a wrong schema makes of bytes raises all sorts of errors
            raise ValueError(f"does not fit its Avro schema: {type(error).__name__}: {error}") from None
        if stream.read(1):
            raise ValueError("is longer than its Avro schema says; is it the schema that wrote it?")
        return _plain(found)

    return read


def _protobuf(said: ProtobufType) -> Format:
    from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
    from google.protobuf.message import DecodeError

    try:
        described = descriptor_pb2.FileDescriptorSet.FromString(said.descriptors.read_bytes())
        pool = descriptor_pool.DescriptorPool()
        for file in described.file:
            pool.Add(file)  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]
        kind = message_factory.GetMessageClass(pool.FindMessageTypeByName(said.message))
    except (OSError, DecodeError, KeyError, TypeError) as error:
        raise Rejected(
            "protobuf", f"{said.descriptors} does not bring {said.message}: {type(error).__name__}: {error}; write the file "
            "with `protoc --include_imports --descriptor_set_out`"
        ) from None  # fmt: skip

    def read(value: bytes) -> Any:
        try:
            found = kind.FromString(value)
        except DecodeError as error:
            raise ValueError(f"is no {said.message}: {error}") from None
        return json_format.MessageToDict(found, preserving_proto_field_name=True)

    return read


def _plain(found: Any) -> Any:
    """A value of Avro with times in ISO 8601 and bytes in base 64, so that it can be looked into as JSON can."""
    if isinstance(found, dict):
        return {str(name): _plain(value) for name, value in found.items()}
    if isinstance(found, list | tuple):
        return [_plain(value) for value in found]
    if isinstance(found, bytes):
        return base64.b64encode(found).decode()
    return found.isoformat() if hasattr(found, "isoformat") else found
