"""The catalogue gives the words; facts are data; numbers have the region's signs."""

import json
import re
import string
import subprocess
from pathlib import Path

import pytest

from dashboard.i18n import _AS_IN_MEXICO, LANGUAGES, Catalogue, _texts, pick_language
from tests.made.node import NODE

NO_NOUNS = {
    "en": "adds as bits does gives has is looks makes minus nats opens pixels reads was weights works",
    "es": "antes bits menos más nats números pesos píxeles works",
}
"""Words in -s that stand behind a fact and are not what it counts."""


def test_whole_numbers_get_the_languages_thousands_sign():
    assert "9,312 of 8,192" in Catalogue("en")("sidebar.count", tokens=9312, limit=8192)
    assert "9.312 de 8.192" in Catalogue("es")("sidebar.count", tokens=9312, limit=8192)


@pytest.mark.parametrize(
    ("language", "locale", "shown"),
    [
        ("en", None, "1,234.50"),
        ("en", "es-ES", "1,234.50"),
        ("es", None, "1.234,50"),
        ("es", "es", "1.234,50"),
        ("es", "es-AR", "1.234,50"),
        ("es", "es-MX", "1,234.50"),
        ("es", "es_GT", "1,234.50"),
        ("es", "es-419", "1,234.50"),
        ("es", "en-US", "1.234,50"),
    ],
)
def test_the_region_of_the_browsers_spanish_decides_the_signs(language, locale, shown):
    assert Catalogue(language, locale).number(1234.5, 2) == shown


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [
        (1234567, (), "1.234.567"),
        (10**18 + 1, (), "1.000.000.000.000.000.001"),
        (1234.0, (), "1.234"),
        (0.25, (), "0,25"),
        (-1234.5678, (2,), "-1.234,57"),
        (1e-5, (1, "e"), "1,0e-05"),
        (0.0123, (2, "g"), "0,012"),
    ],
)
def test_a_number_is_written_in_its_form(value, form, shown):
    assert Catalogue("es").number(value, *form) == shown


def test_python_and_the_browser_write_the_same():
    """Also: every region's Spanish has the signs that CLDR, which Node.js brings, gives it."""
    regions = [*sorted(_AS_IN_MEXICO), "ES", "AR", "BO", "CL", "CO", "EC", "GQ", "PH", "PY", "UY", "VE"]
    texts = [Catalogue(browser[:2], browser) for browser in ("en", "es", *(f"es-{region}" for region in regions))]
    locales = [[text.locale for text in texts], ["en", "es", *(f"es-{region}" for region in regions)]]
    (written,) = (Path(__file__).parents[1] / "components" / "web").rglob("catalogue_text.js")
    script = f"""{written.read_text(encoding="utf-8")}
      const write = (locale) => [1234, 1234567.5].map((value) => numberText(value, locale, 1));
      console.log(JSON.stringify({json.dumps(locales)}.map((each) => each.map(write))));
    """
    done = subprocess.run([NODE, "-e", script], capture_output=True, text=True, check=True)
    expected = [[text.number(value, 1) for value in (1234, 1234567.5)] for text in texts]
    assert json.loads(done.stdout) == [expected, expected]


def test_a_fact_with_braces_is_not_interpreted():
    assert "{tokens.__class__}" in Catalogue("en")("work.loading", model="{tokens.__class__}")


@pytest.mark.parametrize(
    ("language", "tokens", "shown"),
    [("en", 1, "1 token"), ("en", 0, "0 tokens"), ("en", 1234, "1,234 tokens"), ("es", "1", "1 token")],
)
def test_a_noun_is_in_the_number_of_its_count(language, tokens, shown):
    assert Catalogue(language)("overview.tokens", tokens=tokens) == shown


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_counts_one_thing_in_the_plural_or_two_in_the_singular(language):
    forms = re.findall(r"\{\w+:([^|}]+)\|([^}]+)\}", "\n".join(_texts(language).values()))
    assert len(forms) > 100
    single, plural = ("|".join(re.escape(form) for form in set(side)) for side in zip(*forms, strict=True))
    for message_id, template in _texts(language).items():
        names = {name for _, name, *_ in string.Formatter().parse(template) if name}
        one, two = (Catalogue(language)(message_id, **dict.fromkeys(names, count)) for count in (1, 2))
        wrong = [*re.findall(rf"\b1 (?:{plural})\b", one), *re.findall(rf"\b2 (?:{single})\b", two)]
        assert not wrong, message_id
        behind = set(re.findall(r"\{\w+\} (\w+s)\b", template))
        assert behind <= set(NO_NOUNS[language].split()), (
            f"{message_id}: write {{count:one|many}} where a fact counts something"
        )


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
