"""The grammar goes with every request that a server takes it with."""

import json

import httpx
import pytest
from llguidance import LLMatcher, LLTokenizer

from pilot.chat.candidates import Candidates, Outcome
from pilot.chat.constraint import Constraint
from pilot.chat.context import Context, View
from pilot.client import LlmClient
from pilot.datasource.base import Limits
from pilot.datasource.source import SqlSource
from pilot.errors import ModelFailed
from pilot.i18n import Texts
from pilot.prompts.text_to_sql import TextToSql
from pilot.schema import Schema
from tests.chat.served import said

ANSWER = b"".join(said("SELECT COUNT(*) FROM customers"))


class Server:
    """Answers each request by its status; keeps whether it came with a grammar."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.grammars: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.grammars.append(json.loads(request.content).get("structured_outputs", {}).get("grammar", ""))
        status = self.statuses.pop(0) if self.statuses else 200
        return httpx.Response(status, content=ANSWER if status == 200 else b"{}")


async def _round(server: Server, shop: SqlSource, schema: Schema, constraint: Constraint) -> Outcome:
    client = LlmClient("http://model", transport=httpx.MockTransport(server))
    candidates = Candidates(
        client, shop, schema, limits=Limits(), count=1, model="m", texts=Texts("en"), constraint=constraint
    )
    await candidates.allow(_view(schema))
    *_, outcome = [step async for step in candidates.round(TextToSql("how many customers", schema))]
    assert isinstance(outcome, Outcome)
    return outcome


def _view(schema: Schema) -> View:
    return Context(schema, None).view("how many customers")


async def test_the_grammar_of_what_is_shown_goes_along(shop: SqlSource, schema: Schema) -> None:
    server = Server()
    assert (await _round(server, shop, schema, Constraint())).trials
    assert '"customers."' in server.grammars[0]


async def test_a_server_that_refuses_it_is_asked_without(shop: SqlSource, schema: Schema) -> None:
    server, constraint = Server(400), Constraint()
    assert (await _round(server, shop, schema, constraint)).trials
    assert (await _round(server, shop, schema, constraint)).trials
    assert [bool(grammar) for grammar in server.grammars] == [True, False, False]


async def test_a_server_that_fails_anyway_keeps_its_grammar(shop: SqlSource, schema: Schema) -> None:
    server, constraint = Server(500, 500), Constraint()
    with pytest.raises(ModelFailed):
        await _round(server, shop, schema, constraint)
    assert constraint.of(_view(schema)) is not None


@pytest.mark.parametrize(
    ("reply", "fits"),
    [
        ("SELECT COUNT(*) FROM customers;", True),
        ("Customers live in cities, so:\n```sql\nSELECT COUNT(*) FROM customers;\n```", True),
        ("The database does not say what the weather is.", True),
        ("Let me see. SELECT weather.sun FROM weather;", False),
        ("```sql\nDELETE FROM customers;\n```\n", True),  # prose to the grammar, and refused by the guard
    ],
)
def test_what_comes_before_the_statement_is_free(reply: str, *, fits: bool, schema: Schema) -> None:
    wanted = Constraint().of(_view(schema))
    assert wanted is not None
    matcher = LLMatcher(LLTokenizer("byte"), LLMatcher.grammar_from_lark(wanted.grammar))
    tokens = list(reply.encode())
    assert (matcher.validate_tokens(tokens) == len(tokens)) is fits
