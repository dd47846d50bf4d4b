"""Nothing here is run. mypy must refuse each line that is marked, or it says that the mark is of no use."""

from companion_client.models import (
    ArchetypeEnum,
    ChatRequest,
    ChatUserMessage,
    ChatUserMessageRole,
    PatchedPersonalityRequest,
    PatchedPreferencesRequest,
    PersonalityRequest,
    TraitsRequest,
)

question = ChatUserMessage(role=ChatUserMessageRole.USER, content="Hi")
right = ChatRequest(model="elara", messages=[question])
villain = PersonalityRequest(personality_name="mira", archetype=ArchetypeEnum.WISE_MENTOR)

ChatRequest(messages=[question])  # type: ignore[call-arg]
ChatRequest(model="elara")  # type: ignore[call-arg]
ChatRequest(model="elara", messages=[question], temperature="hot")  # type: ignore[arg-type]
ChatRequest(model="elara", messages=[question], temprature=1)  # type: ignore[call-arg]
ChatUserMessage(role="narrator", content="Hi")  # type: ignore[arg-type]
TraitsRequest(humor_level="9")  # type: ignore[arg-type]
PatchedPersonalityRequest(traits={"humor_level": 9})  # type: ignore[arg-type]
PersonalityRequest(personality_name="mira", archetype="villain")  # type: ignore[arg-type]
PatchedPreferencesRequest(tone="angry")  # type: ignore[arg-type]
