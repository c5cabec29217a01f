"""The link of a view from the head of every page: all of the view is in it, and its numbers are compared."""

import dataclasses
import random
from types import SimpleNamespace

import pytest
import streamlit as st

from components.next_token import panels as next_token_panels
from components.sharing import share
from dashboard import cache
from dashboard.i18n import Catalogue
from dashboard.navigation import PAGES
from dashboard.probes.spec import OWN, ProbeSpec
from dashboard.sharing.fingerprint import Fingerprint
from dashboard.sharing.origin import LinkOrigin
from dashboard.store.saved_view import Visitor
from dashboard.view_state import FIELDS
from tests.pages.test_identities import PAGES as VIEWS_OF_PAGES
from tests.pages.test_pages import words
from tests.pages.test_sampling import has_texts, waited

TEXT = Catalogue("en")
SLUGS = [entry.slug for entry in PAGES]
PROMPT = "zebra lamp river zebra lamp <b>$x$</b>"


@pytest.fixture
def links(monkeypatch):
    """What copied links name beside the address, newest last."""
    given = []
    monkeypatch.setattr(share, "copy_link", lambda *, more, without, text, key: given.append(more))
    return given


def shared(at, links):
    """The parameters of the link that the button gives."""
    at.session_state["share"] = True
    at.run()
    assert not at.exception
    link = {name: at.query_params[name] for name in at.query_params} | links[-1]
    at.session_state["share"] = False
    return link


def state_of(at, *, but=()):
    """What a link restores, as the page holds it."""
    held = {name: at.session_state[name] for name in FIELDS if name in at.session_state and name not in but}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in held.items()}


def ready(at, slug):
    return waited(at, has_texts) if slug == "sampling" else at


@pytest.mark.parametrize("view", VIEWS_OF_PAGES)
def test_a_view_of_every_page_goes_through_its_link_with_its_numbers(open_page, links, view):
    slug = view.split()[0]
    first, changes = VIEWS_OF_PAGES[view]
    for params in [first, first | changes[-1]]:
        at = ready(open_page(slug, {"prompt": PROMPT, **params}), slug)
        link = shared(at, links)
        assert {"model", "prompt", "made", "numbers"} <= link.keys()
        other = ready(open_page(slug, link), slug)
        # of texts the tokens alone are compared: the page must not say more
        assert TEXT("share.same_ids" if slug == "sampling" else "share.same") in words(other)
        assert "_link_dropped" not in other.session_state
        assert not {"made", "numbers"} & set(other.query_params)
        assert state_of(other) == state_of(at)


def test_the_overview_compares_its_numbers_and_lessons_have_none(open_page, links):
    link = shared(open_page("overview", {"prompt": PROMPT}), links)
    assert TEXT("share.same") in words(open_page("overview", link))
    assert "numbers" not in shared(open_page("lessons", {"prompt": PROMPT}), links)


def random_view(rng, slug):
    """Choices of a page as a person might leave them."""
    choices = {name: field for name, field in FIELDS.items() if name.startswith(slug) and field.kind == "choice"}
    view = {name: rng.choice(field.choices) for name, field in choices.items() if rng.random() < 0.6}
    switches = [name for name, field in FIELDS.items() if name.startswith(slug) and field.kind == "switch"]
    view |= {name: "true" for name in switches if rng.random() < 0.4}
    numbers = {
        "attention": {"attention_layer": 2, "attention_head": 3, "attention_token": 4},
        "next_token": {"next_token_pos": 4, "next_token_window": 4, "next_token_top_k": 9, "next_token_layer": 2},
    }
    return view | {name: str(rng.randint(1, most)) for name, most in numbers[slug].items() if rng.random() < 0.7}


@pytest.mark.parametrize("slug", ["attention", "next_token"])
@pytest.mark.parametrize("seed", range(4))
def test_any_view_goes_through_its_link(open_page, links, slug, seed):
    rng = random.Random(f"{slug} {seed}")
    prompt = "".join(
        rng.choice(["zebra ", "lamp ", "<b>", "ñ日", "\n", "$x$ "]) for _ in range(rng.choice([8, 12, 120]))
    )
    at = open_page(slug, {"prompt": "zebra " + prompt, **random_view(rng, slug)}).run()
    assert not at.exception
    link = shared(at, links)
    other = open_page(slug, link).run()
    assert TEXT("share.same") in words(other)
    assert state_of(other) == state_of(at)


