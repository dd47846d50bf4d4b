"""nginx and Caddy for real, with the very files of deploy/ but for ports, paths and the address of the service."""

import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.deploy.programs import passes, program
from tests.deploy.service import HOST
from tests.e2e.test_production import answers
from tooling.environment import ROOT
from tooling.processes import ServerSpec, SupervisedServer, free_port

NGINX = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log {folder}/access.log;
    include {folder}/companion.conf;
}}
"""


class Certificate(NamedTuple):
    """A certificate for HOST that only tests believe."""

    file: Path
    key: Path

    @classmethod
    def make(cls, folder: Path) -> "Certificate":
        """Make one with openssl."""
        made = cls(folder / "fullchain.pem", folder / "privkey.pem")
        names = ("-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}")
        new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
        passes(program("openssl"), *new, *names, "-out", made.file, "-keyout", made.key)
        return made


class Proxy(NamedTuple):
    """A running proxy: where it speaks HTTPS, and where HTTP."""

    name: str
    https: int
    http: int
    certificate: Certificate
    folder: Path

    def client(self, address: str = "127.0.0.1", timeout: float = 20) -> httpx.Client:
        """Return a client at `address` that visits HOST there and believes its certificate."""
        context = ssl.create_default_context(cafile=str(self.certificate.file))
        transport = httpx.HTTPTransport(verify=context, local_address=address)
        return _Visitor(base_url=f"https://127.0.0.1:{self.https}", transport=transport, timeout=timeout)


class _Visitor(httpx.Client):
    """Names HOST in TLS and in every request, as a browser does whose resolver knows it."""

    def build_request(self, *arguments, **options):  # type: ignore[no-untyped-def]
        request = super().build_request(*arguments, **options)
        request.extensions = {**request.extensions, "sni_hostname": HOST}
        return request


Start = Callable[[Path, Certificate, int], "tuple[SupervisedServer, Proxy]"]


def _replaced(name: str, *pairs: tuple[str, object]) -> str:
    """The file with each of the texts replaced, every one of which it must contain."""
    text = (ROOT / "deploy" / name).read_text()
    for here, there in pairs:
        assert here in text, f"deploy/{name} without {here}"
        text = text.replace(here, str(there))
    return text


def _nginx(folder: Path, certificate: Certificate, service: int) -> tuple[SupervisedServer, Proxy]:
    https, http = free_port(), free_port()
    (folder / "companion.conf").write_text(
        _replaced(
            "nginx.conf",
            ("server app:8000;", f"server 127.0.0.1:{service};"),
            ("listen 443 ", f"listen 127.0.0.1:{https} "),
            ("listen [::]:443 ", f"listen [::1]:{https} "),
            ("listen 80;", f"listen 127.0.0.1:{http};"),
            ("listen [::]:80;", f"listen [::1]:{http};"),
            ("/etc/nginx/tls/fullchain.pem", certificate.file),
            ("/etc/nginx/tls/privkey.pem", certificate.key),
        )
    )
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder))
    command = (program("nginx"), "-c", folder / "nginx.conf")
    return _start(command, Proxy("nginx", https, http, certificate, folder))


def _caddy(folder: Path, certificate: Certificate, service: int) -> tuple[SupervisedServer, Proxy]:
    https, http = free_port(), free_port()
    global_options = f"{{\n\tadmin off\n\tauto_https disable_certs\n\thttp_port {http}\n\thttps_port {https}\n"
    (folder / "Caddyfile").write_text(
        _replaced(
            "Caddyfile",
            ("{\n\tservers", f"{global_options}\tservers"),
            (f"\n{HOST} {{", f"\n{HOST} {{\n\ttls {certificate.file} {certificate.key}"),
            ("app:8000", f"127.0.0.1:{service}"),
        )
    )
    command = (program("caddy"), "run", "--adapter", "caddyfile", "--config", folder / "Caddyfile")
    return _start(command, Proxy("caddy", https, http, certificate, folder))


def _start(command: Sequence[str | Path], proxy: Proxy) -> tuple[SupervisedServer, Proxy]:
    spec = ServerSpec(proxy.name, command, proxy.folder / "log", environment={"HOME": str(proxy.folder)})
    server = SupervisedServer(spec)
    started = server.wait_until(lambda: answers(proxy.https) and answers(proxy.http))
    assert started, (proxy.folder / "log").read_text()
    return server, proxy


STARTS: dict[str, Start] = {"nginx": _nginx, "caddy": _caddy}


@contextmanager
def running(name: str, folder: Path, service: int) -> Iterator[Proxy]:
    """Run the proxy `name` in front of the service on that port."""
    server, proxy = STARTS[name](folder, Certificate.make(folder), service)
    try:
        yield proxy
    finally:
        server.stop()
