"""Entry of the installed package, where it is ``logitscope/__main__.py``: ``logitscope``, ``python -m logitscope``."""

import sys
from pathlib import Path


def main() -> int:
    """Run a command of what lies beside this file; the exit code."""
    # dashboard, components and pages are ours in this process alone, whatever else bears these names
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    from dashboard.launch.commands import main as run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
