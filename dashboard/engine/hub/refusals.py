"""Why the hub does not give a model, as errors that a person can read."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dashboard.engine.device.memory import first_line
from dashboard.errors import (
    CacheUnwritable,
    DashboardError,
    HubBusy,
    ModelGated,
    ModelIsDataset,
    ModelPrivate,
    ModelRemoved,
    ModelUnknown,
    ModelUnreachable,
    RevisionUnknown,
)

_UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EEXIST)
_UNAUTHORISED, _TOO_MANY = 401, 429


@contextlib.contextmanager
def explain_hub_errors(model: str, name: str, revision: str, *, fetched_before: bool, cache: Path) -> Iterator[None]:
    """Turn what the hub's client raises into an error with words of its own.

    Args:
        model: id, for messages.
        name: of the model on the hub.
        revision: that was asked for: a commit where one is pinned; empty: the default branch.
        fetched_before: this server had the model once.
        cache: where it is fetched to.

    Raises:
        ModelGated, ModelPrivate, ModelRemoved, ModelUnknown, ModelIsDataset, RevisionUnknown: the hub refuses.
        HubBusy, ModelUnreachable: it cannot be asked now.
        CacheUnwritable: the cache cannot be written.
    """
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise ModelGated(model=model, name=name) from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError, errors.DisabledRepoError) as error:
        raise _not_found(model, name, error, fetched_before) from error
    except errors.RevisionNotFoundError as error:
        raise RevisionUnknown(model=model, name=name, revision=revision or "main") from error
    except (
        errors.HfHubHTTPError,
        errors.OfflineModeIsEnabled,
        errors.EntryNotFoundError,
        errors.FileMetadataError,
        OSError,
    ) as error:
        raise _unreachable(model, error, cache) from error
    except Exception as error:
        # the client's HTTP library has errors of its own; anything else is our mistake
        if type(error).__module__.split(".")[0].startswith(("httpx", "httpcore")):
            raise ModelUnreachable(model=model, reason=type(error).__name__) from error
        raise


def _not_found(model: str, name: str, error: Any, fetched_before: bool) -> DashboardError:
    response = getattr(error, "response", None)
    if fetched_before:
        return ModelRemoved(model=model, name=name)
    if response is None or not _is_dataset(name):
        # without a token the hub answers alike for what is private and for what there is not
        hidden = response is not None and response.status_code == _UNAUTHORISED
        return ModelPrivate(model=model, name=name) if hidden else ModelUnknown(model=model, name=name)
    return ModelIsDataset(model=model)


def _is_dataset(name: str) -> bool:
    """Whether the hub has a data set of that name that everybody sees."""
    import huggingface_hub as hf

    try:
        return bool(hf.HfApi().repo_exists(name, repo_type="dataset", token=False))
    except Exception:  # noqa: BLE001 - the hub that just refused may refuse this too; then it is no data set
        return False


def _unreachable(model: str, error: BaseException, cache: Path) -> DashboardError:
    """The error of a network, a hub or a disk that fails."""
    from huggingface_hub.utils import parse_ratelimit_headers

    for cause in _causes(error):
        response = getattr(cause, "response", None)
        if response is not None and response.status_code == _TOO_MANY:
            limit = parse_ratelimit_headers(response.headers)
            wait = limit.reset_in_seconds if limit else response.headers.get("retry-after", "")
            return HubBusy(model=model, seconds=int(wait) if str(wait).isdigit() else 60)
        if getattr(cause, "errno", None) in _UNWRITABLE:
            return CacheUnwritable(folder=cache, reason=first_line(cause))
    *_, last = _causes(error)
    return ModelUnreachable(model=model, reason=first_line(last) if str(last) else type(last).__name__)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that it was raised from."""
    current: BaseException | None = error
    for _ in range(10):
        if current is None:
            return
        yield current
        current = current.__cause__
