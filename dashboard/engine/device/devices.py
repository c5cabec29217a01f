"""Choice of device and dtype; names and synchronisation of devices."""

from __future__ import annotations

import platform
from typing import Any

from dashboard.errors import DeviceUnavailable, SettingInvalid

DEVICES = ("cuda", "mps", "xpu", "cpu")
"""In the order of preference."""
_memory: dict[str, int] = {}
"""Memory of devices by the operator's setting, once it was asked for [bytes]."""
DTYPES = ("float32", "bfloat16", "float16", "auto")


def available() -> tuple[str, ...]:
    """The kinds of device that this machine has, best first."""
    import torch

    has = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "xpu": hasattr(torch, "xpu") and torch.xpu.is_available(),
        "cpu": True,
    }
    return tuple(device for device in DEVICES if has[device])


def pick_device(wanted: str) -> str:
    """``auto``: the best available device; else `wanted` (``cuda:1`` names one of several).

    Raises:
        DeviceUnavailable: this machine lacks it.
    """
    devices = available()
    if wanted == "auto":
        return devices[0]
    if wanted.partition(":")[0] not in devices:
        raise DeviceUnavailable(device=wanted, available=", ".join(devices))
    return wanted


def measure_memory(wanted: str) -> None:
    """Ask how much memory the device of that setting has, for `known_memory`. Raises as `pick_device`."""
    import psutil
    import torch

    device = pick_device(wanted)
    cuda = device.startswith("cuda")
    _memory[wanted] = torch.cuda.mem_get_info(device)[1] if cuda else psutil.virtual_memory().total


def known_memory(wanted: str) -> int | None:
    """All memory of the device of that setting [bytes]; ``None`` until torch was asked: lists do not wait for it."""
    return _memory.get(wanted)


def device_name(device: str) -> str:
    """The device's own name, for people."""
    import torch

    kind = device.partition(":")[0]
    if kind == "cuda":
        return str(torch.cuda.get_device_name(device))
    if kind == "xpu":
        return str(torch.xpu.get_device_name(device))
    return "Apple GPU" if kind == "mps" else f"CPU ({platform.processor() or platform.machine()})"


def pick_dtype(wanted: str, config: Any) -> Any:
    """The torch dtype; ``auto``: as the model is stored.

    Raises:
        SettingInvalid: no such dtype.
    """
    import torch

    if wanted not in DTYPES:
        raise SettingInvalid(setting="dtype", value=wanted, reason="dtype = " + " | ".join(DTYPES))
    if wanted == "auto":
        stored = getattr(config, "dtype", None)
        return stored if isinstance(stored, torch.dtype) else torch.float32
    return getattr(torch, wanted)


def synchronize(device: str) -> None:
    """Wait until the device has finished its work, so that measured seconds are right."""
    kind = device.partition(":")[0]
    if kind != "cpu":
        import torch

        module: Any = getattr(torch, kind)
        module.synchronize()
