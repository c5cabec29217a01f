"""Where a model of the hub comes from: this machine's caches, else the hub; the same id gives the same commit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from dashboard.engine.api.model import CallControl, PinnedCommit, split_revision
from dashboard.engine.hub.cache import COMMIT, Snapshot, missing_files, own_cache, snapshots
from dashboard.engine.hub.download import Check, Download
from dashboard.engine.hub.pins import keep_public_name, pin, pinned_commit, public_name
from dashboard.engine.hub.refusals import explain_hub_errors
from dashboard.errors import CacheUnwritable, ModelGated, ModelPartial, ModelUnreachable
from dashboard.process.folders import data_folder
from dashboard.settings import Settings


def wanted_commit(model: str, settings: Settings) -> tuple[str, str, str]:
    """Name, revision and commit (empty: not settled yet) of an id."""
    name, revision = split_revision(model)
    if COMMIT.fullmatch(revision):
        return name, revision, revision
    return name, revision, pinned_commit(model, settings) or ""


def on_this_machine(model: str, settings: Settings, *, ask_hub: bool = False) -> Snapshot | None:
    """The whole snapshot that `model` means, if a cache has it.

    Args:
        model: id.
        settings: the operator's.
        ask_hub: only what everybody here may see: what the hub once showed without a token, and what earlier versions
            of this server fetched; the rest of the cache may be private. All of it where his token is everybody's.
    """
    name, revision, commit = wanted_commit(model, settings)
    public = not ask_hub or token_of_operator() is None or public_name(model, settings) is not None
    for snapshot in snapshots(name, commit or revision, settings):
        if (public or snapshot.cache == own_cache(settings)) and not missing_files(snapshot):
            return snapshot
    return None


def fetch(
    model: str, settings: Settings, control: CallControl, check: Check, *, ask_hub: bool = False
) -> tuple[Path, str]:
    """Folder with the files of `model`, and their commit; downloads what is not on this machine.

    Args:
        model: id on the hub, with ``@revision`` where one is wanted.
        settings: the operator's.
        control: progress and stop of a download.
        check: see `dashboard.engine.hub.download.Check`; called before weights are downloaded.
        ask_hub: see `on_this_machine`.

    Raises:
        ModelUnreachable: it is not on this machine and the hub cannot be reached.
        ModelPartial: part of it is on this machine, and the rest cannot be fetched.
        ModelGated, ModelPrivate, ModelRemoved, ModelUnknown, RevisionUnknown, HubBusy: see `dashboard.errors`.
        ModelUnsafe: no weights as safetensors, or code of its own.
        CacheUnwritable: the cache or the data folder cannot be written.
        Cancelled: ``control.cancel`` was set.
    """
    trust_certificates(settings)
    snapshot = on_this_machine(model, settings, ask_hub=ask_hub)
    if snapshot is None:
        if reason := offline_reason(settings):
            raise _not_here(model, settings, reason, ask_hub=ask_hub)
        snapshot = _download(model, settings, control, check)
    _remember(model, snapshot.commit, settings)
    return snapshot.folder, snapshot.commit


def _remember(model: str, commit: str, settings: Settings) -> None:
    if COMMIT.fullmatch(split_revision(model)[1]):
        return  # it names the commit itself
    try:
        pin(model, commit, settings)
    except OSError as error:
        raise CacheUnwritable(folder=data_folder(settings), reason=error.strerror or str(error)) from error


def _not_here(model: str, settings: Settings, reason: str, *, ask_hub: bool) -> ModelPartial | ModelUnreachable:
    name, revision, commit = wanted_commit(model, settings)
    parts = [] if ask_hub else [missing_files(s) for s in snapshots(name, commit or revision, settings)]
    if parts:
        return ModelPartial(model=model, missing=", ".join(parts[0][:5]), reason=reason)
    return ModelUnreachable(model=model, reason=reason)


def _download(model: str, settings: Settings, control: CallControl, check: Check) -> Snapshot:
    from huggingface_hub import constants

    name, revision, commit = wanted_commit(model, settings)
    cache, token = Path(constants.HF_HUB_CACHE), token_of_operator()
    fetched_before = pinned_commit(model, settings) is not None or public_name(model, settings) is not None
    with explain_hub_errors(model, name, commit or revision, fetched_before=fetched_before, cache=cache):
        info = _info(name, commit or revision, token)
        if info.gated and token is False:
            # its files may lie in the cache, where nobody asks whose they are
            raise ModelGated(model=model, name=name)
        folder = Download(name, info, cache, control, token).run(check)
        if token is False:
            keep_public_name(model, str(info.id or name), settings)
    return Snapshot(name, str(info.sha), folder, cache)


def commits(model: str, settings: Settings) -> PinnedCommit:
    """The commit that `model` is kept at, and the one that the hub has now. Raises as `fetch`."""
    from huggingface_hub import constants

    name, revision, pinned = wanted_commit(model, settings)
    branch = "main" if not revision or COMMIT.fullmatch(revision) else revision
    if reason := offline_reason(settings):
        raise ModelUnreachable(model=model, reason=reason)
    trust_certificates(settings)
    cache = Path(constants.HF_HUB_CACHE)
    with explain_hub_errors(model, name, branch, fetched_before=bool(pinned), cache=cache):
        info = _info(name, branch, token_of_operator())
    return PinnedCommit(model, pinned, str(info.sha), branch)


def _info(name: str, revision: str, token: bool | None) -> Any:
    import huggingface_hub as hf
    from huggingface_hub import constants

    return hf.HfApi(token=token).model_info(
        name, revision=revision or None, files_metadata=True, timeout=constants.HF_HUB_ETAG_TIMEOUT
    )


def token_of_operator() -> bool | None:
    """``None`` where the operator lets everyone here use his token (the client finds it), else ``False``."""
    disabled = os.environ.get("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1").strip().upper()
    return False if disabled in {"1", "ON", "YES", "TRUE"} else None


def offline_reason(settings: Settings) -> str:
    """The setting that forbids to ask the hub; empty where it may be asked."""
    from huggingface_hub import constants

    if settings.offline:
        return "LOGITSCOPE_OFFLINE"
    return "HF_HUB_OFFLINE" if constants.is_offline_mode() else ""


def trust_certificates(settings: Settings) -> None:
    """Have downloads trust the operator's certificates (the hub's client reads these variables)."""
    if settings.ca_bundle:
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            os.environ[name] = settings.ca_bundle
