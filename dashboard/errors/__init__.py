"""Every error that a person can mend, by its name: ``vars`` of this package holds them all.

Each class names one situation; its words are in the message catalogue under ``error.<ClassName>`` (what, why, how to
mend it) and take the keyword arguments given in its docstring. Our own mistakes are built-in exceptions and are not
caught.
"""

from dashboard.errors.base import *  # noqa: F403 - the names are the classes
from dashboard.errors.engine import *  # noqa: F403
from dashboard.errors.job import *  # noqa: F403
from dashboard.errors.model import *  # noqa: F403
from dashboard.errors.picture import *  # noqa: F403
from dashboard.errors.probe import *  # noqa: F403
from dashboard.errors.request import *  # noqa: F403
from dashboard.errors.store import *  # noqa: F403
