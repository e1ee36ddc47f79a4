"""The memory of the graphics cards that llama.cpp can use, asked of ggml itself."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backends.llama_cpp.native_library import lib
from backends.llama_cpp.options import LlamaCppOptions

_VIDEO_DEVICE_TYPES = frozenset({1, 2})  # GGML_BACKEND_DEVICE_TYPE_GPU, …_IGPU


@dataclass(frozen=True, slots=True)
class VideoDevice:
    """A graphics card, with its bytes of memory."""

    name: str
    free: int
    total: int


def list_video_devices(library: ctypes.CDLL | None = None) -> list[VideoDevice]:
    """Return the cards; none in a build for the processor alone, or one that does not tell.

    `library` has ggml's symbols; by default llama.cpp's, which include them.
    """
    ggml: Any = lib.llama_cpp._lib if library is None else library
    try:
        count, get = ggml.ggml_backend_dev_count, ggml.ggml_backend_dev_get
        kind, name = ggml.ggml_backend_dev_type, ggml.ggml_backend_dev_name
        memory = ggml.ggml_backend_dev_memory
    except AttributeError:
        return []
    count.restype, count.argtypes = ctypes.c_size_t, []
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    kind.restype, kind.argtypes = ctypes.c_int, [ctypes.c_void_p]
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.c_void_p]
    sizes = ctypes.POINTER(ctypes.c_size_t)
    memory.restype, memory.argtypes = None, [ctypes.c_void_p, sizes, sizes]
    devices = []
    for number in range(count()):
        device = get(number)
        if kind(device) in _VIDEO_DEVICE_TYPES:
            free, total = ctypes.c_size_t(), ctypes.c_size_t()
            memory(device, ctypes.byref(free), ctypes.byref(total))
            shown = (name(device) or b"").decode("utf-8", "replace")
            devices.append(VideoDevice(shown, free.value, total.value))
    return devices


def free_video_memory(devices: Sequence[VideoDevice], options: LlamaCppOptions) -> int | None:
    """Return the free bytes of the cards that a model may use; None if there is none."""
    if not devices or options.n_gpu_layers == 0:
        return None
    if options.split_mode == "none":
        return devices[min(options.main_gpu, len(devices) - 1)].free
    return sum(device.free for device in devices)
