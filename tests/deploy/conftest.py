"""The image, built once, and a service that runs in it for all tests of the session."""

import os
import secrets
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from chat.tests import model_server
from tests.deploy import image as images
from tests.deploy.image import Container, Image
from tests.deploy.service import Service


@pytest.fixture(scope="session")
def image() -> Image:
    """Build it from this clone."""
    return images.build()


@pytest.fixture(scope="session")
def container(image: Image) -> Iterator[Container]:
    """Make one container for all tests: nobody can write in it."""
    with image.container() as made:
        yield made


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    """Create an empty database; return its URL."""
    name = f"deploy_{secrets.token_hex(4)}"
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{name}"
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def service(container: Container, database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Migrate, seed, make an administrator and a key, and serve, all in the container."""
    with model_server.running() as model:
        running = Service(container, model, tmp_path_factory.mktemp("service") / "log", database)
        try:
            running.prepare()
            yield running.started()
        finally:
            running.stop()
