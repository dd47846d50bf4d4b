"""The parts of a message: text, images, sound and files, as far as the operator passes them on.

An image or a file must be in the request itself. Its address is passed on only if the operator says so, because the
language model's server would fetch whatever the address leads to.
"""

from collections.abc import Collection, Iterator
from typing import Annotated, Any, ClassVar

import msgspec
from django.conf import settings

from chat.backends import MAX_WORD, JsonObject
from chat.errors import ApiError, bad_request

ALWAYS = ("text", "refusal")  # passed on whatever the settings say
AS_TEXT = ("text", "input_text", "output_text")  # the last two in the Responses API
MEDIA = {"image_url", "video_url"}
ADDRESSES = ("http://", "https://")

Word = Annotated[str, msgspec.Meta(max_length=MAX_WORD)]
NonEmptyWord = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_WORD)]
Unset = msgspec.UnsetType


class _Part(msgspec.Struct, tag_field="type", kw_only=True):
    source: ClassVar[tuple[str, str] | None] = None  # the fields that lead to what a server might have to fetch

    prompt_cache_breakpoint: dict[str, Any] | Unset = msgspec.UNSET


class ChatTextPart(_Part, tag="text"):
    """Text."""

    text: str


class ChatRefusalPart(_Part, tag="refusal"):
    """What the model said instead of an answer."""

    refusal: str


class ChatMedia(msgspec.Struct):
    """An image or a video: itself, as in data:image/png;base64,…"""

    url: Annotated[str, msgspec.Meta(extra_json_schema={"pattern": "^data:"})]  # the default, see `refusal`
    detail: Word | Unset = msgspec.UNSET


class ChatImagePart(_Part, tag="image_url"):
    """An image."""

    source = ("image_url", "url")
    image_url: ChatMedia


class ChatVideoPart(_Part, tag="video_url"):
    """A video, which some servers take."""

    source = ("video_url", "url")
    video_url: ChatMedia


class ChatAudio(msgspec.Struct):
    """Sound, in base64."""

    data: str
    format: Word


class ChatAudioPart(_Part, tag="input_audio"):
    """Speech, for example."""

    source = ("input_audio", "data")
    input_audio: ChatAudio


class ChatFile(msgspec.Struct):
    """A file: itself, as in data:application/pdf;base64,…; or its id at the language model's server, or its address."""

    file_data: str | Unset = msgspec.UNSET
    filename: Word | Unset = msgspec.UNSET
    file_id: Word | Unset = msgspec.UNSET
    file_url: str | Unset = msgspec.UNSET


class ChatFilePart(_Part, tag="file"):
    """A document, for example."""

    source = ("file", "file_data")
    file: ChatFile


ChatPart = ChatTextPart | ChatRefusalPart | ChatImagePart | ChatAudioPart | ChatFilePart | ChatVideoPart
KINDS = (*ALWAYS, "image_url", "input_audio", "file", "video_url")
Content = str | Annotated[list[ChatPart], msgspec.Meta(min_length=1)]


def allowed_kinds() -> Collection[str]:
    """The kinds of parts that are passed on."""
    return dict.fromkeys((*ALWAYS, *settings.LLM_CONTENT_PARTS))


def normalised(parts: list[object], where: str, *, is_answer: bool) -> Iterator[object]:
    """The parts of a message, normalised to be checked; of an answer, without the model's reasoning.

    Raises ApiError for parts of a kind that no server knows.
    """
    for index, part in enumerate(parts):
        read = _normalised(part)
        kind = read.get("type") if isinstance(read, dict) else None
        if not isinstance(kind, str) or kind in KINDS:
            yield read
        elif not is_answer:
            raise _not_passed_on(kind, f"{where}[{index}]")


def _normalised(part: object) -> object:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if not isinstance(part, dict):
        return part
    left = {"type": "text" if "text" in part else None, **_without_nulls(part)}
    if left["type"] in AS_TEXT:
        return {"text": "", **left, "type": "text"}
    if left["type"] == "input_image":
        image = left.get("image_url")
        inner = image if isinstance(image, dict) else {"url": image, "detail": left.get("detail")}
        return {"type": "image_url", "image_url": _without_nulls(inner)}
    if left["type"] == "input_file":
        return {"type": "file", "file": left}
    return {name: {"url": value} if name in MEDIA and isinstance(value, str) else value for name, value in left.items()}


def _without_nulls(value: dict[str, object]) -> dict[str, object]:
    left = {name: inner for name, inner in value.items() if inner is not None}
    return {name: _without_nulls(inner) if isinstance(inner, dict) else inner for name, inner in left.items()}


def refusal(part: ChatPart, where: str) -> ApiError | None:
    """Why the part is not passed on; None if it is."""
    kind = str(part.__struct_config__.tag)
    if kind not in allowed_kinds():
        return _not_passed_on(kind, where)
    if isinstance(part, ChatFilePart) and (refused := _file_refusal(part.file, f"{where}.file")):
        return refused
    if part.source and not _is_itself(getattr(getattr(part, part.source[0]), part.source[1]), part.source[1]):
        return _not_fetched(".".join((where, *part.source)))
    return None


def _file_refusal(file: ChatFile, where: str) -> ApiError | None:
    if file.file_id and not settings.LLM_CONTENT_PART_ADDRESSES:
        return _not_fetched(f"{where}.file_id")
    if file.file_url and not _is_itself(file.file_url, "url"):
        return _not_fetched(f"{where}.file_url")
    if not (file.file_data or file.file_id or file.file_url):
        return bad_request(f"{where}: there is no file in it. Send file_data=data:application/pdf;base64,…", where)
    return None


def are_passed_on(parts: list[JsonObject]) -> bool:
    """Whether stored parts still are passed on: the settings may have changed since."""
    try:
        return not any(refusal(part, "") for part in msgspec.convert(parts, list[ChatPart]))
    except msgspec.ValidationError:
        return False


def _is_itself(data: str | Unset, field: str) -> bool:
    """Whether this is an image or a file rather than the address of one, or an address that may be fetched."""
    if isinstance(data, Unset) or data[:5].lower() == "data:":
        return True
    if data[:8].lower().startswith(ADDRESSES):
        return bool(settings.LLM_CONTENT_PART_ADDRESSES)
    return field != "url" and ":" not in data  # base64, which has no colon


def _not_passed_on(kind: str, where: str) -> ApiError:
    known = ", ".join(allowed_kinds())
    what = f"parts of the type {kind!r:.40} are not passed on to the language model, only {known}."
    hint = "Leave it out, or have the operator add its type to LLM_CONTENT_PARTS."
    if kind not in KINDS:
        hint = f"Leave it out: LLM_CONTENT_PARTS allows no others than {', '.join(KINDS)}."
    return bad_request(f"{where}: {what} {hint}", f"{where}.type")


def _not_fetched(where: str) -> ApiError:
    what = "what the language model's server would have to fetch is not passed on."
    hint = "Send the image or file itself, as in data:image/png;base64,… or have the operator set"
    return bad_request(f"{where}: {what} {hint} LLM_CONTENT_PART_ADDRESSES=true.", where)
