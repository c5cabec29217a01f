"""The server process: Streamlit; while nobody looks yet, the libraries of the engine load.

``streamlit run dashboard/asgi.py`` serves the same; there the first visitor waits for the libraries.
"""

import locale
import sys
import threading
import time
from pathlib import Path

from streamlit.web.cli import main

from dashboard.i18n import Catalogue, pick_language
from dashboard.process import collection
from dashboard.process.folders import cache_folder
from dashboard.process.logs import log_file, open_log
from dashboard.settings import Settings

QUIET_SECONDS = 3.0
"""A page that is opened at once should stand before the libraries take the processor."""


def _load_libraries() -> None:
    time.sleep(QUIET_SECONDS)
    if Settings.load().engine_url:
        return  # models are elsewhere
    with collection.paused():
        import dashboard.engine.local  # noqa: F401


def _open_log() -> None:
    """Open the log and say where it is."""
    settings = Settings.load()
    folder = cache_folder(settings)
    text = Catalogue(pick_language(None, locale.getlocale()[0], settings.language))
    message_id = "launcher.log" if open_log(folder) else "launcher.no_log"
    print(text(message_id, path=log_file(folder)), flush=True)


if __name__ == "__main__":
    _open_log()
    threading.Thread(target=_load_libraries, daemon=True).start()
    sys.argv = ["streamlit", "run", str(Path(__file__).parents[1] / "asgi.py"), *sys.argv[1:]]
    main()
