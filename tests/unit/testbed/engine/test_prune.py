"""`testbed prune`: images that this checkout built and nothing needs any more."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from testbed.commands.prune import remove_surplus
from testbed.engine.unused_images import Image, Use
from testbed.testing import EPOCH, FakeCompose, FakeImages
from tests.unit.samples import compose_services
from tests.unit.testbed.stack.test_session import Bed
from tests.unit.testbed.testbed_files import Files

OLD = "testbed/agent:0123456789ab"
OLDER = "testbed/agent:00000000000a"
TODAY = "testbed/agent:abcdef012345"
MINE = "testbed/agent:mine"


@pytest.fixture
def bed(files: Files, monkeypatch: pytest.MonkeyPatch) -> Bed:
    monkeypatch.setenv("TESTBED_BASE_IMAGE", "base:1")
    made = Bed(files.folder, files.resolve())
    services = compose_services()
    services["workflow-runner"]["image"] = TODAY
    made.compose = FakeCompose(services, made.containers)
    return made


def built(bed: Bed, name: str, *, age_h: float = 1, checkout: str | None = None) -> Image:
    return Image(
        name=name,
        image_id=f"sha256:{name}",
        checkout=checkout or str(bed.project.root),
        created=EPOCH - timedelta(hours=age_h),
        size=271_000_000,
    )


def test_what_nothing_needs_is_removed_the_oldest_first(
    bed: Bed, capsys: pytest.CaptureFixture[str]
) -> None:
    images = FakeImages(built(bed, OLD), built(bed, OLDER, age_h=2), built(bed, TODAY))
    assert remove_surplus(bed, images, yes=True, ask=False) == [OLDER, OLD]
    assert [image.name for image in images.images] == [TODAY]
    shown = capsys.readouterr()
    assert [line.split()[0] for line in shown.out.splitlines()] == ["IMAGE", OLDER, OLD]
    assert "Removed: 2 images" in shown.err


@pytest.mark.parametrize("key", [OLD, f"sha256:{OLD}"])
def test_an_image_that_any_container_has_stays(bed: Bed, key: str) -> None:
    images = FakeImages(built(bed, OLD), use=Use(frozenset({key}), frozenset()))
    assert remove_surplus(bed, images, yes=True, ask=False) == []


def test_images_of_others_and_names_that_a_user_gave_stay(bed: Bed) -> None:
    images = FakeImages(built(bed, OLD, checkout="/home/jane/testbed"), built(bed, MINE))
    assert remove_surplus(bed, images, yes=True, ask=False) == []


def test_what_an_env_file_names_stays_also_that_of_another_checkout_with_containers(
    bed: Bed, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / ".env").write_text(f"TESTBED_AGENT_IMAGE={OLD}\n")
    (bed.project.root / ".env").write_text(f"TESTBED_MONITOR_IMAGE={OLDER}\n")
    use = Use(frozenset(), frozenset({str(other), "/gone"}))
    images = FakeImages(built(bed, OLD), built(bed, OLDER), use=use)
    assert remove_surplus(bed, images, yes=True, ask=False) == []


def test_without_a_terminal_nothing_is_removed_unless_that_is_said(
    bed: Bed, capsys: pytest.CaptureFixture[str]
) -> None:
    images = FakeImages(built(bed, OLD))
    assert remove_surplus(bed, images, yes=False, ask=False) == []
    assert [image.name for image in images.images] == [OLD]
    shown = capsys.readouterr()
    assert OLD in shown.out
    assert "testbed prune --yes" in shown.err


@pytest.mark.parametrize(("answer", "removed"), [("n", []), ("y", [OLD])])
def test_on_a_terminal_it_asks(bed: Bed, answer: str, removed: list[str]) -> None:
    images = FakeImages(built(bed, OLD))
    with CliRunner().isolation(input=f"{answer}\n"):
        assert remove_surplus(bed, images, yes=False, ask=True) == removed


def test_an_image_that_cannot_be_removed_stops_no_other(
    bed: Bed, capsys: pytest.CaptureFixture[str]
) -> None:
    images = FakeImages(built(bed, OLD), built(bed, OLDER, age_h=2))
    images.failing[OLDER] = "it is in use"
    assert remove_surplus(bed, images, yes=True, ask=False) == [OLD]
    assert f"{OLDER} could not be removed: it is in use" in capsys.readouterr().err
