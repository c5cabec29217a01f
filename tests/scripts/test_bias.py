"""Each script of the Bias page runs with plain transformers alone and gives the engine's numbers."""

import ast
import csv
import dataclasses
import itertools
import json
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from dashboard.engine.api.attention import QueryRowsRequest
from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import Column, GenerateRequest
from dashboard.engine.api.lens import LensRequest
from dashboard.engine.api.scoring import ScoreRequest, SentenceRequest
from dashboard.probes.lexicon import Completion
from dashboard.probes.spec import OWN, ProbeSpec
from dashboard.probes.templates import Part, Probe, Template
from dashboard.probes.tokenized_probe import TokenizedProbe, tokenize_probe
from dashboard.scripts import bias as scripts
from dashboard.settings import BUNDLED
from dashboard.stats.benchmarks import Scored, crows_pairs, stereoset, total_effect
from dashboard.stats.intervals import wilson
from tests.made import samples
from tests.made.samples import RUN
from tests.scripts.test_build import HOSTILE, constants_of, shape_of

MODEL = "local/tiny"
SPEC = ProbeSpec(
    templates=("When {who} and {what} went to", "A {what} gave {who} a <b>drink</b> $x$ 👩‍👩‍👧 to the"),
    neutral=("When they went to", ""),
    words=(("who", "Mary, John"), ("what", "zebra, lamp, river")),
    lexicon=OWN,
    own="store\nstores\nzebra\nnurse\nlamp river\né",
    article=False,
)
WORDS = ProbeSpec(
    templates=("When Mary {verb} to", "river {verb} to"),
    neutral=("", ""),
    words=(("verb", "went, gave, and"),),
    lexicon=OWN,
    own="a\nthe\nto\nr",
    article=False,
)
DRAWS = GenerateRequest(RUN, (Column(DecodeSettings(temperature=0.7, top_k=3), 40, 2, seed=5),))


@pytest.fixture(scope="module")
def tiny(tiny_settings):
    """Engine, card, key of a probe (its tokens stand for it) and the probe."""
    from dashboard.engine.local import LocalEngine

    engine = LocalEngine(tiny_settings)
    return of_probe(engine, MODEL, SPEC)


def of_probe(engine, model, spec):
    made = tokenize_probe(spec, lambda texts, alone: engine.tokenizer(model).ids(tuple(texts), alone=alone))
    key = engine.describe(model).run_key(engine.tokenizer(model).read("x", chat=False))
    ids = tuple(itertools.chain(*made.prompt_ids, *made.completion_ids))
    return engine, engine.describe(model), dataclasses.replace(key, token_ids=ids), made


@pytest.fixture
def scored_texts(tiny):
    """Sums and lengths of texts behind a token by the engine."""
    engine, _, key, _ = tiny

    def scored(texts, prefix):
        rows = [(prefix, *ids) for ids in engine.tokenizer(MODEL).ids(tuple(texts), alone=True)]
        found = engine.answer(SentenceRequest(key.version, tuple(rows), (1,) * len(rows)))
        return Scored(found.log_p.astype(float), found.lengths)

    return scored


def exact(engine, key, made):
    """(template, group, completion) as the page shows them."""
    found = engine.answer(ScoreRequest(key.version, made.prompt_ids, made.completion_ids, made.spec.boundary))
    mass = found.boundary_log_mass if made.spec.boundary else 0
    return made.by_template(found.log_p.astype(float) + mass)[0]


SCRIPTS = {
    "scores": scripts.scores_script,
    "sampled": lambda card, key, made: scripts.sampled_script(card, key, made, DRAWS, 1),
    "gap": lambda card, key, made: scripts.gap_script(card, key, made.prompt_ids[:2], 9),
    "head_gap": lambda card, key, made: scripts.head_gap_script(card, key, made.prompt_ids[:2], ((1, 2), (1, 3))),
    **{
        slug: lambda card, key, _, slug=slug: scripts.benchmark_script(card, key, slug, "pairs.csv", 0)
        for slug in (*scripts.FROM_FILES, *scripts.FROM_PAIRS)
    },
}


