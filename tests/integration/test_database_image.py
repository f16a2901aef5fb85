"""The database image, as a container with the restrictions of compose.yaml."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.waiting import eventually

os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"  # read when testcontainers is imported

from testcontainers.core.container import DockerContainer

pytestmark = pytest.mark.docker

PORT = 5432
DATA = "/var/lib/postgresql/data"
SECRET = "/run/secrets/postgres_password"
LIMIT = 15.0  # seconds


@dataclass
class Database:
    container: Any
    password: str

    def port(self) -> int:
        """Another one after each start."""
        self.container.reload()
        return int(self.container.ports[f"{PORT}/tcp"][0]["HostPort"])

    def run(self, *command: str) -> tuple[int, str]:
        code, output = self.container.exec_run(list(command))
        return int(code), output.decode()

    def ready(self) -> bool:
        """As compose.yaml asks; not during the initialisation, when there is no TCP."""
        self.container.reload()
        asked = ("pg_isready", "-q", "-h", "127.0.0.1", "-U", "testbed", "-d", "testbed")
        return self.container.status == "running" and self.run(*asked)[0] == 0

    def connect(self, password: str | None = None, **options: Any) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port(),
            user="testbed",
            dbname="testbed",
            password=self.password if password is None else password,
            connect_timeout=int(LIMIT),
            **options,
        )

    def log(self) -> str:
        return str(self.container.logs().decode())


@contextlib.contextmanager
def running(
    image: str, folder: Path, password: str, scripts: Path | None = None
) -> Iterator[Database]:
    """The container as compose.yaml describes it, removed with its volume at the end."""
    secret = folder / "postgres_password"
    secret.write_text(password + "\n")
    secret.chmod(0o444)
    container = DockerContainer(image).with_exposed_ports(PORT)
    container.with_envs(
        POSTGRES_USER="testbed", POSTGRES_DB="testbed", POSTGRES_PASSWORD_FILE=SECRET
    )
    container.with_volume_mapping(str(secret), SECRET, "ro")
    if scripts:
        container.with_volume_mapping(str(scripts), "/docker-entrypoint-initdb.d", "ro")
    container.with_command("postgres -c max_connections=77")
    container.with_kwargs(
        init=True, read_only=True, cap_drop=["ALL"], security_opt=["no-new-privileges:true"]
    )
    container.tmpfs |= {"/tmp": "", "/var/run/postgresql": "uid=999,gid=999"}
    with container as started:
        yield Database(started.get_wrapped_container(), password)


@pytest.fixture(scope="module")
def database(postgres_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder = tmp_path_factory.mktemp("database")
    with running(postgres_image, folder, secrets.token_urlsafe(24)) as database:
        eventually(database.ready, "the database's health check")
        yield database


def test_it_runs_without_root_and_without_a_writable_root(database: Database) -> None:
    assert database.run("id", "-u") == (0, "999\n")
    code, output = database.run("touch", "/opt/probe")
    assert code != 0
    assert "Read-only file system" in output
    assert database.container.image.attrs["Config"]["User"] == "999:999"
    assert database.run("stat", "-c", "%a", DATA) == (0, "700\n")


@pytest.mark.parametrize("password", ["", "wrong"])
def test_it_takes_no_connection_without_the_password(database: Database, password: str) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"password"):
        database.connect(password)
    code, output = database.run("psql", "-w", "-h", "127.0.0.1", "-U", "testbed", "-c", "select 1")
    assert code != 0
    assert "no password supplied" in output


def test_passwords_are_stored_as_scram_verifiers_and_shown_nowhere(database: Database) -> None:
    with database.connect() as connection:
        stored = connection.execute("select rolpassword from pg_authid where rolcanlogin")
        assert [str(row[0])[:14] for row in stored] == ["SCRAM-SHA-256$"]
    _, shown = database.run("bash", "-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ")
    assert SECRET in shown
    assert database.password not in shown + database.log()


def test_the_commands_arguments_reach_the_server(database: Database) -> None:
    with database.connect() as connection:
        row = connection.execute("show max_connections").fetchone()
        assert row == ("77",)
        assert connection.info.encoding == "utf-8"


def test_a_killed_database_loses_nothing_that_it_committed(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("create table kept (number integer)")
        connection.execute("insert into kept select generate_series(1, 1000)")
    database.container.kill("SIGKILL")
    database.container.start()
    eventually(database.ready, "the database's health check after a kill")
    with database.connect() as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (1000,)
        connection.execute("drop table kept")


def test_it_stops_in_order_although_clients_are_connected(database: Database) -> None:
    with contextlib.closing(database.connect(autocommit=True)) as connection:
        connection.execute("select 1")
        started = time.monotonic()
        database.container.stop(timeout=int(LIMIT))
        assert time.monotonic() - started < LIMIT / 2
    assert database.log().rstrip().endswith("database system is shut down")
    database.container.start()
    eventually(database.ready, "the database's health check after a stop")


def test_an_interrupted_first_start_is_begun_again(postgres_image: str, tmp_path: Path) -> None:
    with running(postgres_image, tmp_path, "interrupted") as database:
        half_done = f"until test -e {DATA}/.initialising/base/1; do :; done"
        assert database.run("timeout", str(LIMIT), "bash", "-c", half_done)[0] == 0
        database.container.kill("SIGKILL")
        database.container.start()
        eventually(database.ready, "the database's health check after an interruption")
        assert "interrupted: starting again" in database.log()
        with database.connect() as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        assert database.run("test", "-e", f"{DATA}/.initialising")[0] != 0


def test_scripts_run_once_and_before_it_counts_as_ready(
    postgres_image: str, tmp_path: Path
) -> None:
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "first.sql").write_text(
        "select pg_sleep(0.5); create table first as select inet_server_port() as port;"
    )
    with running(postgres_image, tmp_path, "scripts-password", scripts) as database:
        eventually(database.ready, "the database's health check")
        with database.connect() as connection:
            assert connection.execute("select port from first").fetchall() == [(None,)]
        database.container.restart()
        eventually(database.ready, "the database's health check after a restart")
        assert database.log().count("first.sql") == 1


def test_it_refuses_an_empty_password(postgres_image: str, tmp_path: Path) -> None:
    with running(postgres_image, tmp_path, "") as database:
        assert database.container.wait(timeout=LIMIT)["StatusCode"] == 1
        assert "POSTGRES_PASSWORD_FILE" in database.log()


def test_it_refuses_a_data_folder_that_holds_something_else(
    postgres_image: str, tmp_path: Path
) -> None:
    with running(postgres_image, tmp_path, "foreign-data") as database:
        eventually(database.ready, "the database's health check")
        database.run("bash", "-c", f"rm {DATA}/PG_VERSION")
        database.container.kill("SIGKILL")
        database.container.start()
        assert database.container.wait(timeout=LIMIT)["StatusCode"] == 1
        assert "is not empty and is no database" in database.log()
