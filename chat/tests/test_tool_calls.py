"""Calls of tools, put together from whatever pieces servers send them in."""

import json
from typing import Any

import msgspec
import pytest

from chat.backends.tool_calls import MAX_CALLS, MAX_NAME, BrokenCalls, CallNormalizer, TooManyCalls, from_legacy, merge


def function(name: str | None = None, arguments: object = None, **more: object) -> dict[str, Any]:
    """A call, or a piece of one."""
    given = {"name": name, "arguments": arguments}
    return {**more, "function": {key: value for key, value in given.items() if value is not None}}


def call(name: str, arguments: str, id: str | None = None, **more: object) -> dict[str, Any]:
    """A whole call, as it is kept."""
    made = {"type": "function", **function(name, arguments), **more}
    return made if id is None else {**made, "id": id}


TWO = [call("f", '{"a": 1}', "c1"), call("g", "{}", "c2")]
BY_INDEX = [
    [function("f", "", index=0, id="c1", type="function")], [function(None, '{"a"', index=0)],
    [function(None, ": 1}", index=0)], [function("g", "{}", index=1, id="c2", type="function")],
]  # fmt: skip
INTERLEAVED = [BY_INDEX[0] + BY_INDEX[3], [function(None, '{"a": 1}', index=0), function(None, "", index=1)]]
OTHER_ID_EACH = [  # as vLLM did
    [function("f", '{"a', index=0, id="c1")], [function(None, '": 1}', index=0, id="x1")],
    [function("g", "{}", index=1, id="c2")], [function(None, "", index=1, id="x2")],
]  # fmt: skip
REPEATED = [
    [function("f", '{"a', index=0, id="c1")], [function("f", '": 1}', index=0, id="c1")],
    [function("g", "{", index=1, id="c2")], [function("g", "}", index=1, id="")],
]  # fmt: skip
WHOLE = [[function("f", '{"a": 1}', id="c1"), function("g", "{}", id="c2")]]
WHOLE_ONE_BY_ONE = [[function("f", '{"a": 1}', id="c1")], [function("g", "{}", id="c2")]]
ALL_WITH_INDEX_0 = [  # as Gemini did
    [function("f", '{"a": 1}', index=0, id="c1")], [function("g", "{}", index=0, id="c2")],
]  # fmt: skip
PIECES_WITHOUT_INDEX = [
    [function("f", '{"a"', id="c1")], [function(None, ": 1}")], [function("g", "{", id="c2")],
    [function(None, "}", index=None)],
]  # fmt: skip


def merged(lists: list[Any]) -> list[Any]:
    return merge([json.dumps(pieces).encode() for pieces in lists])


@pytest.mark.parametrize(
    "lists",
    [BY_INDEX, INTERLEAVED, OTHER_ID_EACH, REPEATED, WHOLE, WHOLE_ONE_BY_ONE, ALL_WITH_INDEX_0, PIECES_WITHOUT_INDEX],
)
def test_merge__in_any_pieces__the_same_calls(lists: list[Any]) -> None:
    assert merged(lists) == TWO
    assert merged([None, *lists, [], None]) == TWO


def test_merge__whole_calls_without_anything_to_tell_them_apart__each_a_call() -> None:
    same = function("f", "{}")
    assert merged([[same, same], [same]]) == [call("f", "{}")] * 3


def test_merge__arguments_as_an_object__as_text() -> None:
    assert merged([[function("f", {"a": [1, "é"]})]]) == [call("f", '{"a":[1,"é"]}')]


def test_merge__a_custom_tool__as_it_is() -> None:
    pieces = [[{"index": 0, "id": "c1", "type": "custom", "custom": {"name": "sh", "input": "l"}}],
              [{"index": 0, "custom": {"input": "s"}}]]  # fmt: skip
    assert merged(pieces) == [{"id": "c1", "type": "custom", "custom": {"name": "sh", "input": "ls"}}]


def test_merge__what_else_a_server_needs_back__kept() -> None:
    extra = {"google": {"thought_signature": "abc", "input": "x"}}
    assert merged([[function("f", "{}", index=0, extra_content=extra)]]) == [call("f", "{}", extra_content=extra)]


