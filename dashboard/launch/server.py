"""The server process: Streamlit; while nobody looks yet, the libraries of the engine load.

``streamlit run dashboard/app.py`` serves the same; there the first visitor waits for the libraries.
"""

import sys
import threading
import time
from pathlib import Path

from streamlit.web.cli import main

QUIET_SECONDS = 3.0
"""A page that is opened at once should stand before the libraries take the processor."""


def _load_libraries() -> None:
    time.sleep(QUIET_SECONDS)
    import dashboard.engine.local  # noqa: F401


if __name__ == "__main__":
    threading.Thread(target=_load_libraries, daemon=True).start()
    sys.argv = ["streamlit", "run", str(Path(__file__).parents[1] / "app.py"), *sys.argv[1:]]
    main()
