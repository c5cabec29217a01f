"""RecordedEngine: answers by type of request from built values of the right shapes, in milliseconds, without torch.

The same request has the same answer; numbers mean nothing. For tests of pages that need something on the page, whatever
it says.
"""

import re
import zlib

import numpy as np

from dashboard.engine.api.model import CallControl, ModelCard, ResidualStreamMap, TokenizedPrompt
from dashboard.engine.api.request import Cost
from dashboard.errors import Cancelled, PromptEmpty, PromptTooLong
from dashboard.tokens import Token
from tests.made import samples
from tests.made.recorded_answers import ANSWERS, HEADS, LAYERS, VOCAB

MODEL = "local/recorded"
CONTEXT = 4096
_WORDS = re.compile(r"[^\S ]| ?\w+| ?[^\w\s]+| ")


def card(**changes):
    """What it says is loaded."""
    stream = ResidualStreamMap(
        *("model.layers", ("model.norm",), ("self_attn.o_proj",) * LAYERS, ((),) * LAYERS, (1.0,) * LAYERS),
        *(None, "", "", ""),
    )
    facts = {
        **{"model": MODEL, "label": "recorded", "revision": "abc123", "source": "local", "licence": ""},
        **{"architecture": "LlamaForCausalLM", "layers": LAYERS, "heads": HEADS, "kv_heads": 2, "head_dim": 8},
        **{"vocab": VOCAB, "context": CONTEXT, "parameters": 1000, "dtype": "float32", "device": "cpu"},
        **{"device_name": "CPU", "kernel": "sdpa", "weight_formula": "softmax(q·k/√8)", "chat": False},
        **{"without_attention": (), "stream": stream, "transformers": "5.23.0", "torch": "2.13.0"},
    }
    return ModelCard(**(facts | changes))


class RecordedTokenizer:
    """Words, spaces and signs as tokens; a text's id is what it hashes to."""

    def __init__(self):
        self._texts = {}

    def _id(self, text):
        at = zlib.crc32(text.encode("utf-8", "surrogatepass")) % VOCAB
        while self._texts.setdefault(at, text) != text and len(self._texts) < VOCAB:
            at = (at + 1) % VOCAB
        return at

    def read(self, prompt, *, chat, answer="", conversation=None):
        if not prompt:
            raise PromptEmpty
        words = _WORDS.findall(prompt + answer)
        if len(words) > CONTEXT:
            raise PromptTooLong(tokens=len(words), limit=CONTEXT, model="recorded")
        return TokenizedPrompt(tuple(samples.token(word, self._id(word)) for word in words), "raw")

    def ids(self, texts, *, alone=False):
        return tuple(tuple(map(self._id, _WORDS.findall(text))) for text in texts)

    def tokens(self, ids):
        return tuple(Token(i, self._text(i), self._text(i), self._text(i).encode(), False) for i in ids)

    def decode(self, sequences):
        return tuple("".join(map(self._text, ids)) for ids in sequences)

    def search(self, text, limit):
        return self.tokens([i for i, own in sorted(self._texts.items()) if text and text in own][:limit])

    def word_ends(self):
        return (0,)

    def text_starts(self):
        return (1,)

    def _text(self, token_id):
        return self._texts.get(int(token_id), f" t{token_id}").encode("utf-8", "replace").decode()


class RecordedEngine:
    """See `dashboard.engine.api.engine.Engine`."""

    def __init__(self, **changes):
        """`changes`: of the card."""
        self.card = card(**changes)
        self.asked = []
        """Every request, in order."""
        self._tokenizer = RecordedTokenizer()
        self._answers = {}

    def describe(self, model, control=None):
        return self.card

    def tokenizer(self, model):
        return self._tokenizer

    def cost(self, request):
        return Cost(len(request.token_ids), 0.1, 1000, kept=request in self._answers)

    def kept(self, request):
        return self._answers.get(request)

    def answer(self, request, control=None, on_step=None):
        if (control or CallControl()).cancel.is_set():
            raise Cancelled
        self.asked.append(request)
        if request not in self._answers:
            rng = np.random.default_rng(int(request.digest, 16))
            self._answers[request] = read_only(ANSWERS[type(request)](request, self, rng))
        return self._answers[request]

    def health(self):
        return {"models": [self.card.model], "forward_passes": 0, "queue": 0}


def read_only(answer):
    """Its arrays are shared by all."""
    for value in vars(answer).values():
        for array in value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else (value,):
            if isinstance(array, np.ndarray):
                array.flags.writeable = False
    return answer
