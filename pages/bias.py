"""Bias: what changes when only the identity word changes? Exact scores, samples, where a gap arises, benchmarks."""

import streamlit as st

from components.bias import benchmarks, exact, gap, notebook, sampled
from components.bias import probe_builder as builder
from components.bias.layout import Layout
from components.bias.probe_result import tokenised
from components.shell.messages import quiet
from components.shell.pickers import choice_picker
from components.shell.sidebar import loaded_view
from components.shell.view import error_frame

view = loaded_view()
text = view.text
method_at, look_at = st.columns([4, 1], vertical_alignment="bottom")
with method_at:
    method = choice_picker("bias_view", text("bias.view"), text=text, prefix="bias.views", segmented=True)

if method == "benchmarks":
    with error_frame(text):
        benchmarks.benchmarks(view)
else:
    look = ""
    if method in ("exact", "jobs"):
        with look_at:
            look = choice_picker("bias_look", text("bias.look"), text=text, prefix="bias.looks")
    layout = Layout()
    spec = builder.spec_state(view)
    tokenized = None
    with layout.chart, error_frame(text):
        tokenized = tokenised(spec, view)
    fits = tokenized is not None and (exact.fits_a_screen(look, tokenized) if look else method in ("notebook", "gap"))
    with layout.below if fits else layout.above:
        line = st.container()
        builder.probe_line(spec, tokenized, view)
    with layout.below:
        quiet(text("bias.proves"))
    if tokenized is not None:
        with layout.chart, error_frame(text):
            if method == "notebook":
                notebook.panels(view, tokenized, layout, line)
            elif method == "gap":
                gap.panels(view, tokenized, layout, line)
            elif method == "sampled":
                sampled.panels(view, tokenized, layout, line)
            else:
                exact.panels(view, tokenized, look, layout, line, as_job=method == "jobs")
