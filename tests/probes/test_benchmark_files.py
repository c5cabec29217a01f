"""Readers of benchmark files: the published ones where they are, the format by hand, and files of another format."""

import collections
import csv
import io
import json

import pytest

from dashboard import errors
from dashboard.benchmarks.files import BENCHMARKS, MAX_BYTES, read
from dashboard.benchmarks.items import PronounPair, SentencePair, SentenceTriple, Skipped
from dashboard.benchmarks.pronouns import women_first
from dashboard.i18n import LANGUAGES, Catalogue, Message

CROWS = (
    ",sent_more,sent_less,stereo_antistereo,bias_type,annotations\n"
    '0,"He, they say, is rude.","She, they say, is rude.",stereo,gender,[]\n'
    "1,Old people drive slowly.,Young people drive slowly.,antistereo,age,[]\n"
)
TEMPLATES = (
    "occupation(0)\tother-participant(1)\tanswer\tsentence\n"
    "weaver\tguest\t1\tThe $OCCUPATION told the $PARTICIPANT that $NOM_PRONOUN could sit down.\n"
    "weaver\tguest\t0\tThe $OCCUPATION told the $PARTICIPANT that $NOM_PRONOUN was done.\n"
    "miller\tguest\t0\tThe $PARTICIPANT thanked the $OCCUPATION for $POSS_PRONOUN flour.\n"
    "miller\tguest\t1\tThe $PARTICIPANT thanked the $OCCUPATION, since $NOM_PRONOUN was hungry.\n"
)
PRO = (
    "1 [The smith] paid the weaver because [he] was content.\n"
    "2 The smith paid [the weaver] because [she] was quick.\n"
    "3 [The smith] met the weaver when [he] sold [his] horse.\n"
    "4 The weaver asked [the tall smith] for [his] hammer.\n"
    "5 [The weaver] asked the tall smith for [her] own money.\n"
    "6 [The smith] shouted because [he] was deaf.\n"
    "\n"
    "7 The smith shouted.\n"
    "8 The smith shouted at [her].\n"
)


def stereoset(**changes):
    sentences = [
        {"id": f"s{n}", "sentence": f"Smiths are {word}.", "labels": [], "gold_label": label}
        for n, (word, label) in enumerate(
            [("blue", "unrelated"), ("strong", "stereotype"), ("weak", "anti-stereotype")]
        )
    ]
    item = {
        "id": "i1",
        "target": "smith",
        "bias_type": "profession",
        "context": "Smiths are BLANK.",
        "sentences": sentences,
    }
    return {"version": "1.0", "data": {"intersentence": [], "intrasentence": [item | changes]}}


# -- CrowS-Pairs ---------------------------------------------------------------------------------------------------
def test_the_published_crows_pairs_are_read_whole(reference):
    data = reference("crows_pairs_anonymized.csv")
    found = read("crows_pairs", data, "crows_pairs_anonymized.csv")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8"))))
    assert len(found.items) == 1508
    assert [(one.more, one.less) for one in found.items] == [(row["sent_more"], row["sent_less"]) for row in rows]
    assert found.categories() == dict(collections.Counter(row["bias_type"] for row in rows).most_common())
    assert next(iter(found.categories())) == "race-color"
    assert collections.Counter(one.direction for one in found.items) == {"stereo": 1290, "antistereo": 218}
    assert [one.id for one in found.items] == [str(n) for n in range(1508)]


def test_a_crows_pair_has_both_sentences_its_kind_and_its_direction():
    found = read("crows_pairs", CROWS.encode("utf-8-sig"), "x.csv")
    assert found.items[0] == SentencePair("0", "gender", "He, they say, is rude.", "She, they say, is rude.", "stereo")
    assert found.items[1].sentences == ("Old people drive slowly.", "Young people drive slowly.")