def test_merge__a_legacy_call__as_a_call() -> None:
    lists = [from_legacy(piece) for piece in (b'{"name": "f", "arguments": ""}', b'{"arguments": "{}"}', b"null")]
    assert merge(lists) == [call("f", "{}")]
    assert merge([from_legacy(b"null")]) == []


def test_merge__whole_calls_with_one_id_or_index__each_a_call() -> None:
    lists = [function("f", "{}", id="c1", index=0), function("g", "{}", id="c1", index=0)]
    assert merge([json.dumps(lists).encode()], are_whole=True) == [call("f", "{}", "c1"), call("g", "{}", "c1")]


def test_merge__one_id_and_another_name_without_an_index__each_a_call() -> None:
    assert merged([[function("f", "{}", id="c1")], [function("g", "{}", id="c1")]]) == [
        call("f", "{}", "c1"),
        call("g", "{}", "c1"),
    ]


def test_merge__another_id_without_an_index_and_a_name__another_call() -> None:
    with pytest.raises(BrokenCalls, match="neither a function"):
        merged([[function("f", "{}", id="c1")], [{"id": "c2", "type": "function"}]])


@pytest.mark.parametrize("place", [{}, {"index": 0}, {"id": "c1"}])
def test_merge__a_call_of_another_kind_after_a_call__raises(place: dict[str, Any]) -> None:
    with pytest.raises(BrokenCalls, match="'mcp'"):
        merged([[function("f", "{}", index=0, id="c1")], [{"type": "mcp", "mcp": {"name": "g"}, **place}]])


def test_merge__a_type_of_its_own_that_calls_a_function__a_call() -> None:
    lists = [[{"index": 0, "type": "builtin"}], [function("f", "{}", index=0, type="builtin")]]
    assert merged(lists) == [call("f", "{}", type="builtin")]


@pytest.mark.parametrize("place", [{}, {"index": 0}])
def test_merge__a_function_of_no_shape_after_a_call__raises(place: dict[str, Any]) -> None:
    with pytest.raises(BrokenCalls, match="another shape"):
        merged([[function("f", "{}", index=0)], [{"function": "g", **place}]])


@pytest.mark.parametrize("more", [0, 1])
def test_merge__a_name_in_pieces__as_long_as_is_allowed_and_no_longer(more: int) -> None:
    lists = [[function("f" * (MAX_NAME - 1), "", index=0)], [function("g" * (1 + more), "{}", index=0)]]
    if more:
        with pytest.raises(BrokenCalls, match="512 characters"):
            merged(lists)
    else:
        assert merged(lists) == [call("f" * (MAX_NAME - 1) + "g", "{}")]


@pytest.mark.parametrize("pieces", [[{}], [{"index": 0}], [{"index": 0, "type": "function", "id": None}]])
def test_merge__no_function__no_call(pieces: list[Any]) -> None:
    assert merged([pieces]) == []


