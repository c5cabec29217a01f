"""Fixtures for tests of jobs: runners that end with their test."""

import pytest

from tests.made.jobs import made_runner, threads


@pytest.fixture
def open_runner(tmp_path):
    """Makes runners on one folder; none of their threads outlives the test."""
    made = []

    def make(*arguments, root=tmp_path / "jobs", **options):
        made.append(made_runner(root, *arguments, **options))
        return made[-1]

    yield make
    for runner in made:
        runner.close(30)
    assert not threads()


@pytest.fixture
def runner(open_runner):
    """One runner."""
    return open_runner()
