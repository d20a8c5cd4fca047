"""The judge of GraphQL notices what is wrong."""

from __future__ import annotations

import pytest

from .support.graphql_contract import GraphqlContract

SCHEMA = """
type Query { repository(owner: String!, name: String!): Repository }
type Repository { url: String!, stars: Int, object(oid: ID!): Object }
interface Object { oid: ID! }
type Blob implements Object { oid: ID!, text: String }
type Tree implements Object { oid: ID!, entries: [String!] }
"""
GOOD = (
    "query Q($o: String!, $n: String!)"
    " { r0: repository(owner: $o, name: $n) { url stars"
    ' object(oid: "1") { ... on Blob { text } } } }'
)
VALUES = {"o": "a", "n": "b"}
DATA = {"r0": {"url": "u", "stars": 1, "object": {"text": "t"}}}


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> GraphqlContract:
    path = tmp_path_factory.mktemp("schema") / "schema.graphql"
    path.write_text(SCHEMA, encoding="utf-8")
    return GraphqlContract(path)


def test_right_is_right(contract: GraphqlContract) -> None:
    assert list(contract.check_query(GOOD, VALUES)) == []
    body = {"variables": VALUES}
    assert list(contract.check_answer(GOOD, body, {"data": DATA})) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("stars", "planets"),
        ("owner: $o, ", ""),
        ("$o: String!, ", ""),
        ("String!", "Int!"),
        ("... on Blob", "... on Commit"),
        ("}", ""),
    ],
)
def test_wrong_queries(contract: GraphqlContract, old: str, new: str) -> None:
    query = GOOD.replace(old, new, 1)
    assert list(contract.check_query(query, VALUES))


def test_missing_variable(contract: GraphqlContract) -> None:
    assert list(contract.check_query(GOOD, {"o": "a"}))


@pytest.mark.parametrize(
    "data",
    [
        {"r0": {"url": None, "stars": 1, "object": None}},
        {"r0": {"url": "u", "stars": "many", "object": None}},
        {"r0": {"url": "u", "object": None}},
        {"r0": {"url": "u", "stars": 1, "object": None, "more": 1}},
        None,
    ],
)
def test_wrong_answers(contract: GraphqlContract, data: object) -> None:
    body = {"variables": VALUES}
    assert list(contract.check_answer(GOOD, body, {"data": data}))
