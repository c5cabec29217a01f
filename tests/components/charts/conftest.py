"""What every chart test needs."""

import pytest

from components.charts.theme import ChartTheme
from dashboard.i18n import Catalogue


@pytest.fixture
def look():
    """The keyword arguments that every chart function takes."""
    return {"text": Catalogue("en"), "theme": ChartTheme()}
