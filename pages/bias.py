"""Bias: what changes when only the identity word changes? Exact scores, draws, where a gap arises, benchmarks."""

from components.bias import benchmarks, exact, gap, notebook, pairs, sampled
from components.bias import large_probes as jobs
from components.bias import probe_builder as builder
from components.shell.messages import quiet
from components.shell.pickers import choice_picker
from components.shell.sidebar import loaded_view
from components.shell.view import error_frame

view = loaded_view()
text = view.text
quiet(text("bias.proves"))
block = choice_picker("bias_view", text("bias.view"), text=text, prefix="bias.views")

if block == "benchmarks":
    with error_frame(text):
        benchmarks.benchmarks(view)
else:
    spec = builder.spec_state(view)
    builder.editor(spec, view)
    with error_frame(text):
        tokenized = builder.tokenised(spec, view)
        seconds = builder.seconds(tokenized, view)
        builder.tokenization_notes(tokenized, view, seconds)
        if block == "notebook":
            notebook.panels(view, tokenized)
        elif block == "gap":
            gap.panels(view, tokenized)
        elif block == "sampled":
            sampled.panels(view, tokenized)
        elif block == "jobs" or seconds > builder.MOST_SECONDS or not tokenized.whole:
            log_p = jobs.probe_job(view, tokenized)
            if log_p is not None:
                exact.panels(exact.ProbeResult(view, tokenized, pairs.probe_scores(tokenized, log_p), None, ""))
        else:
            exact.panels(exact.exact(view, tokenized))
