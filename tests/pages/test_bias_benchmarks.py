"""Benchmarks and large probes on the page: a file from upload to results, its link, and files that are none."""

import re
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile
from streamlit.testing.v1 import AppTest

from components.jobs import panels
from dashboard import cache
from dashboard.i18n import Catalogue
from dashboard.job_kinds.benchmark import benchmark_spec, read_file
from dashboard.jobs.spec import JobSpec
from tests.pages.test_pages import words

TEXT = Catalogue("en")
APP = Path(__file__).with_name("bias_jobs_app.py")
CROWS = ",sent_more,sent_less,stereo_antistereo,bias_type\n" + "".join(
    f"{n},zebra {n} lamp,river {n} lamp,stereo,{'<b>age</b>' if n % 2 else '=1+1'}\n" for n in range(40)
)


@pytest.fixture
def open_app(tiny_folder, tmp_path, monkeypatch):
    """Open the small app: ``open_app({"bias_job": "…"}, locale="es-ES")``; its jobs end with the test."""
    monkeypatch.setenv("LOGITSCOPE_LOCAL_MODELS", str(tiny_folder))
    monkeypatch.setenv("LOGITSCOPE_MODELS", "bert-base-uncased")
    monkeypatch.setenv("LOGITSCOPE_MODEL", "local/tiny")
    monkeypatch.setenv("LOGITSCOPE_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("LOGITSCOPE_OFFLINE", "1")
    st.cache_resource.clear()

    def opened(params: dict | None = None, *, locale: str = "en-US") -> AppTest:
        at = AppTest.from_file(str(APP), default_timeout=120)
        at.context = {"locale": locale, "theme": "light"}
        for name, value in (params or {}).items():
            at.query_params[name] = value
        return at.run()

    yield opened
    cache.jobs().close(30)
    st.cache_resource.clear()


def given(at, slug="crows_pairs", data=CROWS, name="crows.csv"):
    data = data.encode() if isinstance(data, str) else data
    at.file_uploader(key=f"bias_file_{slug}").upload(name, data)
    return at.run()


def button(at, key):
    return at.button(key=key)


def param(at, name):
    value = at.query_params[name]
    return value if isinstance(value, str) else value[0]


def keys(at):
    return {one.key for one in at.button}


def ended(at, job_id):
    """The page after the job's end."""
    end = time.monotonic() + 120
    while cache.jobs().status(job_id).live:
        assert time.monotonic() < end
        time.sleep(0.05)
    return at.run()


def spec_of(at, data=CROWS, slug="crows_pairs", **changes):
    """The job of a file, made without the page."""
    engine = cache.engine().result()
    key = engine.describe("local/tiny").run_key(engine.tokenizer("local/tiny").read("a", chat=False))
    prefix = engine.tokenizer("local/tiny").tokens(engine.tokenizer("local/tiny").text_starts())[0]
    spec = benchmark_spec(read_file(slug, data.encode(), "crows.csv"), key.version, prefix)
    return JobSpec(**{name: getattr(spec, name) for name in ("kind", "run", "request", "items", "chunk")} | changes)


def test_a_benchmark_says_where_its_file_is_published_and_what_its_authors_warn_of(open_app):
    at = open_app()
    assert not at.exception
    assert "github.com/nyu-mll/crows-pairs" in words(at)
    assert "CC BY-SA 4.0" in words(at)
    assert TEXT("probes.benchmark.crows_pairs.careful") in words(at)
    at.selectbox(key="bias_benchmark").select("winobias").run()
    assert not at.exception
    # of any type: what it is not is said in our words, by `test_a_file_of_another_format_is_named_and_can_be_replaced`
    assert at.file_uploader(key="bias_file_winobias").allowed_type == []
    assert param(at, "bias_benchmark") == "winobias"


@pytest.mark.parametrize("locale", ["en-US", "es-ES"])
def test_a_file_goes_from_upload_to_results_and_its_link_finds_them_again(open_app, locale):
    text = Catalogue(locale[:2])
    at = given(open_app(locale=locale))
    assert not at.exception
    assert text("bias_jobs.read", items=40, categories="=1+1 20, <b>age</b> 20") in words(at)
    assert "bias_job" not in at.query_params
    button(at, "start_benchmark").click().run()
    assert not at.exception
    job_id = param(at, "bias_job")
    at = ended(at, job_id)
    assert not at.exception
    assert text("bias_jobs.states.finished") in words(at)
    assert text("bias_jobs.items_of", done=40, items=40) in words(at)
    assert text("bias_jobs.behind", token="<|end|>", id="0") in words(at)
    assert text("bias_jobs.partial", done=40, items=40) not in words(at)
    assert len(at.get("plotly_chart")) == 1
    assert "parquet_benchmark" in {one.key for one in at.get("download_button")}
    cold = open_app({"bias_job": job_id}, locale=locale)
    assert not cold.exception
    assert len(cold.get("plotly_chart")) == 1
    assert param(cold, "bias_job") == job_id
    button(cold, "bias_other_file").click().run()
    assert not cold.exception
    assert "bias_job" not in cold.query_params
    assert cold.file_uploader(key="bias_file_crows_pairs")


def test_after_a_restart_a_job_is_found_again_marked_partial_and_resumed(open_app):
    at = open_app()
    spec = spec_of(at, chunk=8)
    runner = cache.jobs()
    runner.start(spec)
    while runner.status(spec.id).done < 8:
        time.sleep(0.01)
    runner.cancel(spec.id)
    ended(at, spec.id)
    done = runner.status(spec.id).done
    st.cache_resource.clear()  # another process: nothing but the disk is left
    at = open_app({"bias_job": spec.id})
    assert not at.exception
    if done == 40:
        pytest.skip("this machine finished the job before it could be cancelled")
    assert TEXT("bias_jobs.states.cancelled") in words(at)
    assert TEXT("bias_jobs.partial", done=done, items=40) in words(at)
    assert len(at.get("plotly_chart")) == 1
    button(at, "resume_benchmark").click().run()
    assert not at.exception
    at = ended(at, spec.id)
    assert TEXT("bias_jobs.states.finished") in words(at)
    assert TEXT("bias_jobs.items_of", done=40, items=40) in words(at)


def test_a_running_job_shows_time_left_and_is_cancelled(open_app, monkeypatch):
    at = open_app()
    engine = cache.engine().result()
    answer, slow = engine.answer, []

    def held(request, job):
        slow.append(1)
        while len(slow) > 1 and not job.cancel.wait(0.02):
            job.progress(0.5)
        return answer(request, job)

    monkeypatch.setattr(engine, "answer", held)
    spec = spec_of(at, chunk=8)
    cache.jobs().start(spec)
    while cache.jobs().status(spec.id).done < 8:
        time.sleep(0.01)
    at = open_app({"bias_job": spec.id})
    assert not at.exception
    line = at.get("progress")[0].proto.text
    assert TEXT("bias_jobs.states.running") in line
    assert TEXT("bias_jobs.done", done=8, items=40) in line
    assert re.search(TEXT("bias_jobs.left", time=r"\d+ (s|min|h)\b.*"), line)
    assert TEXT("bias_jobs.partial", done=8, items=40) in words(at)
    assert {"cancel_benchmark", "refresh_benchmark"} <= keys(at)
    button(at, "cancel_benchmark").click().run()
    at = ended(at, spec.id)
    assert not at.exception
    assert TEXT("bias_jobs.states.cancelled") in words(at)
    assert "resume_benchmark" in keys(at)


def test_the_page_shows_what_is_done_as_soon_as_anything_is(open_app, monkeypatch):
    at = open_app()
    engine = cache.engine().result()
    answer, slow, first = engine.answer, [], threading.Event()

    def held(request, job):
        slow.append(1)
        while not (first.is_set() and len(slow) == 1) and not job.cancel.wait(0.02):
            job.progress(0.5)
        return answer(request, job)

    monkeypatch.setattr(engine, "answer", held)
    spec = spec_of(at, chunk=8)
    cache.jobs().start(spec)
    at = open_app({"bias_job": spec.id})
    assert "refresh_benchmark" not in keys(at)
    assert not at.get("plotly_chart")
    look, drawn = panels._live, []

    def later(status, view):
        if not drawn:  # the items are done after the page was drawn, before its first look
            drawn.append(status.done)
            first.set()
            while cache.jobs().status(spec.id).done < 8:
                time.sleep(0.01)
        look(status, view)

    monkeypatch.setattr(panels, "_live", later)
    at.run()
    assert not at.exception
    assert drawn == [0]
    assert "refresh_benchmark" in keys(at)
    assert len(at.get("plotly_chart")) == 1
    cache.jobs().cancel(spec.id)


def test_a_job_of_another_revision_says_so_and_keeps_its_results(open_app):
    at = open_app()
    spec = spec_of(at)
    runner = cache.jobs()
    runner.start(spec)
    ended(at, spec.id)
    rows = runner.frame(spec.id)
    other = spec_of(at, run={**spec.run, "revision": "fedcba9876543210"})
    runner.register("benchmark", lambda spec, items, job: rows[rows["item"].isin([one["place"] for one in items])])
    runner.start(other)
    ended(at, other.id)
    at = open_app({"bias_job": other.id})
    assert not at.exception
    told = TEXT("bias_jobs.other_run", what="revision", then="fedcba9876543210", now=spec.run["revision"])
    assert told in words(at)
    assert TEXT("strip.model", model="local/tiny", revision="fedcba987654") in words(at)


@pytest.mark.parametrize("job_id", ["0" * 32, "nonsense", "../../etc/passwd", "<b>"])
def test_a_link_to_a_job_that_is_not_there_says_so_and_the_page_lives(open_app, job_id):
    at = open_app({"bias_job": job_id})
    assert not at.exception
    assert TEXT("error.JobUnknown") in words(at)
    button(at, "bias_other_file").click().run()
    assert "ls-advice" not in words(at)
    assert at.file_uploader(key="bias_file_crows_pairs")


@pytest.mark.parametrize(
    ("slug", "name", "data", "error"),
    [
        ("crows_pairs", "x.csv", b"", "BenchmarkColumnsMissing"),
        ("crows_pairs", "x.csv", b"a,b\n1,2\n", "BenchmarkColumnsMissing"),
        ("crows_pairs", "x.csv", b"PK\x03\x04\x00\x01\x02\xff", "FileNotText"),
        ("crows_pairs", "x.csv", CROWS.encode()[:-12], "BenchmarkLineInvalid"),
        ("stereoset", "x.json", b'{"data": ', "BenchmarkJsonInvalid"),
        ("stereoset", "x.json", CROWS.encode(), "BenchmarkJsonInvalid"),
        ("crows_pairs", "dev.json", b'{"version": "1.1", "data": {"intrasentence": []}}', "BenchmarkColumnsMissing"),
        ("stereoset", "x.csv", CROWS.encode(), "BenchmarkJsonInvalid"),
        ("crows_pairs", "x.xlsx", b"PK\x03\x04\x00\x01\x02\xff", "FileNotText"),
        ("crows_pairs", "x.csv", CROWS.replace(",", "|").encode(), "BenchmarkColumnsMissing"),
        ("winogender", "x.tsv", CROWS.encode(), "BenchmarkColumnsMissing"),
        ("winobias", "x.txt", b"1 [The nurse] slept.", "BenchmarkSideUnknown"),
        ("winobias", "pro_stereotyped_type1.txt.dev", b"\n\n", "BenchmarkEmpty"),
        (
            "winobias",
            "pro_stereotyped_type2.txt.dev",
            b"1 [The nurse] met the guard and thanked [her].",
            "BenchmarkUnpaired",
        ),
    ],
)
def test_a_file_of_another_format_is_named_and_can_be_replaced(open_app, slug, name, data, error):
    at = open_app({"bias_benchmark": slug})
    given(at, slug, data, name)
    assert not at.exception
    start = TEXT(f"error.{error}", **dict.fromkeys(FACTS.get(error, ()), "\0")).split("\0")[0]
    assert start in words(at)
    assert "start_benchmark" not in keys(at)


FACTS = {
    "BenchmarkColumnsMissing": ("benchmark", "missing", "found"),
    "BenchmarkLineInvalid": ("line", "benchmark", "column"),
    "BenchmarkJsonInvalid": ("benchmark", "reason"),
    "BenchmarkSideUnknown": ("name", "benchmark"),
    "BenchmarkEmpty": ("benchmark", "example"),
    "BenchmarkUnpaired": ("file",),
}


def test_a_file_of_200_megabytes_is_refused_before_it_is_read(open_app, monkeypatch):
    at = open_app()
    monkeypatch.setattr(UploadedFile, "getvalue", lambda self: pytest.fail("it was read"))
    monkeypatch.setattr(UploadedFile, "size", 200_000_000, raising=False)
    # the size is set in the constructor; a class attribute alone would be hidden by it
    init = UploadedFile.__init__
    monkeypatch.setattr(
        UploadedFile, "__init__", lambda self, *given: (init(self, *given), setattr(self, "size", 200_000_000))[0]
    )
    given(at)
    assert not at.exception
    assert TEXT("error.FileTooLarge", size=200, limit=50) in words(at)


def test_a_file_in_another_encoding_is_read_and_it_is_said(open_app):
    at = given(open_app(), data=CROWS.replace("zebra", "café").encode("cp1252"))
    assert not at.exception
    assert TEXT("probes.note.encoding", name="cp1252") in words(at)
    assert "start_benchmark" in keys(at)


def test_lines_that_were_left_out_are_named_with_the_reason(open_app):
    lines = b"1 [The nurse] paid because [she] slept.\n2 The nurse paid [the guard] because [he] ran.\n3 Nobody.\n"
    lines += b"4 [The nurse] paid the guard because [she] ran.\n5 The nurse paid [the guard] because [he] sat.\n"
    at = given(open_app({"bias_benchmark": "winobias"}), "winobias", lines, "anti_stereotyped_type1.txt.test")
    assert not at.exception
    why = TEXT("probes.skipped.no_pronoun")
    assert TEXT("bias_jobs.skipped", count=1, lines="3", why=why) in words(at)


def test_of_many_lines_and_occupations_left_out_the_first_are_named_and_that_there_are_more(open_app):
    table = ["occupation(0)\tother-participant(1)\tanswer\tsentence"]
    for job in ["nurse", *(f"zebra {n}" for n in range(13))]:
        table += [f"{job}\tguest\t{answer}\tThe guest saw $NOM_PRONOUN {answer}." for answer in (0, 1)]
    table += [f"nurse\tguest {n}\t0\tThe $OCCUPATION said that $NOM_PRONOUN ran." for n in range(13)]
    data = "\n".join(table).encode()
    at = given(open_app({"bias_benchmark": "winogender"}), "winogender", data, "templates.tsv")
    assert not at.exception
    names = ", ".join(f"zebra {n}" for n in range(12)) + " …"
    assert TEXT("bias_jobs.without_share", count=13, names=names) in words(at)
    lines = ", ".join(str(n) for n in range(30, 42)) + " …"
    assert TEXT("bias_jobs.skipped", count=13, lines=lines, why=TEXT("probes.skipped.no_partner")) in words(at)


# -- large probes --------------------------------------------------------------------------------------------------
def test_a_large_probe_runs_as_a_job_and_gives_its_scores(open_app):
    at = open_app()
    assert at.session_state["found"] is None
    assert TEXT("bias_jobs.probe_size", prompts=9, completions=3) in words(at)
    button(at, "start_probe").click().run()
    assert not at.exception
    (path,) = [path for path in (cache.settings().cache_dir / "jobs").iterdir() if path.is_dir()]
    at = ended(at, path.name)
    assert not at.exception
    found = at.session_state["found"]
    assert found.shape == (9, 3)
    assert (found < 0).all()
    again = open_app()  # the same probe on the same model is the same job
    np.testing.assert_array_equal(again.session_state["found"], found)
    button(again, "remove_probe").click().run()
    assert not again.exception
    assert "start_probe" in keys(again)
    assert not path.exists()
