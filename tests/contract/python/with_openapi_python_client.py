"""What openapi-python-client makes of the document: list, read, patch, chat and stream."""

import json
import os

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
)

client = AuthenticatedClient(base_url=os.environ["COMPANION_URL"], token=os.environ["COMPANION_KEY"])
question = ChatUserMessage(role=ChatUserMessageRole.USER, content="Is this plan sound?")


def streamed() -> str:
    """The text of an answer that comes in chunks: the client is httpx's, the chunks have types."""
    body = ChatRequest(model="elara", messages=[question], stream=True).to_dict()
    with client.get_httpx_client().stream("POST", "/v1/chat/completions", json=body) as answer:
        events = [line.removeprefix("data: ") for line in answer.iter_lines() if line.startswith("data: {")]
    chunks = [ChatCompletionChunk.from_dict(json.loads(event)) for event in events]
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
        "refused": nobody.error.code,
    }
    print(json.dumps(found))


main()
