"""The device twin tutorial: a fan, and components that come and go.

Values are texts, as in the tutorial. What is known is reported whole.
"""

from twinkle import App

UNKNOWN = "{unknown}"

app = App(config={"configId": 0, "sendFrequency": "5m"})
components = {}
report = {
    "firmwareVersion": "1.2.1",
    "lastPatchReceivedId": "",
    "fanOn": "",
    "minTemperature": "",
    "maxTemperature": "",
}


@app.desired("")
def any_change(board, delta, merged):
    """A patch names itself; one without a name is a reset."""
    if delta.get("patchId"):
        report["lastPatchReceivedId"] = delta["patchId"]
        return
    for name in ("lastPatchReceivedId", "minTemperature", "maxTemperature", "fanOn"):
        report[name] = UNKNOWN
    board.report(dict(report))


@app.desired("fanOn")
def fan(board, delta, merged):
    """The fan, for which the LED stands."""
    report["fanOn"] = delta or UNKNOWN
    if delta == "true":
        board.led.on()
    else:
        board.led.off()


@app.desired("components")
def component_changes(board, delta, merged):
    """Components are added, updated and deleted; the merged one is kept, not the change."""
    if delta is None:
        components.clear()
        board.log("all components are gone")
        return
    for name, value in delta.items():
        if value is None:
            if components.pop(name, None) is not None:
                board.log("component %s is deleted" % name)
        else:
            board.log("component %s is %s" % (name, "updated" if name in components else "added"))
            components[name] = merged[name]


@app.desired("components.climate")
def climate(board, delta, merged):
    """Both limits are reported, also when only one has changed."""
    if delta and ("minTemperature" in delta or "maxTemperature" in delta):
        report["minTemperature"] = merged.get("minTemperature")
        report["maxTemperature"] = merged.get("maxTemperature")
        board.report(dict(report))
