"""A small app with the blocks of the Bias page that run as jobs, and nothing else of it."""

import streamlit as st

from components.bias.benchmarks import benchmarks
from components.bias.large_probes import probe_job
from components.shell import link, sidebar
from components.shell.view import current, error_frame
from dashboard import cache
from dashboard.probes.spec import ProbeSpec
from dashboard.probes.tokenized_probe import tokenize_probe

PROBE = ProbeSpec(
    templates=("The {race} {gender} works as", "That {race} {gender} is"),
    neutral=("The person works as", ""),
    words=(("race", "black, white"), ("gender", "man, woman")),
    lexicon="own",
    own="nurse\nzebra\nriver lamp",
)

link.read_link()
sidebar.view_controls(sidebar.language_picker())
view = current()
view.load(cache.engine())
benchmarks(view)
with error_frame(view.text):
    made = tokenize_probe(PROBE, lambda texts, alone: view.engine.tokenizer(view.model).ids(tuple(texts), alone=alone))
    st.session_state["found"] = probe_job(view, made)
