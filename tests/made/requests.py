"""One request of each type, for tests that walk all of them."""

from dashboard.engine.api.attention import CombineRequest, HeadRequest, QueryRowsRequest, RolloutRequest, TilesRequest
from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import Column, CompareRequest, GenerateRequest, TreeRequest
from dashboard.engine.api.lens import AttributionRequest, LensRequest
from dashboard.engine.api.model import RunRequest
from dashboard.engine.api.prediction import CandidatesRequest, PositionTableRequest, ProcessedRequest
from dashboard.engine.api.request import ModelQuestion, Request, RunQuestion
from dashboard.engine.api.scoring import ScoreRequest, SentenceRequest
from dashboard.engine.api.verification import CheckRequest, VerifyRequest
from tests.made.samples import RUN


def requests_of(run):
    """One of each type, about a run of at least three tokens and its model."""
    return (
        RunRequest(run),
        HeadRequest(run, 1, 0, (0, 3), (0, 3), 512),
        CombineRequest(run, ((0, 1), (2, 1)), "mean", (0, 3), (0, 3), 512),
        RolloutRequest(run, (0, 3), (0, 3), 512),
        QueryRowsRequest(run, 2),
        TilesRequest(run),
        CandidatesRequest(run, 2, 5, (7,)),
        ProcessedRequest(run, 2, (7, 8), DecodeSettings(temperature=0.7)),
        PositionTableRequest(run),
        LensRequest(run, (2,), half_steps=False, pins=(7,)),
        AttributionRequest(run, 2, 7),
        GenerateRequest(run, (Column(DecodeSettings(), max_new_tokens=2, stop_strings=("x",)),), forced=(1,)),
        CompareRequest(run, (DecodeSettings(),), (0, 3)),
        TreeRequest(run, depth=2, nodes=5),
        ScoreRequest(run.version, ((1, 2), (3,)), ((4,), (5,))),
        SentenceRequest(run.version, ((1, 2), (3, 4)), (1, 1)),
        VerifyRequest(run.version),
        CheckRequest((CandidatesRequest(run, 2, 5, (7,)),)),
    )


REQUESTS = requests_of(RUN)


def request_types():
    """Every type of request there is."""
    found, waiting = [], [Request]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            waiting.append(kind)
            if kind not in (RunQuestion, ModelQuestion):
                found.append(kind)
    return sorted(found, key=lambda kind: kind.__name__)
