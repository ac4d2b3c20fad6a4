"""What IoT Hub offers over HTTPS and this hub does not have, so that it is refused by its name.

The operations of the REST reference, version 2021-04-12.
"""

ABSENT: dict[str, tuple[str, ...]] = {
    "IoT Edge, to which alone a content can be applied (configurations find their devices by themselves)": (
        "POST /devices/{id}/applyconfigurationcontent",
    ),
    "import and export of devices (but POST /devices)": (
        "GET /jobs",
        "POST /jobs/create",
        "GET /jobs/{id}",
        "DELETE /jobs/{id}",
    ),
}
