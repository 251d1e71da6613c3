#!/usr/bin/env bash
# msgspec 0.22.0: a Raw equals another Raw of the same bytes, but never the bytes themselves; and it does not say so.
#
# Raw is "a buffer containing an encoded message" and takes part in the buffer protocol, like bytearray and memoryview, which both
# equal the bytes they hold. Seen: `raw in (b"", b"null")` is always False, without an error, so a check for null never fires.
# Convert first: bytes(raw).
#
# Source: src/msgspec/_core.c, Raw's comparison (only with another Raw); documented as "a buffer containing an encoded message".
#
# Output seen: bytearray True, memoryview True, Raw False, two Raws True, bytes(Raw) True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check msgspec==0.22.0
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import msgspec


class Row(msgspec.Struct):
    currency: msgspec.Raw


raw = msgspec.json.decode(b'{"currency":null}', type=Row).currency
found = [bytearray(b"null") == b"null", memoryview(b"null") == b"null", raw == b"null", raw == msgspec.Raw(b"null"),
         bytes(raw) == b"null"]
print("bytearray {}, memoryview {}, Raw {}, two Raws {}, bytes(Raw) {}".format(*found))
sys.exit(0 if found == [True, True, False, True, True] else "the behaviour has changed")
PYTHON
