"""One testbed's folder, its lock, its .env file and its secrets."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from swf_common.errors import ConfigurationError, ExitCode
from testbed.project import Project, login_name, read_env, user_name, write_env
from testbed.stack.secret_files import LENGTHS, make_secrets


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_project_is_named_after_its_namespace(tmp_path: Path) -> None:
    mine = Project("torre1", tmp_path)
    assert mine.name == "testbed-torre1"
    assert mine.folder == tmp_path / ".testbed" / "torre1"


def test_only_one_command_at_a_time_works_on_a_project(tmp_path: Path) -> None:
    mine = Project("torre1", tmp_path)
    told, entered = threading.Event(), threading.Event()

    def second() -> None:
        with mine.lock(told.set):
            entered.set()

    with mine.lock(lambda: pytest.fail("nobody was to be waited for")):
        other = threading.Thread(target=second, daemon=True)
        other.start()
        assert told.wait(5)
        assert not entered.is_set()
    assert entered.wait(5)
    other.join(5)


def test_projects_of_two_namespaces_do_not_wait_for_each_other(tmp_path: Path) -> None:
    def unexpected() -> None:
        pytest.fail("two namespaces share a lock")

    with Project("torre1", tmp_path).lock(unexpected), Project("torre2", tmp_path).lock(unexpected):
        pass


def test_the_lock_is_free_after_an_error(tmp_path: Path) -> None:
    mine = Project("torre1", tmp_path)
    with pytest.raises(RuntimeError), mine.lock(lambda: None):
        raise RuntimeError
    with mine.lock(lambda: pytest.fail("the lock is still held")):
        pass


@pytest.mark.parametrize(
    ("name", "shown"), [("jane", "jane"), ("jane.doe@bnl", "jane_doe_bnl"), ("x" * 40, "x" * 32)]
)
def test_a_user_name_fits_into_the_names_of_instances(
    monkeypatch: pytest.MonkeyPatch, name: str, shown: str
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: name)
    assert user_name() == shown


def test_a_user_id_without_a_name_on_this_host_has_its_number_as_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)

    def unknown(number: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert user_name() == login_name() == f"uid{os.getuid()}"


def test_a_variable_of_an_env_file_is_read_as_compose_reads_it(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    assert read_env(path, "A") == ""
    path.write_text("A_LONGER=2\nA=1\nA = 3 \n#A=4\n")
    assert read_env(path, "A") == "3"


def test_a_new_env_file_says_who_wrote_it(tmp_path: Path) -> None:
    write_env(tmp_path / ".env", {"TESTBED_NAMESPACE": "torre1", "TESTBED_USER": "jane"})
    comment, *lines = (tmp_path / ".env").read_text().splitlines()
    assert comment.startswith("#")
    assert lines == ["TESTBED_NAMESPACE=torre1", "TESTBED_USER=jane"]


def test_other_lines_of_an_env_file_stay(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("# mine\nCOMPOSE_FILE=a:b\n\nTESTBED_NAMESPACE=old\nTOKEN='a=b # c'")
    write_env(env, {"TESTBED_NAMESPACE": "torre1"})
    assert env.read_text() == (
        "# mine\nCOMPOSE_FILE=a:b\n\nTOKEN='a=b # c'\nTESTBED_NAMESPACE=torre1\n"
    )


def test_a_variable_whose_name_only_begins_alike_stays(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("TESTBED_NAMESPACE_OF_MINE=x\n")
    write_env(env, {"TESTBED_NAMESPACE": "torre1"})
    assert "TESTBED_NAMESPACE_OF_MINE=x\n" in env.read_text()


def test_writing_the_env_file_again_leaves_it_untouched(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    write_env(env, {"TESTBED_NAMESPACE": "torre1"})
    before = (env.read_text(), env.stat().st_ino)
    write_env(env, {"TESTBED_NAMESPACE": "torre1"})
    assert (env.read_text(), env.stat().st_ino) == before
    assert [path.name for path in tmp_path.iterdir()] == [".env"]


def test_an_env_file_that_its_owner_closed_to_others_stays_closed(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("TOKEN=secret\n")
    env.chmod(0o600)
    write_env(env, {"TESTBED_NAMESPACE": "torre1"})
    assert mode(env) == 0o600


def test_secrets_are_made_in_a_closed_folder_that_containers_can_read_from(tmp_path: Path) -> None:
    folder = tmp_path / ".testbed" / "torre1" / "secrets"
    assert sorted(make_secrets(folder)) == sorted(LENGTHS)
    assert mode(folder) == 0o700
    assert {mode(path) for path in folder.iterdir()} == {0o444}


def test_secrets_are_random_hex_of_their_length(tmp_path: Path) -> None:
    make_secrets(tmp_path / "one")
    make_secrets(tmp_path / "two")
    seen = set()
    for folder in ("one", "two"):
        for name, length in LENGTHS.items():
            text = (tmp_path / folder / name).read_text()
            assert len(text) == length
            assert set(text) <= set("0123456789abcdef")
            seen.add(text)
    assert len(seen) == 2 * len(LENGTHS)


def test_secrets_that_exist_stay_and_missing_ones_are_made(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert make_secrets(tmp_path) == []
    (tmp_path / "mq_agent").unlink()
    assert make_secrets(tmp_path) == ["mq_agent"]
    after = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert {name for name in after if after[name] != before[name]} == {"mq_agent"}


def test_a_secrets_folder_that_others_could_read_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o755)
    make_secrets(folder)
    assert mode(folder) == 0o700


def test_secrets_that_cannot_be_written_are_the_users_to_solve(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="secrets cannot be written") as caught:
        make_secrets(tmp_path / "file" / "secrets")
    assert caught.value.exit_code == ExitCode.CONFIGURATION


def test_a_secret_is_read_without_the_space_around_it(tmp_path: Path) -> None:
    mine = Project("torre1", tmp_path)
    mine.secrets.mkdir(parents=True)
    (mine.secrets / "token_operator").write_text("abc\n")
    assert mine.secret("token_operator") == "abc"


def test_a_secret_that_was_not_made_leads_to_init(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="token_operator") as caught:
        Project("torre1", tmp_path).secret("token_operator")
    assert caught.value.hint == "Make it with: testbed init"
