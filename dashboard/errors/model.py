"""Errors of a model, its tokenizer, and the machine and settings that it is loaded with."""

from __future__ import annotations

from dashboard.errors.base import DashboardError


class ModelNotAllowed(DashboardError):
    """The operator's list does not have this model. Facts: ``model, allowed``."""


class ModelUnknown(DashboardError):
    """The hub has no such model. Facts: ``model, name`` (without a revision; in the next four too)."""


class ModelPrivate(DashboardError):
    """The hub does not show it to this server: private, or no such model. Facts: ``model, name``."""


class ModelGated(DashboardError):
    """Its owner decides who may have it. Facts: ``model, name``."""


class ModelRemoved(DashboardError):
    """This server had it once; it is neither here nor on the hub any more. Facts: ``model, name``."""


class RevisionUnknown(DashboardError):
    """The hub has the model without that branch, tag or commit. Facts: ``model, name, revision``."""


class ModelPartial(DashboardError):
    """Part of it is on this machine, and the rest cannot be fetched now. Facts: ``model, missing, reason``."""


class HubBusy(DashboardError):
    """The hub asks this machine to wait. Facts: ``model, seconds``."""


class ModelIsDataset(DashboardError):
    """A data set in the place of a model. Facts: ``model``."""


class FolderMissing(DashboardError):
    """A local model's folder or GGUF file is not there. Facts: ``model``."""


class FolderWithoutModel(DashboardError):
    """A local folder has no ``config.json``. Facts: ``model, files`` (the first that it has)."""


class ModelUnreachable(DashboardError):
    """The model is not on this machine and the hub cannot be reached. Facts: ``model, reason``."""


class ModelNotCausal(DashboardError):
    """Measured: earlier logits move when the last token changes. Facts: ``model, kind, moved`` (the largest move)."""


class ModelEncoderDecoder(DashboardError):
    """It translates one text into another. Facts: ``model, kind``."""


class ModelWithoutHead(DashboardError):
    """A class without a language-model head that transformers knows. Facts: ``model, kind``."""


class ModelTypeUnknown(DashboardError):
    """This transformers does not know the model's type. Facts: ``model, kind, version``."""


class GgufArchitectureUnknown(DashboardError):
    """A GGUF file of an architecture that transformers does not read from GGUF. Facts: ``model, kind, version``."""


class ModelWithoutAttention(DashboardError):
    """No layer of the model has attention heads. Facts: ``model, kind``."""


class ModelUnsafe(DashboardError):
    """Weights only as pickle, or code of its own: never loaded. Facts: ``model, reason``."""


class ModelTooLarge(DashboardError):
    """More memory than there is. Facts: ``model, needed, available`` [GB]."""


class ModelBroken(DashboardError):
    """The files are there and do not load. Facts: ``model, reason``."""


class ModelIncomplete(DashboardError):
    """Weights and architecture do not match. Facts: ``model, missing, mismatched, unexpected`` (count and names)."""


class ModelNotFinite(DashboardError):
    """Weights or logits that are no numbers. Facts: ``model, where``."""


class ModelQuantized(DashboardError):
    """Quantised in a way that cannot be read here. Facts: ``model, method, reason``."""


class QuantizationPackageMissing(DashboardError):
    """Quantised, and what reads it is not installed. Facts: ``model, method, packages`` (as pip takes them)."""


class QuantizationNeedsGpu(DashboardError):
    """Quantised in a way that only graphics cards compute. Facts: ``model, method, device``."""


class ModelAdapter(DashboardError):
    """An adapter whose base is not on this machine. Facts: ``model, base``."""


class AdapterOnHub(DashboardError):
    """The hub has an adapter under this id; adapters are opened from folders. Facts: ``model``."""


class AdapterUnsupported(DashboardError):
    """An adapter that is not merged into its base here. Facts: ``model, base, reason``."""


class ModelFailed(DashboardError):
    """A library raised what nobody expected while the model was made ready. Facts: ``model, kind, reason``."""


class ModelLoading(DashboardError):
    """The model is still being loaded for somebody else. Facts: ``model, seconds``."""


class TokenizerMissing(DashboardError):
    """No file of the folder has a vocabulary. Facts: ``model``."""


class TokenizerUnreadable(DashboardError):
    """The vocabulary is there and cannot be read. Facts: ``model, files, reason``."""


class CacheUnwritable(DashboardError):
    """The cache folder refuses to be written. Facts: ``folder, reason``."""


class DeviceUnavailable(DashboardError):
    """The operator asked for a device that this machine does not have. Facts: ``device, available``."""


class SettingInvalid(DashboardError):
    """An operator's setting that cannot be read. Facts: ``setting, value, reason``, and ``variable``."""

    def __init__(self, **facts: object) -> None:
        """Keep the facts; the variable follows from the setting."""
        super().__init__(**facts, variable=f"LOGITSCOPE_{str(facts['setting']).upper()}")


class SettingUnknown(SettingInvalid):
    """A name in the settings file that no setting has. Facts: ``setting, file, nearest``."""
