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
        made = builder.tokenised(spec, view)
        seconds = builder.seconds(made, view)
        builder.told(made, view, seconds)
        if block == "notebook":
            notebook.panels(view, made)
        elif block == "gap":
            gap.panels(view, made)
        elif block == "sampled":
            sampled.panels(view, made)
        elif block == "jobs" or seconds > builder.MOST_SECONDS or not made.whole:
            log_p = jobs.probe_job(view, made)
            if log_p is not None:
                exact.panels(exact.ProbeResult(view, made, pairs.probe_scores(made, log_p), None, ""))
        else:
            exact.panels(exact.exact(view, made))
