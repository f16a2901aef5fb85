"""Which images are built, which are pulled, and that a user's image is never overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from swf_common.configuration import Configuration
from swf_common.errors import BackendError, ConfigurationError, ExitCode
from swf_common.protocol.labels import LABEL
from testbed.engine.images import MEMO, NoImage, base_image
from testbed.stack.session import Session
from tests.unit.samples import compose_services
from tests.unit.testbed.stack.test_session import Bed
from tests.unit.testbed.testbed_files import Files

OFFICIAL = "postgres:16"


@pytest.fixture
def bed(files: Files, monkeypatch: pytest.MonkeyPatch) -> Bed:
    monkeypatch.setenv("TESTBED_BASE_IMAGE", "base:1")
    files.more("[agents.data]\nenabled = true\n")
    return Bed(files.folder, files.resolve())


def other_postgres(bed: Bed, image: str = OFFICIAL) -> None:
    """Let another image stand where ours is built: compose.yaml's build section stays."""
    build = {"context": str(bed.project.root), "dockerfile": "images/postgres/Dockerfile"}
    service = {**compose_services()["postgres"], "image": image, "build": build}
    bed.use({**compose_services(), "postgres": service})


def test_an_image_that_a_user_named_is_pulled_and_not_built(bed: Bed) -> None:
    other_postgres(bed)
    bed.containers.registry.add(OFFICIAL)
    bed.start()
    assert OFFICIAL in bed.containers.images
    built = [names for verb, names in bed.compose.calls if verb == "build"]
    assert built == [("activemq", "migrate", "workflow-runner")]


@pytest.mark.parametrize("image", [OFFICIAL, "testbed/postgres:mine"])
def test_an_image_that_a_user_named_is_left_as_it_is_when_all_are_built(
    bed: Bed, monkeypatch: pytest.MonkeyPatch, image: str
) -> None:
    monkeypatch.setenv("TESTBED_POSTGRES_IMAGE", image)
    other_postgres(bed, image)
    bed.containers.images.add(image)
    assert image not in bed.build(all_images=True)


def test_a_pull_that_fails_names_the_variable_the_image_the_cause_and_what_to_do(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESTBED_POSTGRES_IMAGE", OFFICIAL)
    other_postgres(bed)
    said = "TESTBED_POSTGRES_IMAGE=postgres:16 is not on this machine .*: manifest unknown"
    with pytest.raises(NoImage, match=said) as caught:
        bed.build()
    assert "docker load" in caught.value.hint
    assert caught.value.exit_code == ExitCode.BACKEND
    assert bed.compose.calls == []


def test_an_image_of_an_override_file_that_cannot_be_pulled_is_named_with_its_service(
    bed: Bed,
) -> None:
    other_postgres(bed)
    with pytest.raises(NoImage, match="image postgres:16 of postgres in your Compose files"):
        bed.build()


def test_our_own_image_is_built_although_its_variable_is_set(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = bed.project.root / "images" / "postgres"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM base\n")
    own = bed.environment["TESTBED_POSTGRES_IMAGE"]
    assert own.startswith("testbed/postgres:")
    monkeypatch.setenv("TESTBED_POSTGRES_IMAGE", own)  # somebody has sourced .env
    other_postgres(bed, own)
    assert own in bed.build()


def test_a_service_that_only_says_how_it_is_built_works(bed: Bed) -> None:
    service = {"build": {"context": "/mine"}, "labels": {f"{LABEL}role": "backend"}}
    bed.use({**compose_services(), "cache": service})
    assert bed.services["cache"].image == "testbed-torre1-cache"
    assert "testbed-torre1-cache" in bed.build()
    bed.start()
    assert bed.states()["cache"] == "running"


@pytest.mark.parametrize("question", ["environment", "compose", "services", "plan"])
def test_no_base_image_is_looked_for_until_something_is_built(
    files: Files, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    monkeypatch.delenv("TESTBED_BASE_IMAGE", raising=False)
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("it was looked for"))
    bed = Bed(files.folder, files.resolve())
    bed.initialise()
    assert getattr(bed, question)
    assert bed.environment["TESTBED_BASE_IMAGE"] == "debian:trixie-slim"


def script(root: Path, text: str) -> None:
    """What stands for images/base/obtain.sh."""
    path = root / "images" / "base" / "obtain.sh"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_the_base_image_is_obtained_when_something_is_built_and_remembered(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TESTBED_BASE_IMAGE", raising=False)
    files.more("[agents.data]\nenabled = true\n")
    script(files.folder, "echo found:1")
    bed = Bed(files.folder, files.resolve())
    compose = bed.compose
    monkeypatch.setattr(Session, "compose", compose)  # the session forgets its own for a moment
    monkeypatch.setattr(Session, "services", bed.services)
    bed.build()
    assert base_image(files.folder, {}) == "found:1"
    assert "TESTBED_BASE_IMAGE=found:1\n" in (files.folder / ".env").read_text()


def test_a_base_image_that_cannot_be_had_ends_the_build_with_what_to_do(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TESTBED_BASE_IMAGE")
    script(bed.project.root, "exit 5")
    with pytest.raises(BackendError, match="base image") as caught:
        bed.build()
    assert "TESTBED_BASE_IMAGE=" in caught.value.hint


def test_the_users_base_image_wins_over_the_one_that_is_remembered(tmp_path: Path) -> None:
    (tmp_path / MEMO).parent.mkdir()
    (tmp_path / MEMO).write_text("remembered:1\n")
    assert base_image(tmp_path, {}) == "remembered:1"
    assert base_image(tmp_path, {"TESTBED_BASE_IMAGE": "mine:1"}) == "mine:1"


def test_the_environment_of_compose_names_the_certificates(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration: Configuration = files.resolve()
    monkeypatch.setenv("TESTBED_CA_BUNDLE", "/site/ca.pem")
    bed = Bed(files.folder, configuration)
    bed.initialise()
    assert "TESTBED_CA_BUNDLE=/site/ca.pem\n" in (files.folder / ".env").read_text()


def test_certificates_that_are_not_there_are_told_before_a_build(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESTBED_CA_BUNDLE", "/no/such.pem")
    with pytest.raises(ConfigurationError, match=r"TESTBED_CA_BUNDLE=/no/such\.pem: there is no"):
        bed.build()
    assert bed.compose.calls == []