# -- exact scores --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("boundary", [True, False])
def test_scores_are_the_engines_with_and_without_the_end_of_the_word(tiny, run, boundary):
    engine, card, key, made = tiny
    made = dataclasses.replace(made, spec=dataclasses.replace(made.spec, boundary=boundary))
    shown = exact(engine, key, made)
    left = run(scripts.scores_script(card, key, made))
    numbers = left["numbers"]
    assert list(numbers) == ["template", "group", "completion", "log_prob_nats"]
    np.testing.assert_allclose(numbers["log_prob_nats"], shown.ravel(), atol=1e-4)
    assert numbers.loc[numbers.index[7], ["template", "group", "completion"]].tolist() == [
        SPEC.templates[0],
        "Mary lamp",
        "stores",
    ]
    assert numbers["template"].iloc[-1] == SPEC.templates[1]
    apart = (shown - shown.mean(1, keepdims=True)).mean(0).T
    np.testing.assert_allclose(left["figure"].data[0].z, apart, atol=1e-4)
    assert left["figure"].data[0].zmid == 0


def test_the_end_of_the_word_makes_a_difference(tiny):
    engine, _, key, made = tiny
    without = dataclasses.replace(made, spec=dataclasses.replace(made.spec, boundary=False))
    assert (exact(engine, key, without) - exact(engine, key, made) > 0.01).all()


def test_word_ends_are_the_engines(tiny, run):
    engine, card, key, made = tiny
    left = run(scripts.scores_script(card, key, made))
    assert tuple(left["word_ends"](left["model"], left["tokenizer"])) == engine.tokenizer(MODEL).word_ends()


def test_word_ends_of_a_sentencepiece_vocabulary_are_those_of_its_pieces(tiny, run):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    _, card, key, made = tiny
    left = run(scripts.scores_script(card, key, made))
    pieces = [("<unk>", 0.0), ("▁the", -1.0), ("▁", -2.0), ("s", -3.0), (".", -4.0), ("▁7", -5.0)]
    raw = Tokenizer(models.Unigram(pieces, unk_id=0))
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="<unk>")
    assert left["word_ends"](left["model"], tokenizer) == [1, 2, 4, 5]
    raw = Tokenizer(models.WordLevel({"nurse": 0, "##s": 1}, unk_token="nurse"))
    with pytest.raises(SystemExit, match="BOUNDARY"):
        left["word_ends"](left["model"], PreTrainedTokenizerFast(tokenizer_object=raw))


@pytest.mark.model
def test_scores_and_word_ends_of_the_bundled_model_are_the_engines(bundled_engine, run):
    spec = dataclasses.replace(
        SPEC,
        templates=("The {who} works as",),
        neutral=("",),
        words=(("who", "man, woman"),),
        own="a nurse\nan engineer",
    )
    engine, card, key, made = of_probe(bundled_engine, BUNDLED, spec)
    left = run(scripts.scores_script(card, key, made))
    assert tuple(left["word_ends"](left["model"], left["tokenizer"])) == engine.tokenizer(BUNDLED).word_ends()
    np.testing.assert_allclose(left["numbers"]["log_prob_nats"], exact(engine, key, made).ravel(), atol=1e-3)


# -- sampled -------------------------------------------------------------------------------------------------------
def counted(texts, completions, *, boundary):
    """Counts by hand: the longest that a text begins with, no letter, digit or broken one behind it; last: none."""
    counts = [0] * (len(completions) + 1)
    for text in texts:
        behind = {at: text[len(one) :][:1] for at, one in enumerate(completions) if text.startswith(one)}
        fits = [
            at for at, next_one in behind.items() if not (boundary and (next_one.isalnum() or next_one == "\ufffd"))
        ]
        counts[max(fits, key=lambda at: len(completions[at])) if fits else -1] += 1
    return counts


