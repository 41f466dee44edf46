"""For all tests."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests last: playwright keeps an event loop running in its thread, beside which no other can run.
    `--dist load` keeps this order in each worker.
    """
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
