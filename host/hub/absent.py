"""What IoT Hub offers over HTTPS and this hub does not have, so that it is refused by its name.

The operations of the REST reference, version 2021-04-12, and those of devices that speak HTTPS.
"""

_MESSAGES = "/devices/{id}/messages"
_FILES = "/messages/servicebound/filenotifications"

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
    "file upload": (
        "POST /devices/{id}/files",
        "POST /devices/{id}/files/notifications",
        f"GET {_FILES}",
        f"DELETE {_FILES}/{{lock}}",
        f"POST {_FILES}/{{lock}}/abandon",
    ),
    "devices over HTTPS (they connect by MQTT)": (
        f"POST {_MESSAGES}/events",
        f"GET {_MESSAGES}/devicebound",
        f"DELETE {_MESSAGES}/devicebound/{{lock}}",
        f"POST {_MESSAGES}/devicebound/{{lock}}/abandon",
    ),
}
