"""From files to a running device.

A device's directory holds

    board.json         what the board is (from ``boards/``)
    credentials.json   {"connectionString": …, "wifi": {"ssid", "password"}}, written by the
                       host, only read here
    ca.pem             the certificate authorities to trust
    device.pem         the device's certificate (and those that issued it), for x509=true
    device.key         its private key
    hold               says that the program is to be left out, once
    state/             written by the device alone, unless that is elsewhere
"""

import os

from ..core import safe_mode
from ..core.connection_string import parse
from ..core.device import Device
from ..core.document import decode
from ..core.errors import BadRequest, Held, SetupError
from . import compat
from .log import Log
from .runner import Runner
from .store import LARGEST, Store
from .terminal import Terminal

# Nobody needs them once the device is built; a Pico W has better use for what they take.
FOR_THE_START = (__name__, "twinkle.core.connection_string")


def boot(directory, state=None):
    """Build the device that ``directory`` describes, and that keeps its records in ``state``.

    SetupError says what is wrong with it; Held, that somebody wants the interpreter's prompt.
    This module is let go of then, unless the caller keeps hold of it.
    """
    if _take(directory + "/hold"):
        raise Held("no program until the next restart")
    settings = _read(directory, "board.json")
    kind = _load(settings, "port").Port
    if kind.held(settings):
        raise Held("no program, since the hold pin is connected to ground")
    credentials = _read(directory, "credentials.json")
    wifi = credentials.get("wifi") or {}
    port = kind(settings, directory, wifi)
    starts = port.count_start()
    terminal = Terminal(port)
    log = Log(terminal.note if port.log_on_console else print, port.ticks, settings.get("log", "info"))
    who = parse(_need(credentials, "connectionString", "credentials.json"))
    log.hide(credentials["connectionString"])
    log.hide(wifi.get("password"))
    log.hide(credentials["connectionString"].partition("SharedAccessKey=")[2].partition(";")[0])
    try:
        with open(directory + "/ca.pem", "rb") as file:
            roots = file.read()
    except OSError:
        raise SetupError("the CA file is missing", "give the device the hub's CA file (--ca-file)") from None
    own = (directory + "/device.pem", directory + "/device.key") if who.certified else None
    waiting = settings.get("telemetry", {})
    store = Store(state or directory + "/state", log.say, max(LARGEST, waiting.get("disk", 0)))
    chosen = store.load("wifi")
    if chosen:
        log.hide(chosen["password"])
        port.join(chosen["ssid"], chosen["password"])
    keep_alive = settings.get("keepAlive", 60)
    information = dict(settings.get("information", {}))
    if port.unique_id():
        information.setdefault("serialNumber", port.unique_id())
    safe = starts > safe_mode.AFTER
    if safe:
        log.say("error", "safe mode: " + safe_mode.reason(starts))
        store.put_aside("config")
    app = safe_mode.application(starts) if safe else _load(settings, "app").app

    def make(identity, now):
        records = {name: store.load(name) for name in ("config", "reboot", "telemetry")}
        device = Device(app, identity, records, port.random, keep_alive, now, information, waiting, safe)
        if safe:
            device.board.led.blink(safe_mode.BLINK_S)
        return device

    if not who.assigned:
        from ..core.provision import Onboarding

        device = Onboarding(who, store.load("assigned"), make, app.model_id, port.random)
    else:
        device = make(who, port.ticks())
    compat.unload(*FOR_THE_START)
    try:
        return Runner(device, port, store, log, terminal, compat.load_umqtt(), roots, own, keep_alive)
    except compat.SOCKET_ERRORS as error:
        files = "ca.pem, device.pem or device.key" if own else "the CA file"
        raise SetupError("%s cannot be used (%s)" % (files, error), "they must hold PEM") from None


def _take(path):
    try:
        os.remove(path)
    except OSError:
        return False
    return True


def _read(directory, name):
    try:
        with open(directory + "/" + name, "rb") as file:
            content = decode(file.read())
    except OSError:
        raise SetupError("%s is missing in %s/" % (name, directory), "prepare the device again") from None
    except BadRequest:
        raise SetupError("%s is not JSON" % name, "prepare the device again") from None
    if not isinstance(content, dict):
        raise SetupError("%s is not a JSON object" % name, "prepare the device again")
    return content


def _need(content, key, name):
    if not content.get(key):
        raise SetupError("%s has no %s" % (name, key), "prepare the device again")
    return content[key]


def _load(settings, key):
    # __import__ gives the outermost package; MicroPython has no importlib.
    name = _need(settings, key, "board.json")
    try:
        module = __import__(name)
        for part in name.split(".")[1:]:
            module = getattr(module, part)
    except (ImportError, AttributeError) as error:
        raise SetupError("%s %s cannot be loaded (%s)" % (key, name, error), "check board.json") from None
    return module
