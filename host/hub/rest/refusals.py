"""Refusals as IoT Hub's REST service has them, each of which is in the log, too."""

import json
import logging
import time
import uuid
from http import HTTPStatus

from aiohttp import web

from ..core import HubError
from ..core.times import us_time

log = logging.getLogger("twinkle.hub")


def refusal(request: web.Request, error: HubError, nested: bool = False) -> web.Response:
    """The answer to a request that the hub refuses. ``nested``: with JSON inside the message, as methods have it."""
    log.info("%s %s: %s", request.method, request.path, error)
    tracking = f"Tracking ID:{uuid.uuid4().hex}-G:0-TimeStamp:{us_time(time.time())}"
    if nested:
        inner = {
            "errorCode": error.code,
            "trackingId": tracking,
            "message": error.message,
            "info": error.info,
        }
        body = {"Message": json.dumps(inner), "ExceptionMessage": ""}
    else:
        body = {"Message": f"ErrorCode:{error.name};{error.message}", "ExceptionMessage": tracking}
    reason = HTTPStatus(error.status).phrase
    if error.status == HTTPStatus.NOT_IMPLEMENTED:
        # All that azure-iot-hub shows of it.
        reason += f": {error.message.partition('.')[0]}"
    return web.json_response(
        body, status=error.status, reason=reason, headers={"iothub-errorcode": error.name}
    )


def fault(request: web.Request, status: int) -> web.Response:
    """The answer to a request that is to fail, whatever it asks."""
    log.info("%s %s: %d, a fault that was asked for", request.method, request.path, status)
    body = {"Message": "ErrorCode:FaultAskedFor;A fault that was asked for.", "ExceptionMessage": ""}
    return web.json_response(body, status=status, headers={"iothub-errorcode": "FaultAskedFor"})