@pytest.mark.parametrize("calls", [b"5", b"{}", b"[5]", b"[null]", b'[{"function": {"arguments": "\\ud800"}}]', b"[{"])
def test_merge__of_another_shape__raises(calls: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        merge([calls])


@pytest.mark.parametrize(
    "piece",
    [
        {"function": 5}, {"function": "x", "index": "y"}, {"index": True, "id": 5, "function": {"name": {}}},
        {"function": {}}, {"custom": {"input": ""}}, {"id": "c1"}, {"type": "mcp", "mcp": {"name": "f"}},
        function("f", "{}", id={"a": 1}), function("f", "{}", custom={}),
    ],
)  # fmt: skip
def test_merge__a_call_that_calls_nothing__raises(piece: dict[str, Any]) -> None:
    with pytest.raises(BrokenCalls, match="neither a function|another shape|'mcp'"):
        merge([json.dumps([call("f", "{}"), piece]).encode()], are_whole=True)
    with pytest.raises(BrokenCalls, match="neither a function|another shape|'mcp'"):
        merged([[piece]])


def test_merge__as_many_as_are_allowed__and_not_one_more() -> None:
    calls = [function("f", "{}", id=str(number)) for number in range(MAX_CALLS)]
    assert len(merged([calls])) == MAX_CALLS
    with pytest.raises(TooManyCalls):
        merged([calls, [function("f", "{}", id="x")]])


def named(*lists: Any) -> list[Any]:
    ids = CallNormalizer("k")
    return [json.loads(ids.normalized(json.dumps(pieces).encode())) for pieces in lists]


@pytest.mark.parametrize("lists", [BY_INDEX, INTERLEAVED])
def test_named__with_ids_and_indexes__as_they_are(lists: list[Any]) -> None:
    assert named(*lists) == lists


def added_up(lists: list[Any]) -> list[Any]:
    """The calls as a client adds them up, by their index."""
    calls: dict[int, dict[str, Any]] = {}
    for piece in (piece for pieces in lists for piece in pieces):
        called = calls.setdefault(piece["index"], {"id": "", "name": "", "arguments": ""})
        called["id"] += piece.get("id", "")
        called["name"] += piece["function"].get("name", "")
        called["arguments"] += piece["function"].get("arguments", "")
    return [call(each["name"], each["arguments"], each["id"]) for _, each in sorted(calls.items())]


OBJECTS = [[function("f", {"a": 1}, id="c1")], [function("g", None, id="c2"), function(None, {}, id="c2")]]
ANY_SHAPE = [
    BY_INDEX, INTERLEAVED, OTHER_ID_EACH, REPEATED, WHOLE, WHOLE_ONE_BY_ONE, ALL_WITH_INDEX_0, PIECES_WITHOUT_INDEX,
]  # fmt: skip


@pytest.mark.parametrize("lists", ANY_SHAPE)
def test_named__in_any_pieces__added_up_they_are_what_is_kept(lists: list[Any]) -> None:
    assert added_up(named(*lists)) == merged(lists) == TWO


def test_named__arguments_as_objects_or_none__text() -> None:
    assert added_up(named(*OBJECTS)) == [call("f", '{"a":1}', "c1"), call("g", "{}", "c2")]
    assert named([function("f", index=0, id="c1")]) == [[function("f", "", index=0, id="c1")]]


def test_named__without_ids__each_one_of_ours_where_it_begins() -> None:
    pieces = named([function("f", "", index=0)], [function(None, "{}", index=0, id="late")], [function("g", "{}")])
    assert [piece.get("id") for (piece,) in pieces] == ["call_k_0", None, "call_k_1"]
    assert merged(pieces) == [call("f", "{}", "call_k_0"), call("g", "{}", "call_k_1")]


@pytest.mark.parametrize("lists", [OTHER_ID_EACH, REPEATED])
def test_named__what_a_server_repeats__told_once(lists: list[Any]) -> None:
    pieces = [piece for given in named(*lists) for piece in given]
    assert [piece.get("id") for piece in pieces] == ["c1", None, "c2", None]
    assert [piece["function"].get("name") for piece in pieces] == ["f", None, "g", None]
    assert merged([pieces]) == TWO


def test_named__as_many_as_are_allowed__each() -> None:
    (pieces,) = named([function("f", "{}")] * MAX_CALLS)
    assert [piece["id"] for piece in pieces] == [f"call_k_{number}" for number in range(MAX_CALLS)]


@pytest.mark.parametrize("calls", [5, None, [5], [{"index": 0, "function": 5}], [{"index": 0, "id": {}}], [{}] * 129])
def test_named__what_cannot_be_read__as_it_is(calls: Any) -> None:
    assert named(calls) == [calls]


def test_merge__two_calls_in_one_list_with_neither_ids_nor_indexes_of_their_own__two() -> None:
    pieces = [function("f", '{"a":1}', index=0, id=""), function("g", '{"b":2}', index=0, id="")]
    assert [call["function"] for call in merged([pieces])] == [
        {"name": "f", "arguments": '{"a":1}'},
        {"name": "g", "arguments": '{"b":2}'},
    ]
    ids = [piece["id"] for piece in named(pieces)[0]]
    assert ids == ["call_k_0", "call_k_1"]
