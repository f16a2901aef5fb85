"""Files in ROOT form that hold one TTree, with one entry a time frame.

Each tree has the branches `tf` (uint32, the TF's number in its STF), `n<group>` (int32) and, jagged
by it, `<group>_<column>`. uproot writes and reads them. It takes its time for each branch and each
basket, hardly for the values in them. So a file has few baskets, and columns stay numpy arrays.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt
import uproot

COMPRESSION = None
"""ZSTD makes an STF smaller by a third, and takes as long as all the rest of writing and reading
it (decision 0011). uproot reads compressed files as well."""
TFS_PER_BASKET = 500
"""TFs in a basket, the smallest part of a file that can be read."""
LEAVES: dict[type[np.number[Any]], tuple[str, bool]] = {
    np.uint8: ("TLeafB", True),
    np.uint32: ("TLeafI", True),
    np.int32: ("TLeafI", False),
    np.float32: ("TLeafF", False),
}
"""How ROOT describes the types of columns: the class of the leaf, and whether it is unsigned."""


class Buffer(io.BytesIO):
    """Keeps its content when uproot closes it."""

    content = b""

    def close(self) -> None:
        self.content = self.getvalue()
        super().close()


@dataclass(frozen=True)
class TreeLayout:
    """The name of a file's tree, and the branches that it has.

    :param tree: the tree's name
    :param group: what a time frame has many of: `hits` or `clusters`
    :param columns: their columns, and the type in which each is stored
    """

    tree: str
    group: str
    columns: Mapping[str, type[np.number[Any]]]

    @cached_property
    def branches(self) -> dict[str, type[np.number[Any]]]:
        """The branches, and the type of the values of each."""
        return {
            "tf": np.uint32,
            f"n{self.group}": np.int32,
            **{f"{self.group}_{name}": kind for name, kind in self.columns.items()},
        }

    @cached_property
    def _row(self) -> Any:
        """The type of the group in one time frame, as uproot describes it."""
        kinds = [ak.types.NumpyType(np.dtype(kind).name) for kind in self.columns.values()]
        return ak.types.ListType(ak.types.RecordType(kinds, list(self.columns)))

    def encode(
        self,
        tf_first: int,
        offsets: npt.NDArray[np.int64],
        columns: Mapping[str, npt.NDArray[Any]],
        title: str = "",
    ) -> bytes:
        """The bytes of a file.

        :param tf_first: number of the first TF in its STF
        :param offsets: the columns' entries of the i-th TF are those from `offsets[i]` up to, and
            without, `offsets[i + 1]`
        :param columns: by name, one entry a hit or cluster
        :param title: the tree's title
        """
        tf_count = len(offsets) - 1
        baskets = -(-tf_count // TFS_PER_BASKET)
        buffer = Buffer()
        with uproot.recreate(buffer, compression=COMPRESSION) as file:
            tree = file.mktree(
                self.tree,
                {"tf": "uint32", self.group: self._row},
                title,
                initial_basket_capacity=baskets + 1,
            )
            for start in range(0, tf_count, TFS_PER_BASKET):
                part = offsets[start : start + TFS_PER_BASKET + 1]
                numbers = np.arange(start, start + len(part) - 1) + tf_first
                tree.extend({"tf": numbers, **self._jagged(part, columns)})
        return buffer.content

    def mistyped(self, tree: Any) -> list[str]:
        """The branches of a file's tree whose values have other types than in this layout."""
        leaves = {name: tree[name].member("fLeaves")[0] for name in self.branches}
        return [
            name
            for name, kind in self.branches.items()
            if (leaves[name].classname, leaves[name].member("fIsUnsigned")) != LEAVES[kind]
        ]

    def _jagged(
        self, offsets: npt.NDArray[np.int64], columns: Mapping[str, npt.NDArray[Any]]
    ) -> dict[str, Any]:
        """The counter and the jagged columns of some time frames, as uproot takes them. With the
        counter it need not derive one from each column.
        """
        values = slice(int(offsets[0]), int(offsets[-1]))
        borders = ak.index.Index64(offsets - offsets[0])
        rows = {
            name: ak.Array(
                ak.contents.ListOffsetArray(
                    borders, ak.contents.NumpyArray(columns[name][values].astype(kind, copy=False))
                )
            )
            for name, kind in self.columns.items()
        }
        return {f"n{self.group}": np.diff(offsets), self.group: rows}
