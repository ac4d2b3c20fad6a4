"""What the hub refuses, and with which documented code.

Numbers and names: IoT Hub "Troubleshoot error codes" and the REST reference's
common error codes. A message says what is wrong, who can mend it and how, and
never contains a key, a token or a signature.
"""

from typing import Any

from .times import iso, us_time

# name -> (HTTP status, code). All names are documented; a number that is not ends in 000.
CODES: dict[str, tuple[int, int]] = {
    "InvalidProtocolVersion": (400, 400001),
    "ArgumentInvalid": (400, 400004),
    "IotHubFormatError": (400, 400006),
    "DeviceDefinedMultipleTimes": (400, 400011),
    "InvalidConfigurationTargetCondition": (400, 400401),
    "InvalidConfigurationContent": (400, 400402),
    "CannotModifyImmutableConfigurationContent": (400, 400403),
    "InvalidConfigurationCustomMetricsQuery": (400, 400404),
    "InvalidDigitalTwinJsonPatch": (400, 400505),
    "InvalidDigitalTwinPayload": (400, 400506),
    "InvalidDigitalTwinPatch": (400, 400507),
    "InvalidDigitalTwinPatchPath": (400, 400508),
    "IotHubUnauthorizedAccess": (401, 401002),
    "IotHubUnauthorized": (401, 401003),
    "DeviceMaximumQueueDepthExceeded": (403, 403004),
    "DeviceMaximumActiveFileUploadLimitExceeded": (403, 403006),
    "DeviceModelMaxPropertiesExceeded": (403, 403100),
    "DeviceMaximumInflightMethodExceeded": (403, 403800),
    "GenericNotFound": (404, 404000),
    "DeviceNotFound": (404, 404001),
    "JobNotFound": (404, 404002),
    "ModuleNotFound": (404, 404010),
    "DeviceNotOnline": (404, 404103),
    "DeviceConnectionClosedRemotely": (404, 404104),
    "ConfigurationNotFound": (404, 404301),
    "EnrollmentNotFound": (404, 404201),
    "RegistrationNotFound": (404, 404000),
    "CertificateAuthorityNotFound": (404, 404000),
    "GenericMethodNotAllowed": (405, 405000),
    "OperationNotAllowedInCurrentState": (405, 405102),
    "DeviceAlreadyExists": (409, 409001),
    "JobAlreadyExists": (409, 409104),
    "ModuleAlreadyExistsOnDevice": (409, 409301),
    "ConfigurationAlreadyExists": (409, 409401),
    "EnrollmentConflict": (409, 409000),
    "CertificateAuthorityConflict": (409, 409000),
    "PreconditionFailed": (412, 412001),
    "DeviceMessageLockLost": (412, 412002),
    "JobRunPreconditionFailed": (412, 412003),
    "MessageTooLarge": (413, 413001),
    "TooManyDevices": (413, 413002),
    "TooManyModulesOnDevice": (413, 413003),
    "ConfigurationCountLimitExceeded": (413, 413101),
    "ThrottlingException": (429, 429001),
    "ThrottlingMaxActiveJobCountExceeded": (429, 429004),
    "ServerError": (500, 500001),
    "FeatureNotSupported": (501, 501000),
    "ServiceUnavailable": (503, 503001),
    "GatewayTimeout": (504, 504101),
}


class HubError(Exception):
    """A request the hub refuses.

    ``status`` is the HTTP status, ``code`` the documented number, ``name`` its
    name, ``message`` the text for a person; ``info`` is the ``info`` object of a
    method error's body (possibly empty).
    """

    def __init__(self, name: str, message: str, info: dict[str, Any] | None = None):
        super().__init__(name, message)
        self.status, self.code = CODES[name]
        self.name = name
        self.message = message
        self.info = info or {}

    def __str__(self) -> str:
        return f"{self.code} {self.name}: {self.message}"


class ConnectRefused(Exception):
    """A CONNECT the hub answers with a CONNACK other than 0.

    ``code`` is the CONNACK return code (MQTT 3.1.1 section 3.2.2.3), ``reason``
    the text for the hub's log: MQTT 3.1.1 cannot carry it to the device.
    """

    def __init__(self, code: int, reason: str):
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"CONNACK {self.code}: {self.reason}"


def device_not_found(device_id: str) -> HubError:
    """404001 for an id that is not registered."""
    return HubError(
        "DeviceNotFound",
        f"The device {device_id!r} is not registered on this hub; device ids are case-sensitive. "
        "List the devices to see the right id, or create it first.",
    )


def module_not_found(device_id: str, module_id: str) -> HubError:
    """404010 for a module that the device does not have."""
    return HubError(
        "ModuleNotFound",
        f"The device {device_id!r} has no module {module_id!r}; module ids are case-sensitive. "
        "List the device's modules to see the right id, or create it first.",
    )


def not_stored(what: str, error: Exception) -> HubError:
    """500001 for what the store would not take, for whatever reason: the core knows only that it is not safe."""
    return HubError(
        "ServerError",
        f"The hub could not store {what} ({error}); nothing was changed. "
        "Make room on the hub's disk and try again.",
    )


def device_disabled(device_id: str) -> HubError:
    """404001 for an identity that is disabled: to callers it is not there."""
    return HubError("DeviceNotFound", f"The device {device_id!r} is disabled; enable it before calling it.")


def device_error_body(error: HubError, utc: float, tracking: str) -> dict[str, Any]:
    """The JSON body of a refused twin request, as a device receives it.

    ``tracking`` is 32 hexadecimal digits. The shape is the one seen in field
    reports; no document gives it.
    """
    return {
        "errorCode": error.code,
        "trackingId": f"{tracking}-G:0-TimeStamp:{us_time(utc)}",
        "message": error.message,
        "timestampUtc": iso(utc),
    }
