"""The Node.js that Playwright brings along: the scripts of the components run in it without a browser."""

import sys
from pathlib import Path

import playwright

NODE = Path(playwright.__file__).parent / "driver" / ("node.exe" if sys.platform == "win32" else "node")
