"""An example for every operation of the OpenAPI document: of each body by the name of its schema, of each parameter."""

from collections.abc import Iterator
from typing import Any

from personalities.config import CUSTOM

Json = Any  # a value of JSON, or a part of the document

ID, CONVERSATION_ID = "0b9f3b52-3a66-4f6e-9d7e-0d2f5a4f8e11", "5f0c1c1e-7a52-4b39-8a65-2d1f4b3c9a77"
MESSAGE_ID = "c1d8e5a0-94f3-4d1b-b1b6-6a1a0c2e7f35"
KEY = MESSAGE_ID.replace("-", "")  # of the ids of a response, which is a message, and of its items
BEGUN, CHANGED = "2026-03-02T09:30:00Z", "2026-03-04T17:05:12.482911Z"
QUESTION, ANSWER = "Is this plan sound?", "Show me the part that everything else rests on."
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
ETAG = '"9f86d081884c7d659a2feaa0c55ad015"'

TRAITS = {
    "humor_level": 4,
    "formality_level": 6,
    "enthusiasm_level": 5,
    "empathy_level": 7,
    "directness_level": 7,
    "curiosity_level": 8,
    "supportiveness_level": 6,
    "playfulness_level": 3,
}
BEHAVIORS = {
    "asks_questions": True,
    "uses_examples": True,
    "shares_opinions": True,
    "challenges_user": True,
    "celebrates_wins": True,
}
PERSONALITY = {
    "id": ID,
    "personality_name": "elara",
    "display_name": "Elara",
    "archetype": "wise_mentor",
    "relationship_type": "mentor",
    "greeting": "Come in, there is tea. Show me what you are building.",
    "is_active": True,
    "traits": TRAITS,
    "behaviors": BEHAVIORS,
    "custom": dict.fromkeys(CUSTOM)
    | {
        "backstory": "Elara inspected bridges for the county for thirty-one years.",
        "custom_instructions": "Find out what the person has already tried before you suggest anything.",
        "speaking_style": "Measured, complete sentences with a dry edge.",
    },
    "generation": {"model": None, "temperature": 0.7},
    "locked_preferences": ["tone"],
    "meta": {"version": 3, "owner": None, "created_at": BEGUN, "updated_at": CHANGED},
}
VERSION = {"version": 3, "author": "ada", "note": "Warmer, after the readers' letters", "created_at": CHANGED}
CONVERSATION = {
    "id": CONVERSATION_ID,
    "personality": "elara",
    "personality_version": 3,
    "prompt_sha256": SHA256,
    "title": "The bridge at Stell Lane",
    "created_at": BEGUN,
    "updated_at": CHANGED,
}
MESSAGE = {
    "id": MESSAGE_ID,
    "position": 1,
    "role": "user",
    "content": QUESTION,
    "tool_calls": None,
    "tool_call_id": None,
    "parts": None,
    "prompt_sha256": None,
    "finish_reason": None,
    "is_refusal": False,
    "created_at": BEGUN,
}
NO_WISHES = {"emoji_use": None, "response_length": None, "explanation_style": None}
WISHES = {"language": "pt-BR", "formality": "casual", "tone": "calm", "call_me": "Ada"}
MODEL = {"id": "elara", "object": "model", "created": 1772443800, "owned_by": "companion"}
USAGE = {"prompt_tokens": 412, "completion_tokens": 11, "total_tokens": 423}
COMPLETION = {"id": "chatcmpl-4f1d", "created": 1772443800, "model": "elara"}

