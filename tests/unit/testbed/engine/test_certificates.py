"""Where the certificates come from that pip trusts while images are built."""

from __future__ import annotations

from pathlib import Path

import certifi
import pytest

from testbed.engine.certificates import find_ca_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "bundle.pem"
    path.write_text("")
    return path


def test_what_the_user_says_is_taken_even_where_it_is_wrong(bundle: Path) -> None:
    said = {"TESTBED_CA_BUNDLE": "/no/such.pem", "SSL_CERT_FILE": str(bundle)}
    assert find_ca_bundle("", said, []) == "/no/such.pem"


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_what_other_programs_are_told_to_trust_is_taken(bundle: Path, name: str) -> None:
    assert find_ca_bundle("", {name: str(bundle)}, []) == str(bundle)


def test_a_file_that_is_named_and_not_there_is_passed_over(tmp_path: Path, bundle: Path) -> None:
    environment = {"SSL_CERT_FILE": "/no/such.pem", "REQUESTS_CA_BUNDLE": str(tmp_path)}
    assert find_ca_bundle("/gone.pem", environment, ["/no.pem", str(bundle)]) == str(bundle)


def test_a_value_written_to_the_env_file_wins_over_the_usual_places(
    tmp_path: Path, bundle: Path
) -> None:
    usual = tmp_path / "usual.pem"
    usual.write_text("")
    assert find_ca_bundle(str(bundle), {}, [str(usual)]) == str(bundle)


def test_a_relative_name_is_written_so_that_compose_finds_it(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bundle.parent)
    assert find_ca_bundle("", {"SSL_CERT_FILE": bundle.name}, []) == str(bundle)


def test_where_a_system_has_none_certifis_is_taken() -> None:
    assert find_ca_bundle("", {}, []) == certifi.where()
