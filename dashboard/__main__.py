"""The commands: ``python -m dashboard`` and ``python -m dashboard test``. Python 3.11 to 3.14 and nothing else.

This file must be read by other Pythons too, so that they can be told what is missing, before anything is downloaded.
"""

import platform
import sys

if not (3, 11) <= sys.version_info[:2] < (3, 15):
    sys.exit(
        "Logitscope needs Python 3.11 to 3.14; this is Python %d.%d. Install one of these from python.org and start "
        "again with it, for example: python3.13 -m dashboard" % sys.version_info[:2]
    )
if sys.maxsize < 2**32 or (sys.platform == "darwin" and platform.machine() == "x86_64"):
    sys.exit(
        "Logitscope needs a 64-bit Python, and on a Mac one with an Apple processor: there is no torch 2.13 for %s %s. "
        "Start again with such a Python, or on another machine." % (sys.platform, platform.machine())
    )

from dashboard.launch.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
