"""Volumes with a limit: the oldest files go, never one that is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.data.files import VolumeFull
from agents.data.volume import (
    MAX_NEEDED_IN_A_ROW,
    MEGABYTE,
    MOST_ASKED,
    SCAN_INTERVAL_S,
    Needed,
    Volume,
)

SIZE = MEGABYTE // 10


Files = Sequence[tuple[str, str]]


def each(judge: Callable[[str], bool]) -> Needed:
    """What is needed, by a judgement on each STF alone."""
    return lambda files: [judge(stf) for _, stf in files]


nobody = each(lambda _stf: False)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def fill(folder: Path, run: str, numbers: range, name: str = "swf.{run}.{number:06d}.stf") -> None:
    """Files of a tenth of a megabyte each."""
    (folder / run).mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (folder / run / name.format(run=run, number=number)).write_bytes(bytes(SIZE))


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def volume(tmp_path: Path, clock: Clock) -> Callable[[Needed], Volume]:
    return lambda needed: Volume(tmp_path, needed, clock)


def test_a_volume_with_room_keeps_everything(
    tmp_path: Path, volume: Callable[[Needed], Volume]
) -> None:
    fill(tmp_path, "100010", range(9))
    volume(nobody).make_room(1)
    assert len(left(tmp_path)) == 9


def test_a_volume_that_is_nearly_full_loses_its_oldest_files(
    tmp_path: Path, volume: Callable[[Needed], Volume]
) -> None:
    fill(tmp_path, "100010", range(8, 11))
    fill(tmp_path, "99999", range(7))
    volume(nobody).make_room(1)
    assert left(tmp_path) == [
        *(f"swf.100010.{number:06d}.stf" for number in (8, 9, 10)),
        *(f"swf.99999.{number:06d}.stf" for number in (2, 3, 4, 5, 6)),
    ]


def test_files_of_one_stf_go_together_unfinished_ones_too_and_an_empty_run_with_them(
    tmp_path: Path, volume: Callable[[Needed], Volume]
) -> None:
    fill(tmp_path, "1", range(1, 9), "swf.{run}.000001_tf_{number:03d}.tf")
    fill(tmp_path, "1", range(1), ".swf.{run}.000001_tf_009.tf.0123.new")
    fill(tmp_path, "2", range(1), "swf.{run}.000001.rec.root")
    volume(nobody).make_room(1)
    assert [path.name for path in tmp_path.iterdir()] == ["2"]


def test_files_that_are_needed_stay_and_newer_ones_go_in_their_place(
    tmp_path: Path, volume: Callable[[Needed], Volume]
) -> None:
    fill(tmp_path, "1", range(10))
    volume(each(lambda stf: stf < "swf.1.000005.stf")).make_room(1)
    assert left(tmp_path) == [f"swf.1.{number:06d}.stf" for number in (0, 1, 2, 3, 4, 7, 8, 9)]


def test_a_volume_that_is_full_of_needed_files_says_so_and_keeps_them(
    tmp_path: Path, volume: Callable[[Needed], Volume]
) -> None:
    fill(tmp_path, "1", range(11))
    with pytest.raises(VolumeFull, match="limit is 1 MB, and its files are needed"):
        volume(each(lambda _: True)).make_room(1)
    assert len(left(tmp_path)) == 11


def test_a_full_volume_is_not_looked_through_for_every_file(
    tmp_path: Path, volume: Callable[[Needed], Volume], clock: Clock
) -> None:
    asked: list[str] = []

    def needed(stf: str) -> bool:
        asked.append(stf)
        return clock.now < 104

    fill(tmp_path, "1", range(11))
    full = volume(each(needed))
    for _ in range(3):
        with pytest.raises(VolumeFull):
            full.make_room(1)
    assert len(asked) == 11
    clock.now += SCAN_INTERVAL_S
    full.make_room(1)
    assert len(left(tmp_path)) == 8


def test_a_nearly_full_volume_asks_about_a_few_stfs_and_the_next_time_about_others(
    tmp_path: Path, volume: Callable[[Needed], Volume], clock: Clock
) -> None:
    asked: list[str] = []

    def needed(stf: str) -> bool:
        asked.append(stf)
        clock.now += 0.5
        return stf < "swf.1.000030.stf"

    fill(tmp_path, "1", range(95))
    large = volume(each(needed))
    large.make_room(10)
    assert asked == [f"swf.1.{number:06d}.stf" for number in range(MAX_NEEDED_IN_A_ROW)]
    large.make_room(10)
    assert len(asked) == MAX_NEEDED_IN_A_ROW, "asking took longer than what was seen holds"
    clock.now += SCAN_INTERVAL_S
    large.make_room(10)
    assert asked[MAX_NEEDED_IN_A_ROW] == f"swf.1.{MAX_NEEDED_IN_A_ROW:06d}.stf"
    assert len(left(tmp_path)) == 80
    fill(tmp_path, "1", range(95, 110))
    clock.now += SCAN_INTERVAL_S
    asked.clear()
    large.make_room(10)
    assert asked[0] == "swf.1.000000.stf"


def test_a_full_volume_asks_about_all_at_once_before_it_says_so(
    tmp_path: Path, volume: Callable[[Needed], Volume]
) -> None:
    questions: list[int] = []

    def needed(files: Files) -> list[bool]:
        questions.append(len(files))
        return [stf not in {"swf.1.000040.stf", "swf.1.000041.stf"} for _, stf in files]

    fill(tmp_path, "1", range(81))
    volume(needed).make_room(8)
    assert len(left(tmp_path)) == 79
    assert questions == [81]


def test_no_question_is_about_more_than_the_monitor_answers_at_once(
    tmp_path: Path, volume: Callable[[Needed], Volume]
) -> None:
    questions: list[int] = []

    def needed(files: Files) -> list[bool]:
        questions.append(len(files))
        return [True] * len(files)

    (tmp_path / "1").mkdir()
    for number in range(MOST_ASKED + 1):
        (tmp_path / "1" / f"swf.1.{number:06d}.stf").write_bytes(bytes(1000))
    with pytest.raises(VolumeFull):
        volume(needed).make_room(1)
    assert questions == [MOST_ASKED, 1]


def test_what_was_seen_of_a_full_volume_is_forgotten_on_demand(
    tmp_path: Path, volume: Callable[[Needed], Volume]
) -> None:
    wanted = {True}
    fill(tmp_path, "1", range(11))
    full = volume(each(lambda _: bool(wanted)))
    with pytest.raises(VolumeFull):
        full.make_room(1)
    wanted.clear()
    full.forget()
    full.make_room(1)
    assert len(left(tmp_path)) == 8


def test_while_nobody_can_say_what_is_needed_nothing_goes(
    tmp_path: Path, volume: Callable[[Needed], Volume]
) -> None:
    def away(_files: Files) -> list[bool]:
        raise ConnectionError("the monitor is away")

    fill(tmp_path, "1", range(10))
    volume(away).make_room(1)
    assert len(left(tmp_path)) == 10
    fill(tmp_path, "1", range(10, 11))
    with pytest.raises(VolumeFull, match="the monitor is away"):
        volume(away).make_room(1)


def test_without_a_limit_nothing_goes(tmp_path: Path, volume: Callable[[Needed], Volume]) -> None:
    fill(tmp_path, "1", range(20))
    volume(nobody).make_room(0)
    assert len(left(tmp_path)) == 20


def test_what_a_writer_adds_counts_at_once(
    tmp_path: Path, volume: Callable[[Needed], Volume]
) -> None:
    mine = volume(nobody)
    for number in range(30):
        mine.make_room(1)
        fill(tmp_path, "1", range(number, number + 1))
        mine.wrote(SIZE)
        assert len(left(tmp_path)) <= 11
    assert left(tmp_path)[-1] == "swf.1.000029.stf"


def test_files_of_others_are_left_alone(tmp_path: Path, volume: Callable[[Needed], Volume]) -> None:
    fill(tmp_path, "lost+found", range(10), "swf.1.{number:06d}.stf")
    fill(tmp_path, "1", range(10), "notes{number}.txt")
    fill(tmp_path, "2", range(10))
    volume(nobody).make_room(1)
    assert len(left(tmp_path / "2")) == 8
    assert len(left(tmp_path)) == 28


@settings(max_examples=30, deadline=None)
@given(
    needed=st.sets(st.integers(0, 19)),
    sizes=st.lists(st.integers(1, 200_000), min_size=20, max_size=20),
)
def test_a_needed_file_never_goes_and_the_limit_holds_or_is_complained_of(
    tmp_path_factory: pytest.TempPathFactory, needed: set[int], sizes: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("volume")
    (folder / "1").mkdir()
    paths = [folder / "1" / f"swf.1.{number:06d}.stf" for number in range(20)]
    for path, size in zip(paths, sizes, strict=True):
        path.write_bytes(bytes(size))
    wanted = {paths[number].name for number in needed}
    volume = Volume(folder, each(lambda stf: stf in wanted))
    try:
        volume.make_room(1)
        full = False
    except VolumeFull:
        full = True
    assert wanted <= set(left(folder))
    used = sum(path.stat().st_size for path in paths if path.exists())
    assert full == (used > MEGABYTE)
