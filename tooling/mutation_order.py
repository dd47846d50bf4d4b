"""A pytest plugin: tests in the order of their paths on the command line, those without a database before all others.

pytest-django would run those last, and a mutant is to meet the quickest tests first.
"""

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort `items`; pytest-django's order stays within one path."""
    paths = [str(config.rootpath / argument) for argument in config.args]

    def place(item: pytest.Item) -> tuple[bool, int]:
        number = next((number for number, path in enumerate(paths) if str(item.path).startswith(path)), len(paths))
        return item.get_closest_marker("django_db") is not None, number

    items.sort(key=place)
