"""The table: type of request -> its handler. A new question is one more entry of its room."""

from __future__ import annotations

from dashboard.engine.handlers import attention, generation, prediction, runs, scoring, verification
from dashboard.engine.handlers.handler import Handlers

HANDLERS: Handlers = {
    **runs.HANDLERS,
    **attention.HANDLERS,
    **prediction.HANDLERS,
    **generation.HANDLERS,
    **scoring.HANDLERS,
    **verification.HANDLERS,
}
