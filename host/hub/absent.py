"""What IoT Hub offers over HTTPS and this hub does not have, so that it is refused by its name.

The operations of the REST reference, version 2021-04-12.
"""

_MODULE, _MODULE_TWIN = "/devices/{id}/modules/{module}", "/twins/{id}/modules/{module}"
_FEEDBACK, _FILES = "/messages/servicebound/feedback", "/messages/servicebound/filenotifications"

ABSENT: dict[str, tuple[str, ...]] = {
    "modules": (
        *(f"{method} {_MODULE}" for method in ("GET", "PUT", "DELETE")),
        *(f"{method} {_MODULE_TWIN}" for method in ("GET", "PUT", "PATCH")),
        f"POST {_MODULE_TWIN}/methods",
    ),
    "configurations (automatic device management)": (
        "GET /configurations",
        "POST /configurations/testqueries",
        *(f"{method} /configurations/{{id}}" for method in ("GET", "PUT", "DELETE")),
        "POST /devices/{id}/applyconfigurationcontent",
    ),
    "jobs": (
        "GET /jobs/v2/query",
        "GET /jobs/v2/{id}",
        "PUT /jobs/v2/{id}",
        "POST /jobs/v2/{id}/cancel",
    ),
    "import and export of devices (but POST /devices)": (
        "GET /jobs",
        "POST /jobs/create",
        "GET /jobs/{id}",
        "DELETE /jobs/{id}",
    ),
    "feedback over HTTPS (read it over AMQP)": (
        f"GET {_FEEDBACK}",
        f"DELETE {_FEEDBACK}/{{lock}}",
        f"POST {_FEEDBACK}/{{lock}}/abandon",
    ),
    "file notifications over HTTPS (read them over AMQP)": (
        f"GET {_FILES}",
        f"DELETE {_FILES}/{{lock}}",
        f"POST {_FILES}/{{lock}}/abandon",
    ),
}
