"""``python -m dashboard verify``: a model compared with plain transformers, as a table."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

import transformers

from dashboard.engine.api.verification import Verification, VerifyRequest
from dashboard.errors import DashboardError


# -- the command --------------------------------------------------------------------------------------------------
def table(result: Verification, text: Callable[..., str]) -> str:
    """The result as plain text, a line a quantity, a column a length."""
    card = result.card
    lines = [
        f"{card.label} · {card.revision[:12]} · {card.dtype} · {card.device} · {card.kernel}",
        f"transformers {card.transformers} · torch {card.torch}",
        "",
        f"{'':<46}"
        + "".join(f"{f'T = {tokens}':>11}" for tokens in result.lengths)
        + f"{text('verify.column_bound'):>11}",
    ]
    for name, bound, rows in result.quantities:
        errors = [f"{row.error:.2g}" if row and not row.refused else "-" for row in rows]
        verdict = text(f"verify.{'ok' if all(row is None or row.ok for row in rows) else 'off'}")
        cells = "".join(f"{error:>11}" for error in errors)
        lines.append(f"{text(f'verify.quantity.{name}'):<46}{cells}{bound:>11.2g}  {verdict}")
        reasons = {text(row.refused, **dict(row.facts)) for row in rows if row and row.refused}
        lines += [f"    {reason}" for reason in sorted(reasons)]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Verify one model (default: the one that pages open with); 0 when every difference is within its bound."""
    from dashboard.engine.local import LocalEngine
    from dashboard.i18n import Catalogue, pick_language
    from dashboard.settings import Settings

    transformers.utils.logging.disable_progress_bar()
    text = Catalogue(pick_language(os.environ.get("LOGITSCOPE_LANGUAGE"), None, "en"))
    try:
        settings = Settings.load()
        engine = LocalEngine(settings)
        card = engine.describe(arguments[0] if arguments else settings.model)
        result = engine.answer(VerifyRequest(card.version))
    except DashboardError as error:
        print(text(error.message_id, **error.facts))
        return 2
    print(table(result, text))
    print("\n" + text("verify.all_ok" if result.ok else "verify.some_off"))
    return 0 if result.ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
