"""The display of a start: one moving line in a terminal, plain lines in a log."""

import io

from dashboard.launch import display
from dashboard.launch.display import Display


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_has_one_line_a_step_which_is_written_over():
    out = Terminal()
    shown = Display(out)
    shown.step("Installing")
    shown.so_far("9 packages, 10 s")
    shown.so_far("10 packages")
    shown.say("Running")
    lines = out.getvalue().split("\n")
    assert lines[1:] == ["Running", ""]
    written = lines[0].split("\r")
    assert written[:2] == ["Installing", "Installing 9 packages, 10 s"]
    assert written[2].rstrip() == "Installing 10 packages"
    assert len(written[2]) == len(written[1])  # nothing is left of what was longer


def test_a_log_has_whole_lines_and_few(monkeypatch):
    out, now = io.StringIO(), [0.0]
    monkeypatch.setattr(display.time, "monotonic", lambda: now[0])
    shown = Display(out)
    shown.step("Installing")
    for second in range(0, 40, 2):
        now[0] = float(second)
        shown.so_far(f"{second} packages")
    shown.end()
    assert out.getvalue().split("\n") == ["Installing", "  16 packages", "  32 packages", ""]
    assert "\r" not in out.getvalue()


def test_a_step_without_an_end_leaves_no_open_line():
    out = Terminal()
    shown = Display(out)
    shown.step("Making")
    shown.step("Installing")
    shown.end()
    shown.end()
    assert out.getvalue() == "Making\nInstalling\n"