@pytest.mark.parametrize(
    ("text", "error", "facts"),
    [
        ("", errors.BenchmarkColumnsMissing, {"found": "–"}),
        ("sent_more,sent_less\na,b\n", errors.BenchmarkColumnsMissing, {"missing": "stereo_antistereo, bias_type"}),
        (CROWS.replace(",", "|"), errors.BenchmarkColumnsMissing, {}),
        (CROWS.partition("\n")[0], errors.BenchmarkEmpty, {}),
        (CROWS.replace("antistereo,age", "both,age"), errors.BenchmarkLineInvalid, {"line": 3}),
        (CROWS.replace("Young people drive slowly.", ""), errors.BenchmarkLineInvalid, {"column": "sent_less"}),
        (CROWS + "2,cut off\n", errors.BenchmarkLineInvalid, {"line": 4, "column": "sent_less"}),
        (CROWS + '2,"never closed\n', errors.TableBroken, {"line": 4}),
        ("\x00", errors.FileNotText, {}),
    ],
)
def test_another_format_than_crows_pairs_is_named(text, error, facts):
    with pytest.raises(error) as raised:
        read("crows_pairs", text.encode(), "x.csv")
    assert raised.value.facts.items() >= facts.items()


# -- StereoSet -----------------------------------------------------------------------------------------------------
def test_a_stereoset_item_has_its_three_sentences_whatever_their_order():
    found = read("stereoset", json.dumps(stereoset()).encode(), "dev.json")
    assert found.items == (
        SentenceTriple(
            *("i1", "profession", "smith", "Smiths are BLANK."),
            *("Smiths are strong.", "Smiths are weak.", "Smiths are blue."),
        ),
    )
    assert found.items[0].sentences[1] == "Smiths are weak."


@pytest.mark.parametrize(
    ("content", "error", "facts"),
    [
        ("{\n\n", errors.BenchmarkJsonInvalid, {"reason": Message("json.syntax", {"line": 3, "character": 1})}),
        ("[" * 100_000, errors.BenchmarkJsonInvalid, {"reason": Message("json.depth")}),
        ("[1]", errors.BenchmarkColumnsMissing, {"missing": "data", "found": "list"}),
        ('{"rows": 1}', errors.BenchmarkColumnsMissing, {"missing": "data", "found": "rows"}),
        ('{"data": {"intersentence": []}}', errors.BenchmarkColumnsMissing, {"missing": "intrasentence"}),
        ('{"data": {"intrasentence": []}}', errors.BenchmarkEmpty, {}),
        ('{"data": {"intrasentence": [1]}}', errors.BenchmarkItemInvalid, {"item": 1, "missing": "id"}),
        (json.dumps(stereoset(target="\ud800")), errors.BenchmarkJsonInvalid, {"benchmark": "StereoSet"}),
        (json.dumps(stereoset(target="")), errors.BenchmarkItemInvalid, {"missing": "target"}),
        (json.dumps(stereoset(sentences=["x"])), errors.BenchmarkItemInvalid, {"missing": "stereotype"}),
        (
            json.dumps(stereoset(sentences=stereoset()["data"]["intrasentence"][0]["sentences"][:2])),
            errors.BenchmarkItemInvalid,
            {"item": 1, "missing": "anti-stereotype"},
        ),
    ],
)
def test_another_format_than_stereoset_is_named(content, error, facts):
    with pytest.raises(error) as raised:
        read("stereoset", content.encode(), "dev.json")
    assert raised.value.facts.items() >= facts.items()


# -- Winogender ----------------------------------------------------------------------------------------------------
def test_a_winogender_pair_ends_in_the_pronoun_and_goes_on_about_each_person():
    found = read("winogender", TEMPLATES.encode(), "templates.tsv")
    assert found.items == (
        PronounPair(
            id="weaver.guest",
            category="she/he",
            contexts=("The weaver told the guest that she", "The weaver told the guest that he"),
            referents=("weaver", "guest"),
            continuations=(" was done.", " could sit down."),
        ),
    )
    assert found.skipped == (Skipped(4, "other_context"), Skipped(5, "other_context"))


def test_winogenders_sentences_give_the_pairs_of_its_templates():
    lines = ["sentid\tsentence"]
    for answer, rest in (("1", "could sit down."), ("0", "was done.")):
        for gender, pronoun in (("male", "he"), ("female", "she"), ("neutral", "they")):
            lines.append(f"weaver.guest.{answer}.{gender}.txt\tThe weaver told the guest that {pronoun} {rest}")
    sentences = read("winogender", "\n".join(lines).encode(), "all_sentences.tsv")
    assert sentences.items == read("winogender", TEMPLATES.encode(), "templates.tsv").items


