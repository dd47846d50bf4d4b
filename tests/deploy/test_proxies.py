"""Through nginx and through Caddy, with TLS: what a browser and a program get, and what the service sees of them."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from chat.tests import model_server
from tests.deploy import proxies
from tests.deploy.proxies import Proxy
from tests.deploy.service import HOST, PASSWORD, USER, Service
from tests.promises import Figure

pytestmark = pytest.mark.timeout(600)  # the first test builds the image
ADDRESSES = {
    "nginx": ("127.0.0.2", "127.0.0.3"),
    "caddy": ("127.0.0.4", "127.0.0.5"),
}  # nobody has guessed there before
GUESSES = 10
MEBIBYTE = 1024**2


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def proxy(
    request: pytest.FixtureRequest, service: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    with proxies.running(request.param, tmp_path_factory.mktemp(request.param), service.port) as running:
        yield running


def sign_in(client: httpx.Client, password: str, **headers: str) -> httpx.Response:
    """Ask for the page and send its form, as a browser does."""
    page = client.get("/accounts/login/", headers={"Host": HOST})
    page.raise_for_status()
    form = {"username": USER, "password": password, "csrfmiddlewaretoken": client.cookies["csrftoken"]}
    return client.post("/accounts/login/", data=form, headers={"Host": HOST, "Referer": f"https://{HOST}/", **headers})


def test_proxy__sign_in__over_https_with_secure_cookies(proxy: Proxy, figure: Figure) -> None:
    with proxy.client() as client:
        answer = sign_in(client, PASSWORD)
        cookies = {cookie.name: cookie.secure for cookie in client.cookies.jar}
        admin = client.get("/admin/", headers={"Host": HOST})
    met = (answer.status_code, admin.status_code) == (302, 200) and cookies == {"csrftoken": True, "sessionid": True}
    figure(
        "C19",
        f"{proxy.name}: sign-in over TLS",
        "302, cookies Secure, the admin 200",
        before="301 to itself for ever",
        measured=f"{answer.status_code}, {', '.join(cookies)} Secure, {admin.status_code}",
        met=met,
    )


def test_proxy__plain_http__sent_to_https(proxy: Proxy) -> None:
    answer = httpx.get(f"http://127.0.0.1:{proxy.http}/chat/?a=b", headers={"Host": HOST}, trust_env=False)
    assert answer.status_code == 308
    assert answer.headers["Location"].startswith(f"https://{HOST}")
    assert answer.headers["Location"].endswith("/chat/?a=b")


def test_proxy__stream__arrives_piece_by_piece(proxy: Proxy, service: Service, figure: Figure) -> None:
    """The model goes on only when its first word has arrived: a proxy that collects an answer would wait for ever."""

    async def one_then_another(
        server: model_server.ModelServer, writer: model_server.Writer, _: dict[str, Any]
    ) -> None:
        await model_server.start_response(writer, model_server.SSE)
        await model_server.write(writer, model_server.chunk("first"))
        await server.release.wait()
        server.release.clear()
        for piece in (model_server.chunk("second"), model_server.chunk("", "stop"), b"data: [DONE]\n\n"):
            await model_server.write(writer, piece)

    service.model.behaviour = one_then_another
    body = {"model": "elara", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
    headers = {"Host": HOST, "Authorization": f"Bearer {service.key}"}
    arrived: list[str] = []
    with proxy.client() as client, client.stream("POST", "/v1/chat/completions", json=body, headers=headers) as answer:
        for line in answer.iter_lines():
            if "first" in line:
                arrived.append("first, while the model waits")
                service.model.release_all()
            arrived += ["second" for word in ("second",) if word in line]
            if line == "data: [DONE]":
                arrived.append("end")
    figure(
        "C19",
        f"{proxy.name}: stream",
        "each piece before the next is made",
        measured=", ".join(arrived),
        met=arrived == ["first, while the model waits", "second", "end"],
    )


def test_proxy__body_too_large__refused_by_the_service_or_the_proxy(
    proxy: Proxy, service: Service, figure: Figure
) -> None:
    headers = {"Host": HOST, "Authorization": f"Bearer {service.key}", "Content-Type": "application/json"}
    with proxy.client() as client:
        ours = client.post("/api/v1/personalities/", content=b" " * (MEBIBYTE // 2), headers=headers)
        theirs = client.post("/api/v1/personalities/", content=b" " * (4 * MEBIBYTE), headers=headers)
    kind = ours.headers["Content-Type"]
    figure(
        "C19",
        f"{proxy.name}: 0.5 MiB and 4 MiB where 64 KiB are allowed",
        "413 in our format, 413",
        measured=f"{ours.status_code} {kind} {list(json.loads(ours.text)['errors'])}, {theirs.status_code}",
        met=(ours.status_code, theirs.status_code) == (413, 413) and kind == "application/problem+json",
    )


def test_proxy__client_address__seen_and_not_to_be_forged(proxy: Proxy, figure: Figure) -> None:
    """Ten wrong passwords lock out the address they came from, whatever it said of itself, and no other."""
    guesser, other = ADDRESSES[proxy.name]
    statuses = []
    for number in range(GUESSES):
        with proxy.client(guesser) as client:
            statuses.append(sign_in(client, "wrong", **{"X-Forwarded-For": f"203.0.113.{number}"}).status_code)
    with proxy.client(guesser) as client:
        locked = sign_in(client, PASSWORD, **{"X-Forwarded-For": "203.0.113.99"}).status_code
    with proxy.client(other) as client:
        free = sign_in(client, PASSWORD).status_code
    figure(
        "C19",
        f"{proxy.name}: client address",
        f"{GUESSES} wrong passwords: that address 429, another 302",
        before="429, 429",
        measured=f"{locked}, {free}",
        met=(locked, free) == (429, 302),
        why=str(statuses),
    )
