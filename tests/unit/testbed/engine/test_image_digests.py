"""An image's tag changes when anything that it is built from changes, and only then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from testbed.engine.dockerfiles import read_targets
from testbed.engine.image_digests import (
    context_files,
    digest,
    image_variable,
    image_variables,
    targets,
)
from testbed.project import ROOT

DOCKERFILE = """\
# Two images on one base.
ARG BASE_IMAGE=base
FROM ${BASE_IMAGE} AS python
RUN install python \\
    # and nothing else
    && useradd testbed

FROM python AS agent-packages
COPY requirements/agent.txt /tmp/
RUN --mount=type=cache,target=/var/cache/pip \\
    --mount=type=bind,source=install.sh,target=/install.sh \\
    /install.sh

FROM python AS agent
COPY --from=agent-packages /opt/venv /opt/venv
COPY --chmod=0755 healthy.sh \\
    ready.sh /usr/local/bin/
COPY agents agents

FROM python AS monitor
COPY monitor monitor
"""
FILES = {
    "images/python/Dockerfile": DOCKERFILE,
    "images/broker/Dockerfile": "FROM base\nCOPY images/broker/*.xml /etc/\n",
    "images/broker/broker.xml": "<beans/>",
    "images/broker/notes.txt": "",
    "agents/__init__.py": "",
    "agents/runtime/agent.py": "print()\n",
    "agents/__pycache__/agent.pyc": "compiled",
    "monitor/views.py": "",
    "requirements/agent.txt": "simpy==4\n",
    "requirements/monitor.txt": "django==5\n",
    "healthy.sh": "",
    "ready.sh": "",
    "install.sh": "",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with three images, two of them from one Dockerfile."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def the_digest(root: Path, base_image: str = "base") -> str:
    """The digest of the image for agents."""
    return digest(root, targets(root)["agent"], base_image)


def rewrite(root: Path, before: str, after: str) -> None:
    """Change the Dockerfile of two images."""
    path = root / "images/python/Dockerfile"
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))


def test_an_image_is_a_stage_that_no_other_builds_on() -> None:
    assert [target.name for target in read_targets(DOCKERFILE)] == ["agent", "monitor"]
    assert [target.name for target in read_targets("FROM base\nRUN true\n")] == [None]


def test_an_image_without_a_target_is_named_after_its_folder(root: Path) -> None:
    assert set(targets(root)) == {"agent", "monitor", "broker"}


@pytest.mark.parametrize(
    ("image", "files"),
    [
        (
            "agent",
            {
                "agents/__init__.py",
                "agents/runtime/agent.py",
                "healthy.sh",
                "install.sh",
                "ready.sh",
                "requirements/agent.txt",
            },
        ),
        ("monitor", {"monitor/views.py"}),
        ("broker", {"images/broker/broker.xml"}),
    ],
)
def test_an_image_is_built_from_what_its_stages_copy_and_mount(
    root: Path, image: str, files: set[str]
) -> None:
    found = {str(path.relative_to(root)) for path in context_files(root, targets(root)[image])}
    assert found == files


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file": lambda root: (root / "agents/runtime/agent.py").write_text("print(1)\n"),
    "a new file": lambda root: (root / "agents/new.py").write_text(""),
    "a file less": lambda root: (root / "agents/__init__.py").unlink(),
    "a file's name": lambda root: (root / "agents/__init__.py").rename(root / "agents/other.py"),
    "the right to execute": lambda root: (root / "requirements/agent.txt").chmod(0o755),
    "an instruction": lambda root: rewrite(root, "agents agents", "agents /agents"),
    "an instruction of a stage below": lambda root: rewrite(root, "useradd testbed", "true"),
    "a default for all stages": lambda root: rewrite(root, "=base", "=other"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_what_is_built_changes_the_digest(root: Path, change: str) -> None:
    before = the_digest(root)
    CHANGES[change](root)
    assert the_digest(root) != before


HARMLESS: dict[str, Callable[[Path], object]] = {
    "compiled code": lambda root: (root / "agents/__pycache__/agent.pyc").write_text("newer"),
    "another image's file": lambda root: (root / "monitor/views.py").write_text("x"),
    "another image's instruction": lambda root: rewrite(root, "monitor monitor", "monitor /m"),
    "a comment": lambda root: rewrite(root, "# and nothing else", "# and no more"),
    "a time stamp": lambda root: (root / "agents/__init__.py").touch(),
    "who may write": lambda root: (root / "agents/__init__.py").chmod(0o664),
}


@pytest.mark.parametrize("change", HARMLESS)
def test_what_a_build_does_not_see_leaves_the_digest(root: Path, change: str) -> None:
    before = the_digest(root)
    HARMLESS[change](root)
    assert the_digest(root) == before


def test_another_base_image_is_another_digest(root: Path) -> None:
    assert the_digest(root) != the_digest(root, "other")


def test_the_digest_does_not_depend_on_where_the_repository_is(root: Path) -> None:
    before = the_digest(root)
    moved = root.rename(root.with_name("elsewhere"))
    assert the_digest(moved) == before


def test_each_image_has_its_variable(root: Path) -> None:
    variables = image_variables(root, "base")
    assert variables["TESTBED_AGENT_IMAGE"] == f"testbed/agent:{the_digest(root)}"
    assert set(variables) == {f"TESTBED_{name}_IMAGE" for name in ("AGENT", "MONITOR", "BROKER")}


def test_everything_that_an_image_of_the_repository_copies_exists() -> None:
    for image, target in targets(ROOT).items():
        assert [one for one in target.sources if not (ROOT / one).exists()] == [], image


def test_every_image_of_the_repository_is_built_and_named_in_compose() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"].values()
    named = {
        service["image"].removeprefix("${").split(":-")[0]: service["build"] for service in services
    }
    assert set(named) == set(image_variables(ROOT, "base"))
    for variable, build in named.items():
        folder = Path(build["dockerfile"]).parent.name
        assert variable == image_variable(build.get("target") or folder)


def test_the_agents_image_holds_no_code_of_the_monitor() -> None:
    files = context_files(ROOT, targets(ROOT)["agent"])
    assert {file.relative_to(ROOT).parts[0] for file in files} == {
        "agents",
        "images",
        "requirements",
        "swf_common",
        "workflows",
    }
