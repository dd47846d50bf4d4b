"""How a language model is reached that is not on the internet: over http in a network, by a private authority, through
a gateway, with no key or with a word for one.
"""

import asyncio
import json
import shutil
import ssl
import subprocess
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from chat.backends.upstream import Deadlines, UpstreamBackend
from chat.errors import ApiError
from chat.tests import model_server
from chat.tests.model_server import ModelServer

GATEWAY = "hidden-gateway-key-1"


def ask(url: str, key: str = "", **options: Any) -> str:
    """What a model answers, or the code of the error."""
    backend = UpstreamBackend(url, key, "m", Deadlines(connect=2, first_byte=2, idle=2, total=2), **options)
    try:
        answer = asyncio.run(backend.complete({"messages": []}))
    except ApiError as error:
        return f"{error.code}: {error}"
    message: Any = answer["choices"][0]["message"]
    return str(message["content"])


@pytest.mark.parametrize("networks", [[], ["127.0.0.0/8"], ["10.0.0.0/8", "127.0.0.1/32"], ["::/0", "127.0.0.0/8"]])
def test_http__name_leads_into_a_network__asked(model: ModelServer, networks: list[str]) -> None:
    url = model.url.replace("127.0.0.1", "localhost")
    assert ask(url, networks=[ip_network(text) for text in networks]) == "Hello there."


def test_http__name_leads_elsewhere__nothing_is_sent(model: ModelServer, caplog: pytest.LogCaptureFixture) -> None:
    url = model.url.replace("127.0.0.1", "localhost")
    answer = ask(url, "a-key", networks=[ip_network("10.0.0.0/8")])
    assert answer.startswith("upstream_unreachable: ")
    assert model.requests == []
    assert "its name leads to 127.0.0.1, which is in no network of LLM_HTTP_HOSTS" in caplog.text


def test_headers__of_a_gateway__sent_besides_ours(model: ModelServer) -> None:
    assert ask(model.url, "a-key", headers={"X-Gateway": GATEWAY, "user": "b"}) == "Hello there."
    headers = model.requests[0][0]
    assert (headers["x-gateway"], headers["user"], headers["authorization"]) == (GATEWAY, "b", "Bearer a-key")
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic x"}])
def test_key__none__no_header_but_the_gateways(model: ModelServer, headers: dict[str, str]) -> None:
    assert ask(model.url, headers=headers) == "Hello there."
    assert model.requests[0][0].get("authorization") == headers.get("Authorization")


@pytest.mark.parametrize("key", ["k", "none", "EMPTY", "ollama", "not-needed"])
def test_error__of_a_server_without_keys__told_in_full(model: ModelServer, key: str) -> None:
    """Such a server is given a word for a key, which its errors may contain."""
    said = f"too many tokens for {key}: the token limit is 10, ask ollama for more, or none"
    model.behaviour = model_server.status("400 No", json.dumps({"error": {"message": said}}).encode())
    assert ask(model.url, key).partition(": ")[2] == said


@pytest.mark.parametrize("key", ["sk-0123456789", "abcd1234", "only-letters-but-long"])
def test_error__that_quotes_a_secret__told_without_it(
    model: ModelServer, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    said = {"error": {"message": f"{key} and {GATEWAY} are wrong", "code": GATEWAY}}
    model.behaviour = model_server.status("400 No", json.dumps(said).encode())
    assert ask(model.url, key, headers={"X-Gateway": GATEWAY}).endswith("... and ... are wrong")
    assert key not in caplog.text
    assert GATEWAY not in caplog.text


@pytest.mark.parametrize(
    ("key", "quoted"),
    [
        ("abc/def+ghi=", "abc\\/def+ghi="),
        ('ab"cd\\ef-gh', 'ab\\"cd\\\\ef-gh'),
        ("abc/def+ghi=", "abc%2Fdef%2Bghi%3D"),
        ("abc&def<ghi>", "abc&amp;def&lt;ghi&gt;"),
        ("abc&def<ghi>", "abc\\u0026def\\u003cghi\\u003e"),
    ],
)
def test_error__that_quotes_a_secret_in_another_spelling__told_without_it(
    model: ModelServer, caplog: pytest.LogCaptureFixture, key: str, quoted: str
) -> None:
    """As encoders of JSON, of addresses and of HTML write it."""
    model.behaviour = model_server.status("400 No", b'{"error": {"message": "%b is wrong"}}' % quoted.encode())
    assert ask(model.url, key).endswith(": ... is wrong")
    assert "... is wrong" in caplog.text


def told(model: ModelServer, quoted: str, key: str = "", *, stream: bool, **options: Any) -> str:
    """The error for an answer that quotes this: a refusal, or a stream with an error in it."""
    body = b'{"error": {"message": "%b is wrong", "code": 400}}' % quoted.encode()
    model.behaviour = model_server.streaming(b"data: %b\n\n" % body) if stream else model_server.status("400 No", body)
    backend = UpstreamBackend(model.url, key, "m", Deadlines(connect=2, first_byte=2, idle=2, total=2), **options)

    async def answer() -> None:
        if stream:
            await anext(backend.chunks({"messages": []}))
        else:
            await backend.complete({"messages": []})

    with pytest.raises(ApiError) as raised:
        asyncio.run(answer())
    return str(raised.value)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("form", ["\\u%04x", "%%%02x", "&#%d;", "&#x%X;"])
def test_error__that_quotes_a_key_letter_by_letter__told_and_logged_without_it(
    model: ModelServer, caplog: pytest.LogCaptureFixture, form: str, stream: bool
) -> None:
    key = "sk-plan/ted+Key01=="
    for letters in (key, "=", "+/="):
        quoted = "".join(form % ord(letter) if letter in letters else letter for letter in key)
        assert told(model, quoted, key, stream=stream) == "... is wrong"
        assert "... is wrong" in caplog.messages[-1]
        assert quoted not in caplog.text


@pytest.mark.parametrize("stream", [False, True])
def test_error__that_quotes_a_gateway_s_password__told_without_it(model: ModelServer, stream: bool) -> None:
    headers = {"Authorization": "Basic bWU6aGlkZGVucGFzc3dvcmQ="}
    assert told(model, "hiddenpassword", stream=stream, headers=headers) == "... is wrong"


def test_error__with_words_of_a_header_that_is_no_secret__told_in_full(model: ModelServer) -> None:
    said, headers = "You requested 5000 tokens, Companion,", {"X-Title": "Companion requested tokens"}
    assert told(model, said, stream=False, headers=headers) == f"{said} is wrong"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A file of a certificate for localhost that no public authority has signed, and its key."""
    program = shutil.which("openssl")
    if not program:
        pytest.skip("there is no openssl to make a certificate with")
    file = tmp_path / "ca.pem"
    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([program, *new, *names, "-out", file, "-keyout", file], check=True, capture_output=True)
    return file


@pytest.mark.parametrize("is_known", [True, False])
def test_ca_file__of_a_private_authority__the_one_that_counts(certificate: Path, is_known: bool) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with model_server.running(context) as model:
        url = model.url.replace("http://127.0.0.1", "https://localhost")
        answer = ask(url, ca_file=str(certificate) if is_known else "")
    assert (answer == "Hello there.") is is_known
    assert is_known or answer.startswith("upstream_unreachable")
