"""Slicing: every TF of a sample is in exactly one slice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agents.data.slicing import Slice, slices
from swf_common.configuration.groups import Slicing


def test_slices_have_two_frames_unless_asked_otherwise() -> None:
    assert slices(Slicing(), "swf.100010.000001_tf_003.tf", 437, 441) == [
        Slice(0, "swf.100010.000001_tf_003_slice_000.tf", 437, 438),
        Slice(1, "swf.100010.000001_tf_003_slice_001.tf", 439, 440),
        Slice(2, "swf.100010.000001_tf_003_slice_002.tf", 441, 441),
    ]


@given(first=st.integers(0, 10_000), count=st.integers(0, 500), size=st.integers(1, 600))
def test_slices_tile_a_sample_exactly(first: int, count: int, size: int) -> None:
    found = slices(Slicing(num_tf_per_slice=size), "a_tf_001.tf", first, first + count - 1)
    assert len(found) == -(-count // size)
    assert [part.slice_id for part in found] == list(range(len(found)))
    covered = [tf for part in found for tf in range(part.tf_first, part.tf_last + 1)]
    assert covered == list(range(first, first + count))
    assert {part.tf_count for part in found[:-1]} <= {size}
    assert len({part.filename for part in found}) == len(found)
