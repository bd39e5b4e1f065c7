"""OpenAPI says of every call what it takes and answers, and a fuzzer that believes it finds nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from pattern_stack.features.sessions.core.commands import Command
from tests.features.sessions.world import build
from tests.support.patience import PATIENCE
from tests.support.server import serving

APP = build(Path())[0]
SCHEMA = schemathesis.openapi.from_dict(APP.openapi())
CALLS = {operation.ok().label: operation.ok() for operation in SCHEMA.get_all_operations()}
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
FRAMEWORK = {400, 404, 405, 413}
"""A path that is none, a body that is no JSON, and the like: said once, in the documents."""


class Target:
    """A running server with something in it, so that half of the calls have something to find."""

    def __init__(self, http: str) -> None:
        self.http = http
        self._client = httpx2.Client(base_url=f"{http}/api/v1", timeout=PATIENCE, verify=False)
        self.known: dict[str, str] = {}

    def fill(self) -> None:
        made = self._post("/projects", {"project_name": "P", "template_id": "restomod"})
        (root,) = made["graph"]["roots"]
        child = self._post(f"/{made['session_id']}/nodes", {"blueprint_type_id": "phase", "name": "N"})
        self.known = {
            "session_id": made["session_id"],
            "project_id": made["project_id"],
            "node_id": root["id"],
            "child_id": child["id"],
            "parent_id": root["id"],
            "target_id": root["id"],
            "kit_root_id": root["id"],
            "template_id": "restomod",
            "blueprint_type_id": "phase",
        }

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self._client.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def close(self) -> None:
        self._client.close()


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with serving(build(tmp_path_factory.mktemp("fuzz"))[0]) as server:
        target = Target(server.http)
        yield target
        target.close()


@pytest.mark.parametrize("label", CALLS)
def test_a_fuzzer_finds_no_failure_and_no_answer_that_is_not_described(target: Target, label: str) -> None:
    operation = CALLS[label]
    cases = st.one_of(operation.as_strategy(generation_mode=mode) for mode in GenerationMode)
    target.fill()

    @given(case=cases, real=st.just({*target.known}) | st.sets(st.sampled_from(sorted(target.known))))
    @settings(
        max_examples=12,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def fuzz(case: schemathesis.Case, real: set[str]) -> None:
        for where in (case.path_parameters, case.query, case.body, _data(case)):
            if isinstance(where, dict):
                where.update({name: target.known[name] for name in real & where.keys()})
        response = case.call(base_url=target.http)
        assert response.status_code not in (500, 503), response.text
        if response.status_code in FRAMEWORK - _described(label):
            assert response.json()["error"].keys() == {"code", "message"}
        else:
            case.validate_response(response, checks=CHECKS)

    fuzz()


def _data(case: schemathesis.Case) -> Any:
    """What a command takes."""
    return case.body.get("data") if isinstance(case.body, dict) else None


def _described(label: str) -> set[int]:
    method, path = label.split()
    return {int(status) for status in APP.openapi()["paths"][path][method.lower()]["responses"]}


def test_every_call_has_words_and_every_error_an_example() -> None:
    for path, calls in APP.openapi()["paths"].items():
        for method, call in calls.items():
            assert call["description"], path
            for status, answer in call["responses"].items():
                if int(status) >= 400:
                    examples = answer["content"]["application/json"]["examples"]
                    assert all(one["value"]["error"]["message"] for one in examples.values()), (method, path)


def test_every_command_has_an_example_that_validates() -> None:
    examples = APP.openapi()["paths"]["/api/v1/commands/execute"]["post"]["requestBody"]["content"]["application/json"]
    assert examples["examples"].keys() == Command.types.keys()
    for name, one in examples["examples"].items():
        assert Command.of(name, one["value"]["data"]).type == name