# -- compared -----------------------------------------------------------------------------------------------------
def test_one_wrong_number_is_told(open_page, links, monkeypatch):
    link = shared(open_page("next_token", {"prompt": PROMPT}), links)
    make = next_token_panels.candidates_frame

    def wrong(*given):
        frame = make(*given)
        return frame.assign(prob=frame["prob"] + 1e-6 * (frame.index == 0))

    monkeypatch.setattr(next_token_panels, "candidates_frame", wrong)
    at = open_page("next_token", link)
    assert TEXT("share.same") not in words(at)
    assert any(sentence in words(at) for sentence in ("Not the numbers of this link", "Not all numbers are those"))


def test_by_how_much_numbers_differ_is_told_with_what_differs(open_page, links):
    link = shared(open_page("next_token", {"prompt": PROMPT}), links)
    then = Fingerprint.read(link["numbers"])
    changed = dataclasses.replace(then, checksum=b"x" * 12, values=(then.values[0] + 0.5, *then.values[1:]))
    origin = dataclasses.replace(LinkOrigin.read(link["made"]), transformers="5.20.0", logitscope="0.2.0")
    said = words(open_page("next_token", link | {"numbers": changed.written(), "made": origin.written()}))
    assert "Not the numbers of this link: 1 of 8 sampled values differ, by 0.5 at most" in said
    assert "transformers 5.20.0 then, " in said
    assert "Logitscope 0.2.0 then, " in said
    assert "torch" not in said.partition("Made with")[2].partition("\n")[0]


def test_other_tokens_of_texts_are_told(open_page, links):
    columns = '[{"num_return_sequences":2,"max_new_tokens":4,"seed":3}]'
    at = ready(open_page("sampling", {"prompt": PROMPT, "sampling_columns": columns}), "sampling")
    link = shared(at, links)
    then = Fingerprint.read(link["numbers"])
    assert then.ids
    changed = dataclasses.replace(then, checksum=b"x" * 12, values=(then.values[0] + 1, *then.values[1:]))
    other = ready(open_page("sampling", link | {"numbers": changed.written()}), "sampling")
    assert TEXT("share.other_ids", unequal=1, sampled=8) in words(other)


def test_a_link_of_an_older_release_is_compared_in_what_it_names(open_page, links):
    link = shared(open_page("next_token", {"prompt": PROMPT}), links)
    here = LinkOrigin.read(link["made"])
    older = {name: value for name, value in link.items() if name != "numbers"}
    made = f"{here.revision[:12]} float32 transformers-{here.transformers}"
    assert "Made with" not in words(open_page("next_token", older | {"made": made}))
    said = words(open_page("next_token", older | {"made": made.replace("float32", "bfloat16")}))
    assert TEXT("share.made_elsewhere", parts="dtype bfloat16 then, float32 now") in said


def test_the_line_goes_when_the_person_looks_elsewhere(open_page, links):
    link = shared(open_page("attention", {"prompt": PROMPT, "attention_layer": "1"}), links)
    at = open_page("attention", link)
    assert TEXT("share.same") in words(at)
    assert TEXT("share.same") in words(at.run())
    at.number_input(key="attention_layer").set_value(2).run()
    assert TEXT("share.same") not in words(at)
    at.number_input(key="attention_layer").set_value(1).run()
    assert TEXT("share.same") not in words(at)


def test_a_link_of_other_tokens_says_that_it_cannot_be_compared(open_page, links):
    link = shared(open_page("next_token", {"prompt": PROMPT}), links)
    assert TEXT("share.another_question") in words(open_page("next_token", link | {"prompt": "zebra"}))