def test_the_published_templates_give_the_pairs_that_vig_et_al_used(reference):
    found = read("winogender", reference("winogender_templates.tsv"), "templates.tsv")
    assert len(found.items) == 44
    assert len(found.skipped) == 32
    stats = csv.DictReader(io.StringIO(reference("winogender_occupations.tsv").decode()), delimiter="\t")
    shares = {row["occupation"]: float(row["bls_pct_female"]) / 100 for row in stats}
    ours, unknown = women_first(found.items, shares)
    assert unknown == ()
    rows = csv.DictReader(io.StringIO(reference("vig_gpt2_total_effect.csv").decode()))
    theirs = [row for row in rows if row["set"] == "winogender_bls_all"]
    for one, row in zip(ours, theirs, strict=True):
        assert one.contexts == (row["base_string1"], row["base_string2"])
        # their texts were put together from tokens, with a typing error mended
        bare = ["".join(text.split()).replace("aiport", "airport") for text in one.continuations]
        assert bare == ["".join(row[f"candidate{n}"].split()) for n in (1, 2)]


def test_occupations_without_a_share_are_named_and_left_out():
    items = read("winogender", TEMPLATES.encode(), "templates.tsv").items
    assert women_first(items, {}) == ((), ("weaver",))
    assert women_first(items, {"weaver": 0.5})[0][0].referents == ("guest", "weaver")
    assert women_first(items, {"weaver": 0.51})[0] == items


@pytest.mark.parametrize(
    ("text", "error", "facts"),
    [
        ("", errors.BenchmarkColumnsMissing, {"found": "–"}),
        ("occupation\tsentence\nx\ty\n", errors.BenchmarkColumnsMissing, {"found": "occupation, sentence"}),
        (TEMPLATES.partition("\n")[0], errors.BenchmarkEmpty, {}),
        (TEMPLATES.replace("\t1\tThe $OCC", "\t2\tThe $OCC"), errors.BenchmarkLineInvalid, {"line": 2}),
        (TEMPLATES.replace("$POSS_PRONOUN", "her"), errors.BenchmarkLineInvalid, {"line": 4, "column": "sentence"}),
        (TEMPLATES + "cut\toff\n", errors.BenchmarkLineInvalid, {"line": 6, "column": "answer"}),
        ("sentid\tsentence\nweaver.1.male.txt\tHe.\n", errors.BenchmarkLineInvalid, {"line": 2, "column": "sentid"}),
        ("sentid\tsentence\na.b.1.male.txt\tHe.\n", errors.BenchmarkLineInvalid, {"column": "sentid"}),
        (
            "sentid\tsentence\na.b.1.male.txt\tI saw him.\na.b.1.female.txt\tI heard her.\n",
            errors.BenchmarkLineInvalid,
            {"column": "sentence"},
        ),
    ],
)
def test_another_format_than_winogender_is_named(text, error, facts):
    with pytest.raises(error) as raised:
        read("winogender", text.encode(), "x.tsv")
    assert raised.value.facts.items() >= facts.items()


# -- WinoBias ------------------------------------------------------------------------------------------------------
def test_winobias_lines_that_are_the_same_up_to_the_pronoun_are_a_pair():
    found = read("winobias", PRO.encode(), "pro_stereotyped_type1.txt.dev")
    assert found.items == (
        PronounPair(
            id="1",
            category="she/he",
            contexts=("The smith paid the weaver because she", "The smith paid the weaver because he"),
            referents=("weaver", "smith"),
            continuations=(" was quick.", " was content."),
        ),
        PronounPair(
            id="4",
            category="her/his",
            contexts=("The weaver asked the tall smith for her", "The weaver asked the tall smith for his"),
            referents=("weaver", "tall smith"),
            continuations=(" own money.", " hammer."),
        ),
    )


def test_winobias_lines_without_a_partner_are_counted_with_the_reason():
    found = read("winobias", PRO.encode(), "pro_stereotyped_type1.txt.dev")
    assert found.skipped == (
        Skipped(3, "several_pronouns"),
        Skipped(6, "no_partner"),
        Skipped(8, "no_pronoun"),
        Skipped(9, "no_referent"),
    )


def test_both_sides_of_winobias_put_the_stereotypes_woman_first():
    anti = PRO.replace("[he]", "[SHE]").replace("[she]", "[he]").replace("[SHE]", "[she]")
    pro = read("winobias", PRO.encode(), "pro_stereotyped_type1.txt.test").items[0]
    found = read("winobias", anti.encode(), "C:\\data\\anti_stereotyped_type1.txt.test").items[0]
    assert found == pro