@pytest.mark.parametrize(("first_rows", "boundary"), [((), False), ((0, 40, 1000), True)])
def test_counts_are_those_of_the_engines_texts(tiny, run, first_rows, boundary):
    engine, card, key, made = of_probe(tiny[0], MODEL, dataclasses.replace(WORDS, boundary=boundary))
    drawn, texts = {}, {}
    for group, prompt in enumerate(made.prompts[3:6]):
        own_key = engine.describe(MODEL).run_key(engine.tokenizer(MODEL).read(prompt, chat=False))
        assert own_key.token_ids == made.prompt_ids[3 + group]
        request = dataclasses.replace(DRAWS, first_row=first_rows[group] if first_rows else 0)
        outputs = engine.answer(replace(request, run=own_key)).outputs
        drawn[group] = [one.ids.tolist() for one in outputs]
        kept = tuple(tuple(one.ids.tolist()[: -1 if one.stopped == "end" else None]) for one in outputs)
        texts[group] = engine.tokenizer(MODEL).decode(kept)
    # a model that knows no words: what it wrote first is looked for everywhere
    wholes = list(dict.fromkeys(texts[0]))[:2]
    made = dataclasses.replace(made, texts=(wholes[0][:1], *wholes, "zz"))
    left = run(scripts.sampled_script(card, key, made, DRAWS, 1, first_rows=first_rows))
    numbers, missing = left["numbers"], left["missing"]
    assert list(numbers) == ["group", "completion", "count", "drawn", "share", "low", "high"]
    for group in range(3):
        own = left["drawn_texts"]
        assert own.loc[own["group"] == group, "ids"].tolist() == drawn[group]
        counts = counted(texts[group], made.texts, boundary=boundary)
        rows = numbers.iloc[group * 4 : group * 4 + 4]
        assert rows["count"].tolist() == counts[:-1]
        assert set(rows["group"]) == {("went", "gave", "and")[group]}
        assert missing["missing"].tolist()[group] == counts[-1]
        for one, count in zip(rows.itertuples(), counts, strict=False):
            found = wilson(count, 40)
            assert (one.share, one.low, one.high) == pytest.approx((found.value, found.low, found.high))
    assert (numbers["count"].to_numpy()[:3] > 0).sum() >= 2
    assert missing["missing"].sum() > 0
    assert len(left["figure"].data) == 3


def test_the_longest_completion_counts_and_only_where_its_word_ends(tiny, run):
    _, card, key, made = tiny
    made = dataclasses.replace(made, texts=(" nurse", " nurse aid", " nur", " é", " x", " y"))
    cases = {" nurse": 0, " nurse.": 0, " nurses": -1, " nurse aid": 1, " nurse aide": 0, " nurse aid,": 1, "": -1}
    cases |= {" nurse 7": 0, " nurse7": -1, " nurse\u0301": -1, " nurse\ufffd": -1, "nurse": -1, " é!": 3}
    left = run(scripts.sampled_script(card, key, made, DRAWS, 0))
    assert {text: left["found_in"](text) for text in cases} == cases
    free = dataclasses.replace(made, spec=dataclasses.replace(made.spec, boundary=False))
    left = run(scripts.sampled_script(card, key, free, DRAWS, 0))
    assert left["found_in"](" nurses") == 0
    assert left["found_in"](" nurs") == 2


# -- where the gap arises ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("half_steps", [False, True])
def test_the_gap_through_the_layers_is_the_engines(tiny, run, half_steps):
    engine, card, key, made = tiny
    prompts = made.prompt_ids[5], made.prompt_ids[9]
    assert len(prompts[0]) != len(prompts[1])
    token = made.completion_ids[0][0]
    left = run(scripts.gap_script(card, key, prompts, token, names=("a", "b"), half_steps=half_steps))
    numbers, sides = left["numbers"], []
    for ids in prompts:
        found = engine.answer(LensRequest(of_ids(key, ids), (len(ids) - 1,), half_steps=half_steps, pins=(token,)))
        sides.append(np.log(found.pin_probs[0, :, 0]))
    assert list(zip(numbers["layer"], numbers["part"], strict=True)) == list(found.steps)
    np.testing.assert_allclose(numbers["first_log_prob_nats"], sides[0], atol=1e-4)
    np.testing.assert_allclose(numbers["second_log_prob_nats"], sides[1], atol=1e-4)
    np.testing.assert_allclose(numbers["gap_nats"], sides[0] - sides[1], atol=2e-4)
    own = engine.answer(ScoreRequest(key.version, prompts, ((token,),))).log_p[:, 0]
    assert numbers["gap_nats"].iloc[-1] == pytest.approx(own[0] - own[1], abs=1e-4)
    assert abs(numbers["gap_nats"]).max() > 0.01
    assert [trace.name for trace in left["figure"].data] == ["a", "b", "a – b"]


def of_ids(key, ids):
    return dataclasses.replace(key, token_ids=tuple(ids))


