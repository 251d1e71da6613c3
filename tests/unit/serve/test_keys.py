"""Whose events a key brings: a product's, over all of its keys, and never another's by accident."""

from __future__ import annotations

from typing import Any

from serve.keys import free_source, source_of


def key(name: str, id: str = "key_1", **more: Any) -> dict[str, Any]:
    return {"id": id, "name": name, "scopes": ["ingest"], **more}


def test_a_key_is_of_its_source() -> None:
    assert source_of(key("web key, 2026", source="shop")) == "shop"


def test_keys_from_before_there_were_sources_go_by_their_name_unless_nobody_gave_one() -> None:
    assert source_of(key("shop")) == "shop"
    assert [source_of(key("key", id=id)) for id in ("key_1", "key_2")] == ["key_1", "key_2"]


def test_a_new_keys_source_is_its_name_where_that_is_free() -> None:
    assert free_source("shop", "key_9", []) == "shop"
    assert free_source("shop", "key_9", [key("shop")]) == "key_9"
    assert free_source("shop", "key_9", [key("web", source="shop")]) == "key_9"
    assert free_source("shop", "key_9", [key("shop", source="blog")]) == "shop"
    assert free_source("key", "key_9", []) == "key_9"
