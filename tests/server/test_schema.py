"""The OpenAPI description is true: schemathesis asks everything it promises, and more, of a running server."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import load_all_checks
from server_support import PATIENCE, bearer, hold, http, until

from pan115kit import Pan115Client
from pan115kit.models import UploadSession, UploadStatus
from pan115kit.server import Server

EXAMPLES = 25


@pytest.fixture
def filled(client: Pan115Client, files: Path) -> Server:
    """A server with an upload that ended, one that is paused, sessions and a history."""
    (files / "a.bin").write_bytes(os.urandom(1000))
    (files / "b.bin").write_bytes(os.urandom(1000))
    client.upload(files / "a.bin", "/x", progress="none")
    hold(client.local_sandbox, route="put_object")  # it cannot end before it is paused
    paused = client.submit(files / "b.bin", "/x")
    paused.pause()
    until(lambda: paused.status is UploadStatus.PAUSED)
    client.local_sandbox.clear_faults()
    for number in range(3):
        row = UploadSession(f"session{number}", f"/gone/{number}", str(number), 100, part_size=60, total_parts=2)
        client.store.sessions.save(row)
    return client.serve(roots=[files])


def test_everything_described_is_so(filled: Server) -> None:
    """Statuses, shapes, content types, methods, rejections and authentication, for generated requests."""
    load_all_checks()
    schema = schemathesis.openapi.from_url(f"{filled.url}openapi.json", headers=bearer(filled))
    schema.config.request_timeout = PATIENCE

    class Token:
        """How a case gets the token, so that the checks can also ask without it."""

        def get(self, case: Any, context: Any) -> str:
            return filled.token

        def set(self, case: Any, data: str, context: Any) -> None:
            case.headers["Authorization"] = f"Bearer {data}"

    schema.auth()(Token)
    asked: Counter[str] = Counter()
    quick = settings(  # else as the loaded profile says: the gate asks the same each time
        max_examples=EXAMPLES,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    for found in schema.get_all_operations():
        operation = found.ok()

        @quick
        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            asked[case.operation.label] += 1
            case.call_and_validate()

        check()
    assert len(asked) >= 11
    assert sum(asked.values()) > EXAMPLES * 4


def test_the_description_names_every_route_and_the_token(filled: Server) -> None:
    with http(filled) as api:
        schema = api.get("openapi.json").json()
    assert set(schema["paths"]) >= {
        "/api/upload/progress",
        "/api/upload/progress/{file_path}",
        "/api/upload/sessions",
        "/api/upload/sessions/{session_id}",
        "/api/upload/sessions/cleanup",
        "/api/upload",
        "/api/upload/{job_id}/{command}",
        "/api/upload/history",
    }
    assert schema["security"] == [{"token": []}]
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            good = [code for code in operation["responses"] if code.startswith("2")]
            content = operation["responses"][good[0]]["content"]["application/json"]
            name = content["schema"]["$ref"].rpartition("/")[2]
            assert schema["components"]["schemas"][name]["examples"], (path, method)
            assert {"401", "403", "422"} <= set(operation["responses"]), (path, method)


def test_real_answers_fit_the_described_shapes(filled: Server) -> None:
    """The models of the description are not what encodes the answers: they are held together here."""
    from pan115kit.server.routes import about, history, schemas, sessions, uploads

    items = {"uploads": schemas.Upload, "sessions": sessions.Session, "history": history.HistoryRow}
    with http(filled) as api:
        for path, model in (
            ("api/upload/progress", uploads.Uploads),
            ("api/upload/progress?page=1", uploads.Uploads),
            ("api/upload/sessions", sessions.Sessions),
            ("api/upload/history", history.History),
            ("api/upload/about", about.About),
        ):
            body = api.get(path).json()
            model.model_validate(body)
            assert set(body) <= set(model.model_fields), path
            for name in items.keys() & body.keys() if path != "api/upload/about" else ():
                assert body[name], path
                for item in body[name]:
                    assert set(item) == set(items[name].model_fields), path
