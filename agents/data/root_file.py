"""What all files in ROOT form that are written here share."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt
import uproot

COMPRESSION = uproot.ZSTD(1)


class Buffer(io.BytesIO):
    """Keeps its content when uproot closes it."""

    content = b""

    def close(self) -> None:
        self.content = self.getvalue()
        super().close()


def jagged(columns: Mapping[str, npt.NDArray[Any]], offsets: npt.NDArray[np.int64]) -> ak.Array:
    """Flat columns as an array of records, jagged at `offsets`; uproot writes it as branches with
    a common counter.
    """
    contents = [ak.contents.NumpyArray(column) for column in columns.values()]
    record = ak.contents.RecordArray(contents, list(columns))
    return ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(offsets), record))
