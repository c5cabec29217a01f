"""Models in a person's own folders and files: settings that name them, and how one that cannot be opened is refused."""

from pathlib import Path

import pytest

from dashboard.engine.local import LocalEngine
from dashboard.engine.models import registry
from dashboard.errors import DashboardError
from dashboard.i18n import LANGUAGES, Catalogue
from dashboard.settings import Settings


def settings_for(*paths: Path, **values: object) -> Settings:
    """Settings that offer these folders or files and nothing else."""
    return Settings(models=(), local_models=tuple(map(str, paths)), cache_dir=paths[0].parent, offline=True, **values)


def assert_refused(path: Path, error: str) -> None:
    """Check that opening it ends in this error, which names the model in every language, and that it stays listed."""
    model = f"local/{path.name}"
    with pytest.raises(DashboardError) as refused:
        LocalEngine(settings_for(path)).describe(model)
    assert type(refused.value).__name__ == error, refused.value
    for language in LANGUAGES:
        words = Catalogue(language)(refused.value.message_id, **refused.value.facts)
        assert model in words
        assert str(path.parent.parent) not in words
    assert [spec.id for spec in registry.available_models(settings_for(path))] == [model]
