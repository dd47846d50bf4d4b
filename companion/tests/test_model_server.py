"""Where a language model may be asked over http, by which authorities and with which headers: decided at the start."""

import ipaddress
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from companion.model_server import checked_ca_file, checked_headers, checked_http_hosts, checked_url, networks_to_check
from companion.tests.test_settings import start


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        ("ollama", "http://ollama:11434/v1"),
        ("ollama", "http://OLLAMA.:11434/v1"),
        ("Host.Docker.Internal", "http://host.docker.internal:8080/v1"),
        ("llama_cpp", "http://llama_cpp:8080/v1"),
        ("3llama, gpu.01", "http://3llama:8080/v1"),
        ("3llama, gpu.01", "http://gpu.01:8080/v1"),
        ("7b.models, *.0a.1", "http://0.0a.1/v1"),
        ("a, *.svc.cluster.local", "http://vllm.models.svc.cluster.local/v1"),
        ("10.0.0.0/8", "http://10.1.2.3:8000/v1"),
        ("10.0.0.7", "http://10.0.0.7/v1"),
        ("fd00::/8,[::2]", "http://[fd12::1]:8000/v1"),
        ("[::2]", "http://[::2]/v1"),
        ("10.0.0.0/8", "http://vllm:8000/v1"),  # whether it leads there is checked when it is connected
        ("ollama", "http://127.0.0.1/v1"),
    ],
)
def test_http__to_what_is_named__taken(hosts: str, url: str) -> None:
    assert checked_url(url, checked_http_hosts(hosts)) == url


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        ("", "http://ollama/v1"),
        ("ollama", "http://ollama.evil.example/v1"),
        ("ollama", "http://notollama/v1"),
        ("ollama", "http://10.0.0.1/v1"),
        ("*.cluster.local", "http://cluster.local/v1"),
        ("*.cluster.local", "http://evilcluster.local/v1"),
        ("10.0.0.0/8", "http://11.0.0.1/v1"),
        ("10.0.0.0/8", "http://[::ffff:10.0.0.1]/v1"),
        ("metadata.google.internal", "http://metadata.google.internal/v1"),
        ("*.internal", "http://metadata.google.internal/v1"),
        ("169.254.0.0/16", "http://169.254.169.254/v1"),
        ("0.0.0.0/0", "http://169.254.169.254/v1"),
        ("0.0.0.0/0", "http://2852039166/v1"),
        ("::/0", "http://[::ffff:a9fe:a9fe]/v1"),
        ("ollama", "gopher://ollama/v1"),
        ("ollama", "http://user:hidden@ollama/v1"),
    ],
)
def test_http__to_any_other__refused(hosts: str, url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="^LLM_BASE_URL: .*LLM_HTTP_HOSTS") as raised:
        checked_url(url, checked_http_hosts(hosts))
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize(
    "value",
    ["*", "*ollama", "a.*.b", "http://ollama", "ollama:11434", "ollama/v1", "10.7", "0x7f.1", "*.10", "0x", "a b", "é"],
)
def test_http_hosts__neither_name_nor_network__refused_by_name(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="^LLM_HTTP_HOSTS: not a name") as raised:
        checked_http_hosts(f"ollama, {value}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("value", "right"), [("10.0.0.7/8", "10.0.0.0/8"), ("fd00::1/8", "fd00::/8")])
def test_http_hosts__address_within_a_network__refused_with_the_network(value: str, right: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"^LLM_HTTP_HOSTS: not a network, which is {right}: '{value}'$"):
        checked_http_hosts(value)


@pytest.mark.parametrize(
    ("hosts", "url", "is_checked"),
    [
        ("10.0.0.0/8", "http://vllm/v1", True),
        ("10.0.0.0/8, vllm", "http://vllm/v1", False),
        ("10.0.0.0/8", "http://localhost/v1", False),
        ("10.0.0.0/8", "https://vllm/v1", False),
        ("10.0.0.0/8", "", False),
        ("vllm", "http://vllm/v1", False),
    ],
)
def test_networks__checked_where_nothing_else_vouches(hosts: str, url: str, is_checked: bool) -> None:
    expected = [ipaddress.ip_network("10.0.0.0/8")] if is_checked else []
    assert networks_to_check(url, checked_http_hosts(hosts)) == expected


@pytest.mark.parametrize(
    "text", ["X-A: b\nx_c:  d e\t\r\n\n", '{"X-A": "b", "x_c": "d e"}', ' {"X-A":"b","x_c":"d e"}\n']
)
def test_headers__lines_or_json__taken(text: str) -> None:
    assert checked_headers(text, with_key=True) == {"X-A": "b", "x_c": "d e"}


def test_headers__authorization__without_a_key_of_its_own() -> None:
    assert checked_headers("Authorization: Basic x", with_key=False) == {"Authorization": "Basic x"}
    with pytest.raises(ImproperlyConfigured):
        checked_headers("authorization: Basic x", with_key=True)


@pytest.mark.parametrize(
    "text",
    [
        "hidden",
        "X-A hidden",
        "X A: hidden",
        "X-A: hid\x00den",
        "X-A: hidden\x0bX-B: c",
        "X-A: hidden é",
        "X-A:",
        "Host: hidden.example",
        "content-length: 1",
        "Transfer-Encoding: hidden",
        "X-A: hidden\nx-a: hidden",
        '{"X-A": "hidden\\r\\nX-B: c"}',
        '{"X-A": 1}',
        '{"X-A": "hidden"',
        "{" * 5000,
        '["X-A: hidden"]',
        "\n".join(f"X-{number}: hidden" for number in range(21)),
        "X-A: " + "hidden" * 2000,
    ],
)
def test_headers__none_or_ours__refused_without_showing_a_value(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="^LLM_HEADERS: ") as raised:
        checked_headers(text, with_key=True)
    assert "hid" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_settings__headers__stand_nowhere_else() -> None:
    show = "print([n for n in dir(settings) if 'hidden' in repr(getattr(settings, n)) and n != 'env'])"
    assert start(show, LLM_HEADERS="X-A: hidden").stdout == "['LLM_SECRET_HEADERS']\n"


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "cannot be read"), ("", "holds no certificate"), ("x", "holds no")]
)
def test_ca_file__not_usable__refused_at_the_start(tmp_path: Path, content: str | None, reason: str) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ImproperlyConfigured, match=f"^LLM_CA_FILE: {file} {reason}"):
        checked_ca_file(str(file))
