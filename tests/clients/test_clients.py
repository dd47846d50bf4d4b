"""Unchanged clients do with Companion what they do with OpenAI: chat, streams, tools, schemas, images, responses."""

import pytest

from chat.tests.model_server import ModelServer
from tests.clients import table
from tests.clients.clients import CLIENTS, Client
from tests.clients.conftest import Outcomes
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(400)  # the first waits for all programs, and for their packages in a fresh clone


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.file.stem)
def test_client__all_that_its_program_does__works(client: Client, outcomes: Outcomes) -> None:
    failures = {outcome.name: outcome.failure for outcome in outcomes[client] if outcome.failure}
    assert not failures, "\n".join(f"── {name}\n{failure}" for name, failure in failures.items())


@pytest.mark.parametrize("client", [client for client in CLIENTS if client.leaves], ids=lambda client: client.file.stem)
def test_client__hangs_up__model_is_left_too(client: Client, outcomes: Outcomes, small_model: ModelServer) -> None:
    """Or else it would go on to be paid for an answer that nobody reads."""
    wait_until(lambda: small_model.counts[f"left: {client.leaves}"])


def test_table__of_the_documentation__as_it_ran(outcomes: Outcomes) -> None:
    made, written = table.lines(outcomes), table.written()
    table.write(made)
    assert written == made, "docs/guide/chat.md had another table; it is written anew, so look at it and commit it"