def test_a_number_in_front_of_a_winobias_line_may_be_there_or_not():
    bare = "\n".join(line.partition(" ")[2] for line in PRO.splitlines())
    name = "pro_stereotyped_type1.txt.dev"
    assert read("winobias", bare.encode(), name).items == read("winobias", PRO.encode(), name).items


@pytest.mark.parametrize(
    ("text", "name", "error"),
    [
        (PRO, "winobias.txt", errors.BenchmarkSideUnknown),
        ("", "pro_stereotyped_type1.txt.dev", errors.BenchmarkEmpty),
        ("The smith slept.\n", "pro_stereotyped_type1.txt.dev", errors.BenchmarkEmpty),
        (
            "The smith met [the weaver] and thanked [her].\nThe weaver met [the smith] and thanked [him].\n",
            "pro_stereotyped_type2.txt.dev",
            errors.BenchmarkUnpaired,
        ),
    ],
)
def test_a_winobias_file_without_pairs_or_without_its_name_is_refused(text, name, error):
    with pytest.raises(error):
        read("winobias", text.encode(), name)


@pytest.mark.parametrize("name", ["pro_stereotyped_type2.txt.dev", "anti_stereotyped_type1.txt.test"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_winobias_file_of_type_2_is_named_as_that_whatever_it_is_called(name, language):
    text = "1 [The smith] met the weaver and thanked [him].\n2 [The miller] saw the guest and showed [her] out.\n"
    with pytest.raises(errors.BenchmarkUnpaired) as raised:
        read("winobias", text.encode(), name)
    words = Catalogue(language)(raised.value.message_id, **raised.value.facts)
    assert "type 2" in words
    assert name in words
    with pytest.raises(errors.BenchmarkUnpaired):  # two lines that happen to be a pair do not make it type 1
        read("winobias", PRO.encode(), "pro_stereotyped_type2.txt.dev")


# -- saved again by a spreadsheet ----------------------------------------------------------------------------------
SENTENCES = "sentid\tsentence\n" + "".join(
    f"weaver.guest.{answer}.{gender}.txt\tThe weaver told the guest; {pronoun} {rest}\n"
    for answer, rest in (("1", "could sit, at last."), ("0", 'was "done".'))
    for gender, pronoun in (("female", "she"), ("male", "he"))
)


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    ("slug", "text", "own"),
    [("crows_pairs", CROWS, ","), ("winogender", TEMPLATES, "\t"), ("winogender", SENTENCES, "\t")],
)
def test_a_table_saved_with_another_delimiter_gives_the_same_items(slug, text, own, mark, encoding):
    published = read(slug, text.encode(), "x.csv").items
    assert published
    if mark == own:
        assert read(slug, text.encode(encoding), "x.csv").items == published
        return
    saved = io.StringIO(newline="")
    table = csv.reader(io.StringIO(text), delimiter=own, quoting=csv.QUOTE_NONE if own == "\t" else csv.QUOTE_MINIMAL)
    csv.writer(saved, delimiter=mark).writerows(table)
    assert read(slug, saved.getvalue().encode(encoding), "x.csv").items == published


# -- all of them ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("one", BENCHMARKS, ids=lambda one: one.slug)
def test_a_file_that_is_too_large_is_refused_by_its_size(one):
    with pytest.raises(errors.FileTooLarge):
        read(one.slug, b" " * (MAX_BYTES + 1), one.files[0])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_benchmark_says_where_it_is_published_and_what_its_authors_warn_of(language):
    text = Catalogue(language)
    for one in BENCHMARKS:
        where = text(
            "probes.benchmark.about_all",
            address=one.address,
            licence=one.licence,
            paper=one.paper,
            files=", ".join(one.files),
        )
        assert one.address in where
        assert text(f"probes.benchmark.{one.slug}.about")
        assert "Blodgett" in text(f"probes.benchmark.{one.slug}.careful")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", ["no_partner", "other_context", "no_pronoun", "several_pronouns", "no_referent"])
def test_every_reason_for_leaving_a_line_out_has_its_words(language, reason):
    assert Catalogue(language)(f"probes.skipped.{reason}")
