"""What the programs ask for: each is an ordinary program of its client, told by variables where Companion is."""

import base64
import os
import zlib

MODEL = "elara"
KEY = os.environ.get("OPENAI_API_KEY", "")
URL = os.environ.get("OPENAI_BASE_URL", "")
PERSONA = "Your name is Elara"  # with this her prompt begins, which the model repeats
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "description": "The weather in a city.", "parameters": PARAMETERS},
}


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


# A picture of one black point.
PNG = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\0\0\0\0")
    + _chunk(b"IDAT", zlib.compress(b"\0\0"))
    + _chunk(b"IEND", b"")
)
PNG_URL = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


def weather_in(city: str) -> str:
    """What the tool answers."""
    return f"Rain in {city}"
