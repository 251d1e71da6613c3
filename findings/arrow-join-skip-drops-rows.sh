#!/usr/bin/env bash
# pyarrow 25.0.1: binary_join_element_wise(..., null_handling="skip") leaves out every row in which all values are null.
#
# An element-wise function answers one value a row. Here the answer is shorter than the columns, without an error, so every
# later row stands beside the wrong neighbour. With "emit_null" or "replace" the lengths agree.
#
# Source: arrow/cpp/src/arrow/compute/kernels/scalar_string_ascii.cc (binary join); docs: "A null in any input ... with
# 'skip' nulls are skipped", which says nothing of the row.
#
# Output seen: skip 2 of 3 rows, replace 3 of 3 rows, emit_null 3 of 3 rows
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==25.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import pyarrow as pa
import pyarrow.compute as pc

first, second = pa.array([None, None, "a"], pa.string()), pa.array([None, "b", "c"])
found = {
    how: len(pc.binary_join_element_wise(first, second, ",", null_handling=how, null_replacement=""))
    for how in ("skip", "replace", "emit_null")
}
print(", ".join(f"{how} {rows} of 3 rows" for how, rows in found.items()))
sys.exit(0 if found == {"skip": 2, "replace": 3, "emit_null": 3} else "the behaviour has changed")
PYTHON
