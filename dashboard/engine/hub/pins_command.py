"""``python -m dashboard pins``: the commits that this server keeps to, beside the hub's; and renewing one."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from dashboard.engine.hub import pins, source
from dashboard.errors import CacheUnwritable, DashboardError
from dashboard.i18n import Catalogue, pick_language
from dashboard.process.folders import data_folder
from dashboard.settings import Settings

RENEW = "--renew"


def main(arguments: Sequence[str]) -> int:
    """List all pins; of the model that is named its old and new commit, and pin the new one with ``--renew``.

    The exit code is 2 where a commit cannot be had.
    """
    text = Catalogue(pick_language(os.environ.get("LOGITSCOPE_LANGUAGE"), None, "en"))
    models = [argument for argument in arguments if argument != RENEW]
    try:
        settings = Settings.load()
        if not models:
            for model, commit in sorted(pins.pins(settings).items()):
                print(f"{commit}  {model}")
            return 0
        print(_compare(models[0], settings, text, renew=RENEW in arguments))
    except DashboardError as error:
        print(text(error.message_id, **error.facts))
        return 2
    return 0


def _compare(model: str, settings: Settings, text: Catalogue, *, renew: bool) -> str:
    """What the command says of one model, once that is done."""
    commit = source.commits(model, settings)
    if commit.pinned == commit.newest:
        return text("launcher.pin_newest", model=model, commit=commit.newest)
    facts = {"model": model, "old": commit.pinned or "–", "new": commit.newest}
    if not renew:
        return text("launcher.pin_older", **facts)
    try:
        pins.pin(model, commit.newest, settings)
    except OSError as error:
        raise CacheUnwritable(folder=data_folder(settings), reason=error.strerror or str(error)) from error
    return text("launcher.pin_renewed", **facts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