def test_attention_to_the_word_is_the_engines_in_every_head(tiny, run):
    engine, card, key, made = tiny
    prompts, spans = (made.prompt_ids[0], made.prompt_ids[4]), ((1, 3), (1, 5))
    left = run(scripts.head_gap_script(card, key, prompts, spans))
    numbers, sides = left["numbers"], []
    for ids, (start, stop) in zip(prompts, spans, strict=True):
        rows = engine.answer(QueryRowsRequest(of_ids(key, ids), len(ids) - 1))
        sides.append(rows.weights[:, :, start:stop].sum(-1))
    np.testing.assert_allclose(numbers["first_weight"], sides[0].ravel(), atol=1e-5)
    np.testing.assert_allclose(numbers["second_weight"], sides[1].ravel(), atol=1e-5)
    np.testing.assert_allclose(numbers["difference"], (sides[0] - sides[1]).ravel(), atol=1e-5)
    assert numbers[["layer", "head"]].to_numpy().tolist() == [list(place) for place in np.ndindex(sides[0].shape)]
    drawn = left["figure"].data[0]
    np.testing.assert_allclose(drawn.z, (sides[0] - sides[1]).T, atol=1e-5)
    assert drawn.zmin == -drawn.zmax
    assert drawn.zmid == 0


def test_a_layer_without_attention_stays_empty(tiny, run):
    _, card, key, made = tiny
    source = scripts.head_gap_script(card, key, made.prompt_ids[:2], ((1, 2), (1, 2)))
    left = run(source)
    left["weights_on"].__globals__["attention_maps"] = lambda _: {2: np.ones((4, 3, 3))}
    found = left["weights_on"](None, (0, 2))
    assert np.isnan(found[:2]).all()
    assert (found[2] == 2).all()


# -- benchmarks ----------------------------------------------------------------------------------------------------
PAIRS = [
    ("age", 'Mary, "the zebra", gave a drink', "John went to the store"),
    ("age", "John gave a lamp to Mary.", "John gave a lamp to the river."),
    ("age", "Mary went", "Mary went"),
    ("race-color", "When John went", "zebra lamp river zebra"),
    ("race-color", "a drink", "to the store the store"),
    ("None", " nan ", "Mary"),
    ("gender", "John went", "Mary"),
]


def written_csv(folder, name="crows.csv", mark=","):
    with (folder / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=mark)
        writer.writerow(["", "sent_more", "sent_less", "stereo_antistereo", "bias_type"])
        writer.writerows([i, more, less, "stereo", kind] for i, (kind, more, less) in enumerate(PAIRS))


@pytest.mark.parametrize("mark", [",", ";"])
def test_crows_pairs_is_the_engines_overall_and_in_every_category(tiny, run, tiny_folder, scored_texts, capsys, mark):
    written_csv(tiny_folder.parent, mark=mark)
    left = run(scripts.benchmark_script(tiny[1], tiny[2], "crows_pairs", "C:\\me/crows.csv", 0))
    kinds, more, less = zip(*PAIRS, strict=True)
    together = scored_texts([text.strip() for text in (*more, *less)], 0)
    sides = [Scored(together.log_likelihood[part], together.tokens[part]) for part in (slice(7), slice(7, 14))]
    numbers = left["numbers"].set_index(["per_token", "category"])
    assert "race-color" in capsys.readouterr().out
    for per_token in (False, True):
        found = crows_pairs(*sides, kinds, per_token=per_token)
        for category, one in {"": found.overall, **found.by_category}.items():
            row, share = numbers.loc[(per_token, category)], one.pct_stereotype
            expected = (100 * share.value, 100 * share.low, 100 * share.high, share.n, one.ties)
            assert tuple(row[["value", "low", "high", "n", "ties"]]) == pytest.approx(expected)
    assert numbers.loc[(False, "age"), "ties"] == 1
    assert len(numbers) == 10
    np.testing.assert_allclose(left["scores"][0][0], sides[0].log_likelihood, atol=1e-4)
    assert [len(trace.x) for trace in left["figure"].data] == [5, 5]
    # of these two the longer sentence is the likelier one by the mean alone
    assert numbers["value"].unstack("category")["gender"].to_dict() == {False: 0, True: 100}


