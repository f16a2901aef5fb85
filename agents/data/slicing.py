"""Cutting a TF sample into slices, the units of work of the fast path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from swf_common.configuration.groups import Slicing


@dataclass(frozen=True)
class Slice:
    """A contiguous part of a TF sample; TFs by their numbers in the STF, both ends included.

    :param slice_id: from 0 in each sample
    :param filename: `<sample's stem>_slice_<nnn>.tf`; a name, there is no such file
    """

    slice_id: int
    filename: str
    tf_first: int
    tf_last: int

    @property
    def tf_count(self) -> int:
        """How many TFs the slice has."""
        return self.tf_last - self.tf_first + 1


def slices(settings: Slicing, tf_filename: str, tf_first: int, tf_last: int) -> list[Slice]:
    """The slices of a TF sample, in order: each of its TFs is in exactly one of them."""
    stem = PurePath(tf_filename).stem
    step = settings.num_tf_per_slice
    return [
        Slice(number, f"{stem}_slice_{number:03d}.tf", first, min(first + step - 1, tf_last))
        for number, first in enumerate(range(tf_first, tf_last + 1, step))
    ]
