"""The data of a run on one core: writing STFs, reading samples, clusters and histograms.

Times are processor times: what else the machine does matters little.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

from agents.data.clustering import find_clusters
from agents.data.frame_file import FrameReader, write
from agents.data.generation import generate
from agents.data.histograms import HistogramSet
from agents.data.sampling import samples
from agents.data.stf import write_stf
from agents.data.time_frames import TimeFrames
from swf_common.configuration.groups import Clustering, Hits, Sampling, StfContent

RUN_ID = "100010"
LEAST_STFS_PER_SECOND = 20
MOST_MESSAGE_BYTES = 10_000


def milliseconds(work: Callable[[], object], times: int = 15) -> float:
    """Median processor time of a piece of work, after one that warms up."""
    work()
    taken = []
    for _ in range(times):
        began = process_time()
        work()
        taken.append(process_time() - began)
    return median(taken) * 1e3


def process(frames: TimeFrames, settings: Hits) -> HistogramSet:
    """What a transformer does with a slice, once it is read."""
    made = HistogramSet.empty(settings)
    made.fill(settings, frames, find_clusters(frames, Clustering()))
    return made


def main() -> None:
    generation, histograms = StfContent(), Hits()
    with TemporaryDirectory() as name:
        folder = Path(name)
        stf = write_stf(folder, RUN_ID, 1, generation)
        generating = milliseconds(lambda: generate(generation, int(RUN_ID), 1))
        writing = milliseconds(lambda: write_stf(folder, RUN_ID, 1, generation))
        print(f"STF: {stf.tf_count} TFs, {stf.hit_count} hits, {stf.size_bytes} bytes")
        print(f"generate {generating:.1f} ms; generate and write {writing:.1f} ms", end="")
        print(f": {1000 / writing:.0f} a second")

        block = samples(Sampling(), stf.path.name, int(RUN_ID), 1, stf.tf_count)[3]

        def read_block() -> TimeFrames:
            with FrameReader(stf.path) as reader:
                return reader.read(block.tf_first, block.tf_last)

        frames = read_block()
        sample = write(folder / block.filename, frames)

        def read_slice() -> TimeFrames:
            with FrameReader(sample.path) as reader:
                return reader.read(block.tf_first, block.tf_first + 1)

        def read_stf() -> TimeFrames:
            with FrameReader(stf.path) as reader:
                return reader.read()

        whole = read_stf()
        with FrameReader(stf.path) as reader:
            reader.read(block.tf_first, block.tf_last)
            part = reader.bytes_read / stf.size_bytes
        print(f"read the STF {milliseconds(read_stf):.1f} ms")
        print(f"a sample of {block.tf_count} TFs: read {milliseconds(read_block):.1f} ms", end="")
        print(f" and {part:.0%} of the STF's bytes", end="")
        print(f", write {milliseconds(lambda: write(sample.path, frames)):.1f} ms", end="")
        print(f", read a slice of it {milliseconds(read_slice):.1f} ms")

        largest = 0
        for tf_count in (2, 15, whole.tf_count):
            selected = whole.select(0, tf_count - 1)
            made = process(selected, histograms)
            message = json.dumps(made.to_uhi())
            largest = max(largest, len(message))
            clustering = milliseconds(lambda: find_clusters(selected, Clustering()))  # noqa: B023
            processing = milliseconds(lambda: process(selected, histograms))  # noqa: B023
            print(f"{tf_count} TFs: cluster {clustering:.2f} ms", end="")
            print(f", with histograms {processing:.2f} ms, message {len(message)} bytes")

        other = HistogramSet.empty(histograms)
        adding = milliseconds(lambda: other.add(HistogramSet.from_uhi(json.loads(message))))
        print(f"read a message and add it {adding:.2f} ms")
    sys.exit(1000 / writing < LEAST_STFS_PER_SECOND or largest > MOST_MESSAGE_BYTES)


if __name__ == "__main__":
    main()
