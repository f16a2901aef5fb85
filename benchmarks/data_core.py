"""The data of a run on one core: writing and reading STFs and samples, clusters and histograms.

Times are processor times, the least of several: what else the machine does only adds to them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from agents.data.cluster_file import reconstruct
from agents.data.clustering import find_clusters
from agents.data.files import read_verified
from agents.data.frame_file import FrameFile, FrameReader, write
from agents.data.generation import generate
from agents.data.sampling import samples
from agents.data.slice_processing import process_slices
from agents.data.slicing import slices
from agents.data.stf import write_stf
from agents.data.time_frames import TimeFrames
from benchmarks.outcome import finish
from monitor.records.histograms import add_all
from swf_common.configuration.groups import Clustering, Hits, Sampling, Slicing, StfContent

RUN_ID = "100010"
SMALL = StfContent(tf_count=1, mean_hits_per_tf=10)
SLICES_IN_A_BATCH = 10


def milliseconds(work: Callable[[], object], times: int = 15) -> float:
    """Least processor time of a piece of work, after one that warms up."""
    work()
    taken = []
    for _ in range(times):
        began = process_time()
        work()
        taken.append(process_time() - began)
    return min(taken) * 1e3


def read(file: FrameFile, *ranges: tuple[int, int]) -> list[TimeFrames]:
    """Verify a file, and read ranges of it; all of it without any."""
    announced = (f"file://{file.path}", file.size_bytes, file.checksum)
    with FrameReader(read_verified(announced, file.path.parent)) as reader:
        return [reader.read(*part) for part in ranges or [(reader.tf_first, reader.tf_last)]]


def as_sent(content: object) -> str:
    """The JSON text of a part of a message."""
    return json.dumps(content, separators=(",", ":"))


def files(folder: Path) -> tuple[dict[str, float], TimeFrames, TimeFrames]:
    """Milliseconds for files by figure, and the time frames of an STF and of a sample of it."""
    content = StfContent()
    stf = write_stf(folder, RUN_ID, 1, content)
    small = write_stf(folder, RUN_ID, 3, SMALL)
    blocks = samples(Sampling(), stf.path.name, int(RUN_ID), 1, stf.tf_count)
    ranges = [(block.tf_first, block.tf_last) for block in blocks]
    (whole,), (frames,), (one,) = read(stf), read(stf, ranges[3]), read(small)
    sample = write(folder / blocks[3].filename, frames)
    for name, file in (("an STF", stf), ("a sample", sample), ("an STF of one TF", small)):
        print(f"{name}: {file.tf_count} TFs, {file.hit_count} hits, {file.size_bytes} bytes")
    with FrameReader(stf.path) as reader:
        reader.read(*ranges[3])
        print(f"a sample is read of {reader.bytes_read / stf.size_bytes:.0%} of its STF")
    again = folder / "again"
    times = {
        "generate_ms": milliseconds(lambda: generate(content, int(RUN_ID), 1)),
        "write_ms": milliseconds(lambda: write_stf(again, RUN_ID, 1, content)),
        "read_ms": milliseconds(lambda: read(stf)),
        "read_samples_ms": milliseconds(lambda: read(stf, *ranges)),
        "write_sample_ms": milliseconds(lambda: write(again / "a.tf", frames), 50),
        "read_sample_ms": milliseconds(lambda: read(sample), 50),
        "write_small_ms": milliseconds(lambda: write_stf(again, RUN_ID, 3, SMALL), 100),
        "read_small_ms": milliseconds(lambda: read(small), 100),
        "reconstruct_ms": milliseconds(lambda: reconstruct(again / "a.root", whole, Clustering())),
        "reconstruct_small_ms": milliseconds(
            lambda: reconstruct(again / "b.root", one, Clustering()), 100
        ),
    }
    return times, whole, frames


def contents(whole: TimeFrames, sample: TimeFrames) -> dict[str, float]:
    """Milliseconds for slices, and the bytes of their histograms, by figure."""
    hits, clustering = Hits(), Clustering()
    cut = slices(Slicing(), "a.tf", sample.tf_first, sample.tf_last)[:SLICES_IN_A_BATCH]
    ranges = [(part.tf_first, part.tf_last) for part in cut]
    batch = milliseconds(lambda: process_slices(sample, ranges, hits, clustering), 50)
    (stf,) = process_slices(whole, [(whole.tf_first, whole.tf_last)], hits, clustering)
    messages = [as_sent(one.histograms) for one in process_slices(sample, ranges, hits, clustering)]
    results = [json.loads(message) for message in messages] * 10
    return {
        "cluster_ms": milliseconds(lambda: find_clusters(whole, clustering)),
        "slice_alone_ms": milliseconds(
            lambda: process_slices(sample, ranges[:1], hits, clustering), 50
        ),
        "slice_in_batch_ms": batch / len(ranges),
        "add_result_ms": milliseconds(lambda: add_all({}, results)) / len(results),
        "slice_message_bytes": max(map(len, messages)),
        "message_bytes": len(as_sent(stf.histograms)),
    }


def main() -> None:
    with TemporaryDirectory() as name:
        figures, whole, sample = files(Path(name))
    figures |= contents(whole, sample)
    for name, figure in figures.items():
        print(f"{name}: {figure:.2f}" if name.endswith("_ms") else f"{name}: {figure}")
    finish("data_core", figures)


if __name__ == "__main__":
    main()
