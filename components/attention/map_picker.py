"""What the Attention page looks at in detail: one head, several as one map, or rollout."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from components.shell.view import View
from dashboard.engine.api.arrays import Floats
from dashboard.engine.api.attention import (
    AttentionRequest,
    CombineRequest,
    HeadRequest,
    QueryRows,
    RolloutRequest,
    WeightMap,
)
from dashboard.tokens import Token, visible

MAP_SIDE = 512
"""The detail chart shows at most so many rows and columns; beyond it is pooled."""
LINES_SIDE = 48
"""So many tokens are joined by lines."""


@dataclass(frozen=True)
class Detail:
    """The person's choices for the detail part."""

    view: View
    what: str
    """One of ``dashboard.view_state.VIEWS``."""
    layer: int
    head: int
    layers: tuple[int, ...]
    """Of mean and max."""
    heads: tuple[int, ...]
    token: int
    """Chosen position."""
    queries: tuple[int, int]
    keys: tuple[int, int]
    without_first: bool
    own_scale: bool

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Tokens of the prompt."""
        return self.view.tokens.tokens

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The (layer, head) pairs that the map is made of; what a layer lacks is left out."""
        card = self.view.card
        missing = {layer for layer, _ in card.without_attention}
        shown = [layer for layer in self.layers if layer not in missing]
        return tuple((layer, head) for layer in shown for head in self.heads if head < card.heads_of(layer))

    @property
    def title(self) -> str:
        """Names the map."""
        facts = {"layer": self.layer, "head": self.head, "count": len(self.pairs), "layers": self.view.card.layers}
        return self.view.text(f"attention.headline_{self.what}", **facts)

    @property
    def token_title(self) -> str:
        """Names the chosen token."""
        token = visible(self.tokens[self.token])
        return self.view.text("attention.token_title", pos=self.token, token=token)

    @property
    def shows(self) -> str:
        """What a picture's caption says of the map."""
        return f"{self.title} · {self.view.text('attention.count', tokens=len(self.tokens))}"

    @property
    def suffix(self) -> str:
        """Names the map in a file's name."""
        return f"L{self.layer}H{self.head}" if self.what == "head" else f"{self.what}{len(self.pairs)}"

    @property
    def options(self) -> dict[str, object]:
        """What changes a chart of this detail beside the engine's request."""
        return {"token": self.token, "without_first": self.without_first, "own_scale": self.own_scale}

    def request(self, rows: tuple[int, int], cols: tuple[int, int], side: int) -> AttentionRequest:
        """The engine's request for this map's part."""
        if self.what == "head":
            return HeadRequest(self.view.key, self.layer, self.head, rows, cols, side)
        if self.what == "rollout":
            return RolloutRequest(self.view.key, rows, cols, side)
        return CombineRequest(self.view.key, self.pairs, self.what, rows, cols, side)

    def weights(self, rows: tuple[int, int], cols: tuple[int, int], side: int = MAP_SIDE) -> WeightMap:
        """The map's part, with progress; key 0 is emptied (NaN) when it is hidden."""
        label = self.view.text("work.rollout" if self.what == "rollout" else "work.combining")
        found = self.view.answer(self.request(rows, cols, side), label)
        if not self.without_first or found.col_start > 0 or found.block > 1:
            return found
        hidden = np.array(found.weights)
        hidden[:, 0] = np.nan
        return replace(found, weights=hidden)

    @property
    def row_request(self) -> AttentionRequest:
        """The request for the chosen token's row."""
        count = len(self.tokens)
        return self.request((self.token, self.token + 1), (0, count), count)

    @property
    def column_request(self) -> AttentionRequest:
        """The request for the chosen token's column."""
        count = len(self.tokens)
        return self.request((0, count), (self.token, self.token + 1), count)

    def chosen_row(self) -> QueryRows:
        """The chosen token's row, as ``(1, 1, key)``."""
        row = self.weights((self.token, self.token + 1), (0, len(self.tokens)), len(self.tokens)).weights
        return QueryRows(self.token, row[None, :, : self.token + 1])

    def chosen_column(self) -> Floats:
        """(query,) the chosen token's column."""
        return self.weights((0, len(self.tokens)), (self.token, self.token + 1), len(self.tokens)).weights[:, 0]