# -- hostile, and too long ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("language", ["en", "es"])
def test_a_damaged_fingerprint_is_refused_with_why_and_the_page_lives(open_recorded, slug, language):
    text = Catalogue(language)
    whole = "abc float32 transformers-5"
    for link, why in (
        ({"made": whole, "numbers": "AQ"}, "numbers"),
        ({"made": whole, "numbers": "<script>" * 20_000}, "numbers"),
        ({"made": whole, "numbers": "Ag" + "A" * 78}, "version"),
        ({"numbers": "AQ"}, "alone"),
        ({"made": "<b>" * 30_000, "numbers": ""}, "origin"),
    ):
        at = open_recorded(slug, {"lang": language, "prompt": "zebra lamp", **link})
        assert not at.exception
        assert text(f"share.unreadable.{why}", version=2) in words(at)
        assert text(f"{slug}.question") in words(at)


def test_what_no_link_can_carry_is_known():
    noise = "".join(chr(0x4E00 + (i * 7919) % 20000) for i in range(60_000))
    view = SimpleNamespace(prompt=noise, chat=False, text=TEXT, loaded=False, shown=[], model="m")
    for slug, expected in (("next_token", "prompt"), ("bias", "")):
        assert share.missing(view, slug) == expected


NOISE = "".join(chr(0x4E00 + (i * 7919) % 20000) for i in range(60_000))
"""A text that no link can carry."""
WORDS = "\n".join(NOISE[start : start + 40] for start in range(0, 64_000, 40))
"""A list of completions that none can carry."""


def stored_link(at, links):
    """The link of a page whose texts are too long for one, stored from the button."""
    at.session_state["share"] = True
    at.run()
    assert not links
    at.button(key="share_store").click().run()
    assert not at.exception
    link = {name: at.query_params[name] for name in at.query_params if name not in ("prompt", "pz")} | links[-1]
    assert sum(map(len, map(str, link.values()))) < 500
    return link


def with_text(open_recorded, slug, state):
    """A page whose texts somebody has typed or uploaded."""
    at = open_recorded(slug)
    for name, value in state.items():
        at.session_state[name] = value
    return at.run()


@pytest.mark.parametrize(
    ("slug", "state"),
    [
        ("lessons", {"prompt": NOISE}),
        ("bias", {"bias_probe": ProbeSpec(("one is",), ("",), (), OWN, WORDS).written()}),
    ],
    ids=["prompt", "probe"],
)
def test_what_no_link_can_carry_is_stored_and_opens_elsewhere(open_recorded, links, slug, state):
    at = with_text(open_recorded, slug, state)
    link = stored_link(at, links)
    other = open_recorded(slug, link)
    assert not other.exception
    for name, value in state.items():
        assert other.session_state[name] == value
    assert "_link_dropped" not in other.session_state
    assert link["stored"] in other.query_params["stored"]
    # another text is not the stored one
    other.session_state["prompt" if slug == "lessons" else "bias_probe"] = ""
    assert "stored" not in other.run().query_params


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("link_id", ["a" * 26, "", "../x", "<b>" * 30_000])
def test_a_link_whose_texts_are_not_there_says_so(open_recorded, language, link_id):
    at = open_recorded("lessons", {"lang": language, "stored": link_id})
    assert not at.exception
    assert Catalogue(language)("error.LongLinkUnknown") in words(at)
    assert "stored" not in at.query_params


def test_a_stored_text_of_another_kind_is_refused(open_recorded):
    for content in ("[]", '{"model":"x"}', '{"prompt":1}', "{"):
        link_id = cache.store().links.put(content)
        at = open_recorded("lessons", {"stored": link_id})
        assert not at.exception
        assert "stored: " in words(at)


def test_without_a_store_it_is_said_and_the_page_lives(open_recorded, links, environment):
    at = with_text(open_recorded, "lessons", {"prompt": NOISE})
    environment.setenv("LOGITSCOPE_DATABASE", "postgresql://nobody@127.0.0.1:9/none")
    st.cache_resource.clear()
    at.session_state["share"] = True
    at.run()
    at.button(key="share_store").click().run()
    assert not at.exception
    assert TEXT("error.StoreUnreachable") in words(at)
    assert TEXT("share.too_long.prompt") in words(at)
    assert not links
    assert TEXT("error.StoreUnreachable") in words(open_recorded("lessons", {"stored": "a" * 26}))


def test_a_text_above_the_limit_is_not_stored(open_recorded, links, monkeypatch):
    monkeypatch.setattr("dashboard.store.links.MOST_BYTES", 1000)
    at = with_text(open_recorded, "lessons", {"prompt": NOISE})
    at.session_state["share"] = True
    at.run()
    at.button(key="share_store").click().run()
    assert TEXT("error.LongLinkTooLong", size=0.2, limit=0.0) in words(at)
    assert not links


