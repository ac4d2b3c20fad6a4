"""What the README shows works."""

import re

from support import ROOT

from twinkle.core import actions
from twinkle.core.connection_string import parse
from twinkle.core.device import Device


def test_the_application_of_the_readme_runs():
    (source,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    names = {}
    exec(compile(source, "README.md", "exec"), names)
    app = names["app"]
    assert set(app.methods) == {"beep"} and set(app.writables) == {(None, "brightness")}
    assert [path for path, _ in app.desired_handlers] == ["components.fan"]
    who = parse("HostName=h;DeviceId=d;SharedAccessKey=AAAA")
    device = Device(app, who, {}, lambda: 0.5)
    device.on_time(1700000000, 0)
    device.step(0)
    device.on_done(actions.connect("", 0), None, 0)
    device.step(0)
    device.on_message(
        "$iothub/twin/res/200/?$rid=g1", b'{"desired":{"brightness":2,"$version":4},"reported":{}}', 0
    )
    device.on_message("$iothub/methods/POST/beep/?$rid=7", b"null", 0)
    asked = device.step(0)
    assert ("led", 2 / 3) in asked
    assert ("publish", "$iothub/methods/res/202/?$rid=7", b"null", 0) in asked
    report = next(action[2] for action in asked if "reported" in str(action[1]))
    assert b'"brightness": {"value": 2, "ac": 200, "av": 4' in report
    assert ("led", 0.0) in device.step(500)


def test_the_commands_of_the_readme_exist():
    from twinkle_host.cli import twinkle

    for verb in re.findall(r"^twinkle (\w+)", (ROOT / "README.md").read_text(), re.M):
        assert verb in twinkle.commands, verb
    for tool in ("demo", "test", "setup", "bench"):
        assert (ROOT / "tools" / tool).stat().st_mode & 0o111
