"""The OpenAPI description holds: whatever is sent, no 500 and no answer that it does not name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.rest import Api

if TYPE_CHECKING:
    from testbed.integration import TestbedStack

SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
EXAMPLES = 8
ACTIONS = r"supervised-agents|/(start|stop|end|kill)/$"
"""What acts on agents: it would stop those of the stack; its 503 (nobody answers) is an answer."""
WRITES = ("post", "put", "patch", "delete")


def test_no_generated_request_breaks_the_description(stack: TestbedStack) -> None:
    token = stack.session.project.secret("token_operator")
    done = subprocess.run(
        [
            str(SCHEMATHESIS),
            "run",
            f"{stack.monitor_url}/api/schema/?format=json",
            f"--header=Authorization: Token {token}",
            f"--checks={','.join(CHECKS)}",
            f"--max-examples={EXAMPLES}",
            f"--exclude-path-regex={ACTIONS}",
            "--phases=examples,coverage,fuzzing",
            "--seed=1",
            "--workers=2",
            "--request-timeout=20",
            "--continue-on-failure",
            "--generation-database=none",
            "--no-color",
        ],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]


def operations(api: Api) -> list[tuple[str, str]]:
    """Method and path of every operation of the description; keys are filled in."""
    description: dict[str, Any] = api.get("schema/", format="json")
    return [
        (method, path.removeprefix("/api/"))
        for path, verbs in description["paths"].items()
        for method in verbs
        if method in ("get", *WRITES)
    ]


def fill(path: str) -> str:
    """A path with a key in place of each parameter."""
    parts = ["1" if part.startswith("{") else part for part in path.split("/")]
    return "/".join(parts)


def test_nobody_writes_or_reads_without_a_token(nobody: Api, viewer: Api) -> None:
    for method, path in operations(viewer):
        answer = nobody.request(method.upper(), fill(path), {})
        assert answer.status_code in (401, 403, 404), (method, path, answer.status_code)
        if "{" not in path:
            assert answer.status_code in (401, 403), (method, path, answer.status_code)


def test_a_viewer_writes_nothing(viewer: Api) -> None:
    for method, path in operations(viewer):
        if method in WRITES and "{" not in path:
            answer = viewer.request(method.upper(), path, {})
            assert answer.status_code == 403, (method, path, answer.status_code, answer.text)


def test_an_operator_deletes_nothing(operator: Api) -> None:
    for method, path in operations(operator):
        if method == "delete":
            answer = operator.request("DELETE", fill(path))
            assert answer.status_code in (403, 404), (path, answer.status_code)


@pytest.mark.parametrize("page", ["schema/swagger-ui/", "schema/redoc/"])
def test_the_description_can_be_browsed_without_another_host(viewer: Api, page: str) -> None:
    answer = viewer.request("GET", page)
    assert answer.status_code == 200
    assert "https://" not in answer.text