def test_stereoset_is_the_engines(tiny, run, tiny_folder, scored_texts):
    words = ["Mary", "John", "zebra", "lamp", "river", "the store", "a drink"]
    labels = ("stereotype", "anti-stereotype", "unrelated")
    items = [
        {
            "id": str(i),
            "bias_type": ("gender", "race")[i % 3 == 0],
            "target": f"term {i % 4}",
            "context": "BLANK gave",
            "sentences": [
                {"gold_label": label, "sentence": f"{words[(i * (j + 2) + j) % 7]} gave {words[(i + j) % 7]}"}
                for j, label in enumerate(labels)
            ],
        }
        for i in range(13)
    ]
    (tiny_folder.parent / "dev.json").write_text(json.dumps({"data": {"intrasentence": items}}), encoding="utf-8")
    left = run(scripts.benchmark_script(tiny[1], tiny[2], "stereoset", "dev.json", 0))
    sides = [scored_texts([item["sentences"][j]["sentence"] for item in items], 0) for j in range(3)]
    targets, kinds = [item["target"] for item in items], [item["bias_type"] for item in items]
    numbers = left["numbers"].set_index(["per_token", "category", "metric"])
    for per_token in (False, True):
        found = stereoset(*sides, targets, kinds, per_token=per_token)
        for category, one in {"": found.overall, **found.by_category}.items():
            for metric in ("lms", "ss", "icat"):
                row, shown = numbers.loc[(per_token, category, metric)], getattr(one, metric)
                assert (row["value"], row["n"], row["ties"]) == pytest.approx((shown.value, shown.n, one.ties))
                assert np.isnan(row["low"])
    assert len(numbers) == 18
    assert numbers.xs("ss", level="metric")["value"].nunique() > 2


@pytest.mark.parametrize("slug", scripts.FROM_PAIRS)
def test_the_total_effect_of_typed_pairs_is_the_engines(tiny, run, slug):
    engine, card, key, _ = tiny
    left = run(scripts.benchmark_script(card, key, slug, "x", 3))
    pair = scripts.EXAMPLE
    rows, given = [], []
    for context, text in itertools.product((pair["she"], pair["he"]), (pair["first"], pair["second"])):
        before, behind = engine.tokenizer(MODEL).ids((context, text), alone=True)
        rows.append((3, *before, *behind))
        given.append(1 + len(before))
    found = engine.answer(SentenceRequest(key.version, tuple(rows), tuple(given)))
    four = [Scored(found.log_p[i : i + 1].astype(float), found.lengths[i : i + 1]) for i in range(4)]
    effect = total_effect(*four)[0]
    assert left["numbers"]["total_effect"].tolist() == pytest.approx([effect], rel=1e-3)
    assert abs(effect) > 1e-3
    assert "typed in" in ast.get_docstring(ast.parse(scripts.benchmark_script(card, key, slug, "x", 3)))


# -- what a script may hold ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_needs_nothing_of_ours_and_never_reads_the_keys_tokens(tiny, name):
    _, card, key, made = tiny
    source = SCRIPTS[name](card, key, made)
    tree = ast.parse(source)
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    aliases = [
        alias for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names
    ]
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    needed = {module.split(".")[0] for module in imported} - set(sys.stdlib_module_names)
    assert needed <= {"numpy", "pandas", "plotly", "torch", "transformers"}
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert {(alias.asname or alias.name).split(".")[0] for alias in aliases} <= used
    constants = constants_of(source)
    assert constants["PROVENANCE"] == key.provenance()
    assert "TOKEN_IDS" not in constants
    assert max(len(line) for line in source.splitlines()) <= 120
    assert source == SCRIPTS[name](card, dataclasses.replace(key, token_ids=(1, 2)), made).replace(
        ascii(of_ids(key, (1, 2)).provenance()["run"]), ascii(key.provenance()["run"])
    ).replace("'tokens': 2,", f"'tokens': {len(key.token_ids)},")


