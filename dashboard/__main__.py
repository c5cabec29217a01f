"""The two commands: ``python -m dashboard`` and ``python -m dashboard test``. Any system, Python 3.11, nothing else.

This file must be read by older Pythons too, so that they can be told what is missing.
"""

import sys

if sys.version_info < (3, 11):
    sys.exit(
        "Logitscope needs Python 3.11 or newer; this is Python %d.%d. Install a newer one from python.org and start "
        "again with it, for example: python3.12 -m dashboard" % sys.version_info[:2]
    )

from dashboard.launch.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
