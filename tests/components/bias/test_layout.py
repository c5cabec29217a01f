"""Heads of the Bias page's tables: every column of every table has one, in each language."""

import pandas as pd
import pytest

from components.bias.layout import heads
from dashboard.i18n import LANGUAGES, Catalogue
from tests.test_numbers import TABLES, name_of

BIAS = {function: table for (module, function), table in TABLES.items() if name_of(module).startswith("bias")}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("table", BIAS)
def test_every_column_has_a_head(table, language):
    assert heads(BIAS[table], Catalogue(language)).keys() == set(map(str, BIAS[table]))


def test_a_column_that_nobody_named_keeps_its_name():
    assert heads(pd.DataFrame({"of_a_persons_own": [1]}), Catalogue("en")) == {}
