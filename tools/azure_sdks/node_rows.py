"""The rows of the Node SDKs: as those of Python, in a process of Node's own."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from azure.iot.device import ProvisioningDeviceClient

from .world import World

HERE = Path(__file__).resolve().parent / "node"
PACKAGES = HERE.parents[2] / ".twinkle" / "node"  # tools/sdks brings them
LIMIT_S = 240
ENROLMENTS = 18  # as many as its calls use


def are_here() -> bool:
    """Whether there are Node and the packages."""
    return shutil.which("node") is not None and (PACKAGES / "node_modules" / "azure-iothub").is_dir()


def node_packages(world: World) -> dict[str, Any]:
    """Each package, with its version and its classes' rows. RuntimeError when Node says nothing."""
    about = {
        "service": world.service.replace(":443;", ";"),  # a port in it is none that they can read
        "provisioning": world.provisioning and world.provisioning.replace(":443;", ";"),
        "address": world.address,
        "ca": world.ca,
        "idScope": world.hub.info["idScope"],
        "enrolments": [enrolled(world) for _ in range(ENROLMENTS)],
        "registered": registered(world),
        "forgotten": registered(world),
    }
    done = subprocess.run(
        ["node", HERE / "run.js", PACKAGES, json.dumps(about)],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"node ended with {done.returncode}: {done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def enrolled(world: World) -> dict[str, str]:
    """A new enrolment with a key."""
    name = world.name("node-registration")
    return {"name": name, "key": world.hub.enrol(name)}


def registered(world: World) -> str:
    """The id of a device that has registered."""
    own = enrolled(world)
    scope = world.hub.info["idScope"]
    ProvisioningDeviceClient.create_from_symmetric_key(
        world.address, own["name"], scope, own["key"], server_verification_cert=world.ca
    ).register()
    return own["name"]
