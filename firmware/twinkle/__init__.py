"""Twinkle: a device runtime for Azure IoT Hub on MicroPython and CPython."""

from .app import App
from .core.errors import BadRequest

__version__ = "0.1.0"
__all__ = ("App", "BadRequest")
