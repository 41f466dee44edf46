"""For all tests."""

import pytest
from hypothesis import settings

# The same examples every time: what was green stays green. `--hypothesis-profile search` looks for new ones.
settings.register_profile("fixed", derandomize=True)
settings.register_profile("search")
settings.load_profile("fixed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests last: playwright keeps an event loop running in its thread, beside which no other can run.
    `--dist load` keeps this order in each worker.
    """
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
