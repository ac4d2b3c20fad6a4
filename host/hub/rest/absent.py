"""What IoT Hub offers over HTTPS and this hub does not have, so that it is refused by its name.

The operations of the REST reference, version 2021-04-12, and those that azure-iot-cli-extension asks for beside.
"""

ABSENT: dict[str, tuple[str, ...]] = {
    "IoT Edge, to which alone a content can be applied (configurations find their devices by themselves)": (
        "POST /devices/{id}/applyconfigurationcontent",
    ),
    "IoT Edge, whose hierarchies of devices these are": (
        "GET /devices/{id}/modules/{module}/devicesandmodulesindevicescope",
        "GET /devices/{id}/modules/{module}/deviceandmoduleindevicescope",
    ),
    "keys made anew for many devices (but PUT /devices/ID with empty ones)": (
        "POST /devices/keys/regenerate",
    ),
    "import and export of devices (but POST /devices)": (
        "POST /jobs/create",
        "GET /jobs/{id}",
        "DELETE /jobs/{id}",
    ),
}