def test_who_is_not_signed_in_stores_nothing(open_recorded, links, monkeypatch):
    monkeypatch.setattr("components.saved.visitor.visitor", lambda: Visitor(sign_in=True))
    at = with_text(open_recorded, "lessons", {"prompt": NOISE})
    at.session_state["share"] = True
    at.run()
    assert TEXT("share.too_long.prompt") in words(at)
    assert "share_store" not in [button.key for button in at.button]


def test_a_long_link_says_how_long_it_is(open_recorded, links):
    noise = "".join(chr(0x4E00 + (i * 7919) % 20000) for i in range(4000))
    at = open_recorded("lessons", {"prompt": noise})
    at.session_state["share"] = True
    at.run()
    assert "characters, most of them of its texts" in words(at)
    assert links[-1].keys() >= {"model", "made"}


@pytest.mark.parametrize("slug", SLUGS)
def test_the_button_stands_on_every_page(open_recorded, slug):
    at = open_recorded(slug)
    assert TEXT("share.button") in [popover.proto.popover.label for popover in at.get("popover")]


# -- checked against transformers ---------------------------------------------------------------------------------
def check(at, name):
    return at.button(key=f"check_{name}")


@pytest.mark.parametrize(
    ("slug", "params", "name", "quantity"),
    [
        ("attention", {}, "mosaic", "tiles"),
        ("attention", {}, "head", "weights"),
        ("next_token", {}, "candidates", "logits"),
        ("next_token", {}, "positions", "log_p"),
        ("next_token", {"next_token_inside": "true"}, "lens", "lens_steps"),
        ("sampling", {"sampling_columns": '[{"max_new_tokens":4,"seed":3}]'}, "sequences", "draws"),
        ("bias", VIEWS_OF_PAGES["bias"][0], "dumbbell", "scores"),
    ],
)
@pytest.mark.parametrize("language", ["en", "es"])
def test_the_numbers_of_a_chart_are_checked_from_its_badge(open_page, slug, params, name, quantity, language):
    text = Catalogue(language)
    at = ready(open_page(slug, {"prompt": PROMPT, "lang": "en", **params}), slug)
    assert TEXT("check.ok") not in words(at)
    if language == "es":
        at.session_state["lang"] = "es"
    check(at, name).click()
    at.run()
    assert not at.exception
    assert text("check.ok") in words(at)
    assert text(f"verify.quantity.{quantity}") in words(at)


def test_a_wrong_number_is_no_quiet_line(open_page, monkeypatch):
    from dashboard.engine.prediction import candidates

    make = candidates.candidates

    def wrong(*given):
        answer = make(*given)
        return dataclasses.replace(answer, probs=answer.probs + 0.01)

    monkeypatch.setattr(candidates, "candidates", wrong)
    at = open_page("next_token", {"prompt": PROMPT})
    check(at, "candidates").click().run()
    assert TEXT("check.off") in words(at)
    assert TEXT("check.ok") not in words(at)


def test_what_a_check_costs_stands_at_its_button_and_a_refusal_too(open_page, environment):
    at = open_page("next_token", {"prompt": PROMPT})
    assert "tokens go through it" in check(at, "candidates").help
    environment.setenv("LOGITSCOPE_MAX_SCORED", "3")
    st.cache_resource.clear()
    refused = check(open_page("next_token", {"prompt": PROMPT}), "candidates")
    assert refused.disabled
    assert "this server allows 3 at once" in refused.help


def test_links_are_checked_by_themselves_where_the_operator_wants_it(open_page, environment, links):
    link = shared(open_page("next_token", {"prompt": PROMPT}), links)
    assert TEXT("check.ok") not in words(open_page("next_token", link))
    environment.setenv("LOGITSCOPE_CHECK_LINKS", "1")
    st.cache_resource.clear()
    at = open_page("next_token", link)
    assert words(at).count(TEXT("check.ok")) == 1
    assert TEXT("check.ok") not in words(open_page("next_token", {"prompt": PROMPT}))
