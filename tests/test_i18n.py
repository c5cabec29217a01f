"""The catalogue gives the words; facts are data."""

import pytest

from dashboard.i18n import Catalogue, pick_language


def test_whole_numbers_get_the_languages_thousands_sign():
    assert "9,312 of 8,192" in Catalogue("en")("sidebar.count", tokens=9312, limit=8192)
    assert "9.312 de 8.192" in Catalogue("es")("sidebar.count", tokens=9312, limit=8192)


def test_a_fact_with_braces_is_not_interpreted():
    assert "{tokens.__class__}" in Catalogue("en")("work.loading", model="{tokens.__class__}")


def test_an_unknown_text_is_our_mistake_and_loud():
    with pytest.raises(KeyError):
        Catalogue("en")("no.such.text")


@pytest.mark.parametrize(
    ("wanted", "locale", "default", "language"),
    [
        ("es", "en-US", "en", "es"),
        (None, "es-MX", "auto", "es"),
        (None, "es_ES", "auto", "es"),
        (None, "de-DE", "auto", "en"),
        ("xx", None, "es", "es"),
    ],
)
def test_the_language_is_the_links_then_the_operators_then_the_browsers(wanted, locale, default, language):
    assert pick_language(wanted, locale, default) == language
