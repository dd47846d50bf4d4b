"""What openapi-python-client makes of the document: list, read, patch, chat and stream."""

import json
import os
from typing import Any

from companion_client import AuthenticatedClient
from companion_client.api.chat import openai_chat
from companion_client.api.personalities import (
    personalities_list,
    personalities_partial_update,
    personalities_retrieve,
)
from companion_client.models import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatError,
    ChatRequest,
    ChatUserMessage,
    ChatUserMessageRole,
    PaginatedPersonalityList,
    PatchedPersonalityRequest,
    Personality,
    Problem,
    ResponsesRequest,
    ResponsesTextDelta,
)

client = AuthenticatedClient(base_url=os.environ["COMPANION_URL"], token=os.environ["COMPANION_KEY"])
question = ChatUserMessage(role=ChatUserMessageRole.USER, content="Is this plan sound?")


def events(path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of a stream: the client is httpx's, what is made of them has types."""
    with client.get_httpx_client().stream("POST", path, json=body) as answer:
        return [json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line.startswith("data: {")]


def responded() -> str:
    """The text of a response that comes in events."""
    request = ResponsesRequest(model="elara", input_="Is this plan sound?", stream=True)
    found = events("/v1/responses", request.to_dict())
    deltas = [event for event in found if event["type"] == "response.output_text.delta"]
    return "".join(ResponsesTextDelta.from_dict(delta).delta for delta in deltas)


def streamed() -> str:
    """The text of an answer that comes in chunks."""
    body = ChatRequest(model="elara", messages=[question], stream=True).to_dict()
    chunks = [ChatCompletionChunk.from_dict(event) for event in events("/v1/chat/completions", body)]
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def main() -> None:
    """Print what was found."""
    listed = personalities_list.sync(client=client, ordering="personality_name")
    assert isinstance(listed, PaginatedPersonalityList)
    read = personalities_retrieve.sync_detailed("elara", client=client)
    assert isinstance(read.parsed, Personality)
    etag = read.headers["ETag"]
    change = PatchedPersonalityRequest(greeting="Patched by openapi-python-client.")
    patched = personalities_partial_update.sync("elara", client=client, body=change, if_match=etag)
    assert isinstance(patched, Personality)
    outdated = personalities_partial_update.sync("elara", client=client, body=change, if_match=etag)
    assert isinstance(outdated, Problem)
    said = openai_chat.sync(client=client, body=ChatRequest(model="elara", messages=[question]))
    assert isinstance(said, ChatCompletion)
    nobody = openai_chat.sync(client=client, body=ChatRequest(model="nobody", messages=[question]))
    assert isinstance(nobody, ChatError)
    found = {
        "names": [one.personality_name for one in listed.results],
        "read": read.parsed.traits.humor_level,
        "patched": patched.greeting,
        "outdated": outdated.status,
        "said": said.choices[0].message.content,
        "streamed": streamed(),
        "responded": responded(),
        "refused": nobody.error.code,
    }
    print(json.dumps(found))


main()