BODIES: dict[str, Json] = {
    "Archetype": {
        "name": "wise_mentor",
        "display_name": "Wise mentor",
        "description": "Takes the long view, and tells you honestly when a plan has a weak spot.",
        "relationship_type": "mentor",
        "speaking_style": "Unhurried and exact.",
        "example_greeting": "Good to see you. Tell me what you are working on.",
        "traits": TRAITS,
        "behaviors": BEHAVIORS,
    },
    "ChatCompletion": COMPLETION
    | {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}],
        "usage": USAGE,
    },
    "ChatCompletionChunk": COMPLETION
    | {
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": {"content": "Show me"}, "finish_reason": None}],
    },
    "ChatError": {
        "error": {
            "message": "The model 'elra' does not exist: no active personality, your own or global, has this name.",
            "type": "invalid_request_error",
            "param": "model",
            "code": "model_not_found",
        }
    },
    "ChatModel": MODEL,
    "ChatModelList": {"object": "list", "data": [MODEL]},
    "ChatRequest": {"model": "elara", "messages": [{"role": "user", "content": QUESTION}]},
    "Conversation": CONVERSATION,
    "NewConversationRequest": {"personality": "elara", "title": "The bridge at Stell Lane"},
    "Difference": {
        "before": 2,
        "after": 3,
        "changes": [{"field": "traits.empathy_level", "before": 5, "after": 7}],
        "prompt": "--- 2\n+++ 3\n@@ -4 +4 @@\n-You notice how people feel.\n+You notice at once how people feel.\n",
    },
    "Export": {"conversation": CONVERSATION, "messages": [MESSAGE], "prompts": {SHA256: "You are Elara."}},
    "Lint": {
        "findings": [
            {
                "severity": "warning",
                "rule": "no_greeting",
                "field": "greeting",
                "message": "Without a greeting a talk begins with silence.",
            }
        ]
    },
    "Message": MESSAGE,
    "NewMessageRequest": {"role": "user", "content": QUESTION},
    "PatchedPersonalityRequest": {"traits": {"empathy_level": 7}, "note": "Warmer, after the readers' letters"},
    "PatchedPreferencesRequest": {"language": "pt-BR", "emoji_use": None},
    "PatchedRenameRequest": {"title": "The bridge at Stell Lane"},
    "Personality": PERSONALITY,
    "PersonalityId": {"id": ID},
    "PersonalityRequest": {
        "personality_name": "mira",
        "archetype": "curious_student",
        "traits": {"humor_level": 9},
        "note": "A student for the evening course",
    },
    "Preferences": WISHES | NO_WISHES,
    "PreferencesRequest": WISHES,
    "Problem": {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "No active personality is named 'elra'.",
    },
    "Prompt": {
        "text": "You are Elara.",
        "sha256": SHA256,
        "tokens": 4,
        "sections": [{"name": "identity", "text": "You are Elara.", "tokens": 4}],
        "lines": [{"text": "You are Elara.", "section": "identity", "source": "display_name"}],
        "omissions": [{"source": "greeting", "reason": "It is said, not part of the prompt."}],
    },
    "ResolveRequest": {"names": ["elara", "nobody"]},
    "Resolved": {"personalities": {"elara": PERSONALITY}, "missing": ["nobody"]},
    "RollbackRequest": {"version": 2, "note": "The readers liked her better before"},
    "ResponsesAnswer": {
        "id": f"resp_{KEY}",
        "object": "response",
        "created_at": 1772443800,
        "status": "completed",
        "model": "elara",
        "output": [
            {
                "type": "message",
                "id": f"msg_{KEY}",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "text": ANSWER, "annotations": [], "logprobs": []}],
            }
        ],
        "usage": {
            "input_tokens": 412,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 11,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 423,
        },
        "incomplete_details": None,
        "error": None,
        "conversation": {"id": CONVERSATION_ID},
        "previous_response_id": None,
        "metadata": {"conversation": CONVERSATION_ID},
        "instructions": None,
        "parallel_tool_calls": True,
        "tools": [],
        "tool_choice": "auto",
        "text": {"format": {"type": "text"}},
        "temperature": None,
        "top_p": None,
        "max_output_tokens": None,
    },
    "ResponsesDeletion": {"id": f"resp_{KEY}", "object": "response", "deleted": True},
    "ResponsesEvent": {
        "type": "response.output_text.delta",
        "sequence_number": 4,
        "item_id": f"msg_{KEY}",
        "output_index": 0,
        "content_index": 0,
        "delta": "Show me",
        "logprobs": [],
    },
    "ResponsesRequest": {"model": "elara", "input": QUESTION},
    "UpgradeAnswer": CONVERSATION,
    "Version": VERSION,
    "WholeVersion": VERSION | {"personality": PERSONALITY},
}
PARAMETERS: dict[str, Json] = {
    "after": 3,
    "archetype": "wise_mentor",
    "before": 2,
    "id": CONVERSATION_ID,
    "name": "elara",
    "number": 3,
    "ordering": "-updated_at",
    "page": 1,
    "page_size": 50,
    "search": "bridge",
    "If-Match": ETAG,
    "If-None-Match": ETAG,
    "Idempotency-Key": "turn-0001",
}
OF_RESPONSES = PARAMETERS | {"id": f"resp_{KEY}"}


def add_examples(operation: Json) -> None:
    """Show what is sent and what is answered, where there are examples."""
    parameters = OF_RESPONSES if "response" in operation["operationId"] else PARAMETERS
    for parameter in operation.get("parameters", []):
        if parameter["name"] in parameters:
            parameter["example"] = parameters[parameter["name"]]
    for body in (operation.get("requestBody", {}), *operation["responses"].values()):
        for content in body.get("content", {}).values():
            for example in _examples(content.get("schema", {})):
                content["example"] = example


def _examples(schema: Json) -> Iterator[Json]:
    """An example of the schema, if there is one for it: one item at most."""
    name = schema.get("$ref", "").rpartition("/")[2]
    if name in BODIES:
        yield BODIES[name]
    elif name.startswith("Paginated"):
        row = BODIES[name.removeprefix("Paginated").removesuffix("List")]
        yield {"count": 1, "next": None, "previous": None, "results": [row]}
    elif schema.get("type") == "array":
        yield from ([example] for example in _examples(schema["items"]))
    elif "anyOf" in schema:
        yield from _examples(schema["anyOf"][0])
