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

from .. import compat
from ..core import applying
from ..core.connection_string import check_host, check_id, parse
from ..core.device import Device
from ..core.document import decode
from ..core.errors import BadRequest, HardwareError, Held, SetupError
from . import certificates, safe_mode
from .log import LEVELS, Log, explained
from .runner import Runner
from .store import LARGEST, Store
from .terminal import Terminal

# Nobody needs them once the device is built; a Pico W has better use for what they take.
FOR_THE_START = (
    __name__,
    certificates.__name__,
    safe_mode.__name__,
    applying.__name__,
    "twinkle.core.connection_string",
)
# What is read here; the rest is the port's.
BOARD = (
    ("port", str),
    ("app", str),
    ("log", str),
    ("keepAlive", int),
    ("information", dict),
    ("telemetry", dict),
    ("sensor", dict),
    ("led", dict),
    ("console", dict),
    ("hold", dict),
    ("clockOffset", int),
)
CREDENTIALS = (("connectionString", str), ("wifi", dict))


def boot(directory, state=None):
    """Build the device that ``directory`` describes, and that keeps its records in ``state``.

    SetupError says what is wrong with it; Held, that somebody wants the interpreter's prompt.
    This module is let go of then, unless the caller keeps hold of it.
    """
    try:
        os.remove(directory + "/hold")
        hold = True
    except OSError:
        hold = False
    if hold:
        raise Held("no program until the next restart")
    # First, while there is the most memory: where it is no .mpy file it is compiled here.
    umqtt = compat.load_umqtt()
    settings = _read(directory, "board.json", BOARD)
    try:
        kind = _import(settings.get("port"), "Port")
    except MemoryError:
        raise  # which another start may cure
    except Exception as error:
        # A file of somebody else's may fail in any way.
        text = "port %s cannot be loaded: %s" % (settings.get("port"), explained(error))
        raise SetupError(text, "check board.json") from None
    credentials = _read(directory, "credentials.json", CREDENTIALS)
    wifi = credentials.get("wifi") or {}
    try:
        if wifi:
            wifi = {name: wifi[name] + "" for name in ("ssid", "password")}
    except (KeyError, TypeError):
        raise SetupError("wifi in credentials.json is unusable", "prepare the device again") from None
    try:
        if kind.held(settings):
            raise Held("no program: the hold pin is connected to ground")
        port = kind(settings, directory, wifi)
        if set(settings) & {"outputs", "inputs", "sensors"}:
            # What is named is seen to by the module beside the port's.
            port.wiring = _import(settings["port"] + "_wiring", "Wiring")(port, settings)
    except (AttributeError, ImportError, KeyError, TypeError, ValueError) as error:
        text = "board.json has a mistake: " + explained(error)
        raise SetupError(text, "try twinkle boards check") from None
    starts = port.count_start()
    stuck = port.stuck()
    terminal = Terminal(port)
    level = settings.get("log") or "info"
    if level not in LEVELS:
        raise SetupError("log in board.json is none of " + ", ".join(LEVELS), "use info")
    log = Log(terminal.note if port.log_on_console else print, port.ticks, level)
    text = credentials.get("connectionString")
    if not text:
        raise SetupError("credentials.json has no connectionString", "prepare the device again")
    who = parse(text)
    for secret in (text, wifi.get("password"), text.partition("SharedAccessKey=")[2].partition(";")[0]):
        log.hide(secret)
    context = certificates.load(directory, who.certified)
    waiting = settings.get("telemetry") or {}
    if not all([isinstance(number, int) and number > 0 for number in waiting.values()]):
        raise SetupError("telemetry in board.json has what is no number", "use capacity and disk")
    try:
        store = Store(state or directory + "/state", log.say, max(LARGEST, waiting.get("disk", 0)))
    except HardwareError as error:
        raise SetupError(error.text, error.remedy) from None
    chosen = store.load("wifi", lambda record: record["ssid"] + record["password"] + "")
    if chosen:
        log.hide(chosen["password"])
        port.join(chosen["ssid"], chosen["password"])
    keep_alive = settings.get("keepAlive") or 60
    if not 0 < keep_alive < 65536:  # MQTT 3.1.1, section 3.1.2.10
        raise SetupError("keepAlive in board.json is not from 1 to 65535", "use 60")
    information = settings.get("information") or {}
    if port.unique_id():
        information.setdefault("serialNumber", port.unique_id())
    safe = None  # why it is safe mode
    if stuck:
        stuck = "the program was ended in " + stuck
        log.say("error", stuck)
    if starts > safe_mode.AFTER:
        safe = safe_mode.REASON % (starts - 1)
        if stuck:
            safe += "; " + stuck
        try:
            safe_mode.put_aside(store, "config")
        except HardwareError as error:
            log.say("error", str(error))  # it helps nobody to start in no mode at all
    else:
        try:
            app = port.limited(_import, settings.get("app"), "app")
            _configuration(app.config)
        except (Exception, SystemExit) as error:
            safe = "the application cannot start: " + explained(error)
            port.forget_starts()  # they were not in vain: the next one is as good as this
    if safe:
        log.say("error", "safe mode: " + safe)
        app = safe_mode.application(starts, safe)

    def make(identity, now):
        records = {"config": store.load("config", _configuration)}
        for name in ("reboot", "telemetry"):
            records[name] = store.load(name)
        try:
            device = getattr(port.wiring, "device", Device)(
                app, identity, records, port.random, keep_alive, now, information, waiting, bool(safe)
            )
        except ImportError:
            text = "this board lacks what its application or disk in board.json needs"
            raise SetupError(text, "flash it again") from None
        device.context.explain = explained
        device.context.enter = port.enter
        device.problem = safe or stuck
        if store.damaged:
            device.problem = "damaged on flash, and put aside: " + ", ".join(store.damaged)
        led = settings.get("led")
        device.board.led.dims = not led or led.get("pwm")
        if safe:
            device.board.led.blink(safe_mode.BLINK_S)
        return device

    if not who.assigned:
        from ..core.provisioning import Onboarding

        assigned = store.load(
            "assigned", lambda record: (check_host(record["hub"]), check_id(record["deviceId"]))
        )
        device = Onboarding(who, assigned, make, app.model_id, port.random, port.ticks())
    else:
        device = make(who, port.ticks())
    compat.unload(*FOR_THE_START)
    return Runner(device, port, store, log, terminal, umqtt, context, keep_alive)


def _configuration(record):
    return applying.read(record["configId"], record["sendFrequency"])


def _read(directory, name, kinds):
    try:
        with open(directory + "/" + name, "rb") as file:
            content = decode(file.read())
    except OSError as error:
        if error.args[0] != 2:
            raise HardwareError("flash: %s" % error) from None
        raise SetupError("%s is missing in %s/" % (name, directory), "prepare the device again") from None
    except BadRequest:
        content = None
    if not isinstance(content, dict):
        raise SetupError("%s is not JSON that can be used" % name, "prepare the device again")
    for key, kind in kinds:
        value = content.get(key)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise SetupError(
                "%s in %s has a value of the wrong kind" % (key, name), "prepare the device again"
            )
    return content


def _import(name, what):
    # __import__ gives the outermost package; MicroPython has no importlib.
    module = __import__(name)
    for part in name.split(".")[1:]:
        module = getattr(module, part)
    return getattr(module, what)
