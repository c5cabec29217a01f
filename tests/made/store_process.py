"""A process that saves views: ``python -m tests.made.store_process ADDRESS FOLDER NAME COUNT``; prints their ids.

ADDRESS ``-`` is SQLite in FOLDER; COUNT 0 saves until it is killed.
"""

import itertools
import sys
from pathlib import Path

from dashboard.store.store import Store
from tests.made.saved import EVERYBODY, content


def main(address: str, folder: Path, name: str, count: int) -> None:
    """Save, and say so only then."""
    store = Store("" if address == "-" else address, folder)
    for number in itertools.islice(itertools.count(), count or None):
        view = store.views.save(content(title=f"{name} {number}", note="n" * 3000), EVERYBODY)
        print(view.id, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
