"""In which numbers a model computes, in words."""

import pytest

from components.shell.view import precision
from dashboard.i18n import LANGUAGES, Catalogue
from tests.made.recorded_engine import card


@pytest.mark.parametrize("language", LANGUAGES)
def test_stored_weights_and_what_was_made_of_them_are_told_apart(language):
    text = Catalogue(language)
    plain, dequantized, packed = (
        precision(card(**values), text)
        for values in ({}, {"quantized": "fp8", "dequantized": True}, {"quantized": "gptq"})
    )
    assert plain == "float32"
    assert all("float32" in words for words in (dequantized, packed))
    assert "fp8" in dequantized
    assert "gptq" in packed
    assert dequantized.replace("fp8", "gptq") != packed
