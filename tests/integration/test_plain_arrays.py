"""Plain arrays of messages and log records, which the database writes: the same as in pages."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.rest import Api, Sql, log_record

ODD_TEXTS = [
    "",
    "\u00fcber \u65e5\u672c \U0001f600",
    '"quoted" \\ / \b\f\n\r\t\x01\x7f',
    "line\u2028separator\u2029 </script>",
    "'; DROP TABLE swf_applog; -- %s %(x)s {}",
]
ODD_VALUES: list[Any] = [
    None,
    {},
    [],
    {"b": 1, "a": {"z": [1, 2.5, -0.1, 1e22, 2**70, True, None, "\u2028"]}},
    "text",
    [None, {"": ""}],
]
ODD_TIMES = [
    "2999-01-01T00:00:00Z",
    "2999-01-01T00:00:00.000001Z",
    "2999-01-01T00:00:00.120000Z",
    "2999-01-01T00:00:00.999999+02:00",
]
"""Far from now: old log records are removed."""
LIMIT = 10_000


def both_forms(viewer: Api, path: str, **filters: Any) -> tuple[list[Any], list[Any]]:
    """The array that the database writes, and the records that the serializer does."""
    plain: list[Any] = viewer.get(path, **filters)
    records: list[Any] = viewer.get(path, limit=1000, **filters)["results"]
    return plain, records


def test_an_array_of_log_records_is_what_the_pages_hold(agent: Api, viewer: Api) -> None:
    instance = f"odd-{uuid4()}"
    odd = (
        [{"message": text, "module": text[:20] or "m"} for text in ODD_TEXTS]
        + [{"extra_data": value} for value in ODD_VALUES]
        + [{"timestamp": moment} for moment in ODD_TIMES]
        + [{"level": 0, "lineno": -1, "run_id": "7", "execution_id": "e"}]
    )
    posted = agent.post("logs/", [log_record(instance_name=instance, **fields) for fields in odd])
    assert posted.status_code == 201, posted.text
    plain, records = both_forms(viewer, "logs/", instance_name=instance)
    assert len(plain) == len(odd)
    assert plain == records
    assert [list(row) for row in plain] == [list(row) for row in records]
    assert plain[::-1] == posted.json(), "newest first"


def test_an_array_of_messages_is_what_the_pages_hold(viewer: Api, sql: Sql) -> None:
    execution = f"odd-{uuid4()}"
    times = [*ODD_TIMES, "0999-12-31T23:59:59.5Z"]
    contents = [{"text": text} for text in ODD_TEXTS] + ODD_VALUES[1:]
    rows = ",".join(
        f"(gen_random_uuid(), 'odd', '{execution}', $json${json.dumps(content)}$json$,"
        f" '{times[number % len(times)]}', now())"
        for number, content in enumerate(contents)
    )
    columns = "message_id, message_type, execution_id, message_content, sent_at, recorded_at"
    assert sql(f"INSERT INTO swf_workflow_messages ({columns}) VALUES {rows}")[0]
    plain, records = both_forms(viewer, "workflow-messages/", execution_id=execution)
    assert plain == records
    assert [list(row) for row in plain] == [list(row) for row in records]
    assert [row["message_content"] for row in plain] == contents[::-1], "newest first"


def test_an_array_without_rows_is_one(viewer: Api) -> None:
    answer = viewer.request("GET", "workflow-messages/", params={"execution_id": "nobody"})
    assert (answer.text, answer.headers["X-Truncated"]) == ("[]", "false")
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("surplus", [0, 1])
def test_an_array_that_is_capped_holds_the_newest(viewer: Api, sql: Sql, surplus: int) -> None:
    instance = f"many-{uuid4()}"
    assert sql(
        "INSERT INTO swf_applog (app_name, instance_name, timestamp, level, levelname, message,"
        " module, funcname, lineno, process, thread) SELECT 'many', "
        f"'{instance}', now(), 20, 'INFO', n, 'm', 'f', 1, 1, 1 FROM"
        f" generate_series(1, {LIMIT + surplus}) AS n ORDER BY n"
    )[0]
    answer = viewer.request("GET", "logs/", params={"instance_name": instance})
    numbers = [int(row["message"]) for row in answer.json()]
    assert numbers == list(range(LIMIT + surplus, surplus, -1))
    assert answer.headers["X-Truncated"] == ("true" if surplus else "false")
