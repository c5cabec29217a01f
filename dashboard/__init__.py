"""Logitscope: what every head attends to and what the model would say next, exactly.

Hardly anything is imported here: ``python -m dashboard`` starts with the standard library alone.
"""

from dashboard.process.threads import wait_quietly

__version__ = "0.3.0"
# here, as torch reads it once, when it is imported: server, pages, jobs, tests and benchmarks all come by
wait_quietly()