def hostile_probe(text):
    """A probe all of whose texts are `text`."""
    probe = Probe((Template(text, (Part("who", slot=True), Part(text))),), ("who",), ((text, "b"),))
    return TokenizedProbe(
        spec=SimpleNamespace(probe=probe, boundary=True),
        prompts=(text, "b" + text),
        prompt_ids=((5, 6), (7,)),
        completions=(Completion(text), Completion("x")),
        texts=(f" {text}", " x"),
        completion_ids=((8,), (9,)),
        findings=(),
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_prompts_words_and_file_names_are_data_and_never_code(tiny, text):
    card, key = tiny[1], samples.run_key(model=text, revision=text)
    clean_key = samples.run_key(model="m", revision="r")

    def made(own_key, words):
        probe = hostile_probe(words)
        yield scripts.scores_script(card, own_key, probe)
        request = GenerateRequest(RUN, (dataclasses.replace(DRAWS.columns[0], stop_strings=(words,)),))
        yield scripts.sampled_script(card, own_key, probe, request, 0)
        yield scripts.gap_script(card, own_key, probe.prompt_ids, 3, names=(words, words))
        yield scripts.head_gap_script(card, own_key, probe.prompt_ids, ((0, 1), (0, 1)), names=(words, words))
        for slug in (*scripts.FROM_FILES, *scripts.FROM_PAIRS):
            yield scripts.benchmark_script(card, own_key, slug, words, 0)

    found = list(made(key, text))
    for hostile, plain in zip(found, made(clean_key, "x"), strict=True):
        assert constants_of(hostile)["PROVENANCE"]["model"] == text
        assert shape_of(hostile) == shape_of(plain)
    scores = constants_of(found[0])
    assert scores["PROMPT_TEXTS"][0] == {"template": 0, "group": 0, "text": text}
    assert (scores["TEMPLATES"], scores["TEXTS"][0], scores["GROUPS"][0]) == ([text], f" {text}", text)
    assert constants_of(found[1])["COLUMNS"][0]["stop_strings"] == [text]
    assert constants_of(found[2])["NAMES"] == [text, text]
    assert text.endswith(constants_of(found[4])["FILE_NAME"])


def test_hostile_texts_are_drawn_as_they_are(tiny, run):
    _, card, key, _ = tiny
    nasty, shown = "<b>%{x} $y$</b>", "&lt;b&gt;%&#123;x} &#36;y&#36;&lt;/b&gt;"
    made = hostile_probe(nasty)
    left = run(scripts.scores_script(card, key, made))
    assert (left["figure"].layout.xaxis.ticktext[0], left["figure"].layout.yaxis.ticktext[0]) == (shown, shown)
    assert left["numbers"]["template"].iloc[0] == nasty
    short = GenerateRequest(RUN, (Column(DecodeSettings(), 2, 3),))
    figure = run(scripts.sampled_script(card, key, made, short, 0))["figure"]
    assert figure.data[0].name == shown
    assert shown in figure.layout.yaxis.ticktext
    figure = run(scripts.gap_script(card, key, made.prompt_ids, 3, names=(nasty, "b")))["figure"]
    assert figure.data[0].name == shown
    heads = run(scripts.head_gap_script(card, key, made.prompt_ids, ((0, 1), (0, 1)), names=(nasty, "b")))["figure"]
    assert heads.layout.title.text == f"weight on the word: {shown} – b"


def test_half_a_character_is_written_as_the_tokenizer_gets_it(tiny):
    _, card, key, _ = tiny
    made = hostile_probe("a\ud83d")
    assert constants_of(scripts.scores_script(card, key, made))["TEXTS"][0] == " a\ufffd"


def test_long_prompts_stay_readable_and_whole(tiny):
    _, card, key, _ = tiny
    prompts = (tuple(range(900)), tuple(range(300, 2000)))
    source = scripts.head_gap_script(card, key, prompts, ((0, 1), (0, 1)))
    assert max(len(line) for line in source.splitlines()) <= 120
    assert [tuple(ids) for ids in constants_of(source)["PROMPTS"]] == list(prompts)
    assert f"{1700**2 * card.layers * card.heads * 4 / 1e6:,.0f} MB" in source


def test_what_cannot_be_made_again_is_our_mistake(tiny):
    _, card, key, made = tiny
    with pytest.raises(ValueError, match="not in"):
        scripts.benchmark_script(card, key, "bbq", "x", 0)
    beams = GenerateRequest(RUN, (dataclasses.replace(DRAWS.columns[0], num_beams=3, num_return_sequences=2),))
    for request in (beams, GenerateRequest(RUN, DRAWS.columns * 2)):
        with pytest.raises(ValueError, match="one column"):
            scripts.sampled_script(card, key, made, request, 0)
    with pytest.raises(ValueError, match="2 first rows of 6"):
        scripts.sampled_script(card, key, made, DRAWS, 0, first_rows=(1, 2))
