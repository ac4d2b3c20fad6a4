"""Twinkle: a device runtime for Azure IoT Hub on MicroPython and CPython."""

from .app import App as App
from .core.errors import BadRequest as BadRequest

__version__ = "0.1.0"
