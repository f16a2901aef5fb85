"""What holds for every pile of layers: the last that names a key wins, and is its origin."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from swf_common.configuration.layers import Layers
from swf_common.configuration.model import NOT_PARAMETERS, flat_parameters
from swf_common.configuration.suggestions import nearest

KEYS = st.sampled_from(["a", "b", "c", "d"])
VALUES = st.one_of(
    st.integers(-3, 3),
    st.booleans(),
    st.sampled_from(["", "x", "y"]),
    st.lists(st.integers(0, 3), max_size=2),
)
SECTIONS = st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, max_size=4), max_size=4)
NESTED = st.dictionaries(
    KEYS,
    st.recursive(VALUES, lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=6),
    max_size=4,
)
Path = tuple[str, ...]


def leaves(tables: dict[str, Any], at: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value of nested tables with the path to it."""
    for key, value in tables.items():
        if isinstance(value, dict):
            yield from leaves(value, (*at, key))
        else:
            yield (*at, key), value


def pile(tables: list[dict[str, Any]]) -> Layers:
    layers = Layers()
    for number, table in enumerate(tables):
        layers.lay(table, f"layer {number}")
    return layers


@given(st.lists(SECTIONS, max_size=5))
def test_the_last_layer_that_names_a_key_wins(tables: list[dict[str, Any]]) -> None:
    layers = pile(tables)
    expected: dict[Path, tuple[Any, str]] = {}
    for number, table in enumerate(tables):
        for path, value in leaves(table):
            expected[path] = (value, f"layer {number}")
    assert {path: (value, layers.origins[path]) for path, value in leaves(layers.values)} == (
        expected
    )


@given(st.lists(NESTED, max_size=5))
def test_every_value_comes_from_the_layer_that_its_origin_names(
    tables: list[dict[str, Any]],
) -> None:
    layers = pile(tables)
    for path, value in leaves(layers.values):
        number = int(layers.origins[path].removeprefix("layer "))
        assert (path, value) in list(leaves(tables[number]))


@given(st.lists(SECTIONS, max_size=5))
def test_laying_a_layer_twice_changes_no_value(tables: list[dict[str, Any]]) -> None:
    doubled = [table for table in tables for _ in range(2)]
    assert pile(doubled).values == pile(tables).values


@given(SECTIONS, SECTIONS)
def test_layers_leave_what_they_are_laid_from_as_it_was(
    below: dict[str, Any], above: dict[str, Any]
) -> None:
    before = json.dumps([below, above])
    layers = pile([below, above])
    layers.put(("a", "b"), "changed", "--set")
    assert json.dumps([below, above]) == before


@given(SECTIONS)
def test_sections_over_the_state_machine_win_in_the_flat_table(
    sections: dict[str, dict[str, Any]],
) -> None:
    resolved: dict[str, Any] = {**sections, "daq_state_machine": {"a": "daq", "z": "daq"}}
    flat = flat_parameters(resolved)
    assert flat["z"] == "daq"
    last = [table["a"] for table in sections.values() if "a" in table]
    assert flat["a"] == (last[-1] if last else "daq")


@given(st.sampled_from(NOT_PARAMETERS), st.dictionaries(KEYS, VALUES, min_size=1))
def test_no_system_section_gets_into_the_flat_table(section: str, table: dict[str, Any]) -> None:
    assert flat_parameters({section: table}) == {}


@given(st.text(max_size=12), st.lists(st.text(min_size=1, max_size=12), max_size=6))
def test_a_suggestion_only_ever_names_what_is_known(name: str, known: list[str]) -> None:
    sentence = nearest(name, known)
    assert bool(sentence) == bool(known)
    if sentence.startswith("did you mean"):
        assert sentence.removeprefix('did you mean "').removesuffix('"?') in known


def test_a_name_without_any_likeness_is_answered_with_all_that_are_known() -> None:
    assert nearest("xyz", ["fast", "slow"]) == "known here: fast, slow"
