"""What a wheel carries is laid down in a folder, and nothing there is overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from swf_common.errors import ConfigurationError
from testbed.stack.project_files import lay_down


@pytest.fixture
def packaged(tmp_path: Path) -> Path:
    folder = tmp_path / "packaged"
    for name in ("compose.yaml", "images/obtain.sh", "workflows/one.py", "workflows/two.py"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"packaged {name}\n")
    (folder / "images" / "obtain.sh").chmod(0o755)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    return folder


def test_an_empty_folder_gets_every_file_with_its_mode(packaged: Path, root: Path) -> None:
    laid = lay_down(packaged, root)
    assert laid.entries == ["compose.yaml", "images/", "workflows/"]
    assert (len(laid.made), laid.kept) == (4, [])
    assert (root / "images" / "obtain.sh").stat().st_mode & 0o777 == 0o755
    assert (root / "workflows" / "one.py").read_text() == "packaged workflows/one.py\n"


def test_a_file_that_is_there_stays_and_is_named_when_it_differs(
    packaged: Path, root: Path
) -> None:
    (root / "workflows").mkdir()
    (root / "workflows" / "one.py").write_text("mine\n")
    (root / "workflows" / "two.py").write_text("packaged workflows/two.py\n")
    laid = lay_down(packaged, root)
    assert laid.kept == [Path("workflows/one.py")]
    assert (root / "workflows" / "one.py").read_text() == "mine\n"
    assert laid.entries == ["compose.yaml", "images/"]


def test_compiled_code_is_not_laid_down(packaged: Path, root: Path) -> None:
    compiled = packaged / "workflows" / "__pycache__" / "one.pyc"
    compiled.parent.mkdir()
    compiled.write_text("")
    lay_down(packaged, root)
    assert list(root.rglob("*.pyc")) == []


def test_compose_yaml_comes_last_so_that_an_interrupted_command_is_repeated(
    packaged: Path, root: Path
) -> None:
    (root / "workflows").write_text("a file where a folder has to be")
    with pytest.raises(ConfigurationError, match=r"workflows.*cannot be written"):
        lay_down(packaged, root)
    assert (root / "images").is_dir()
    assert not (root / "compose.yaml").exists()
