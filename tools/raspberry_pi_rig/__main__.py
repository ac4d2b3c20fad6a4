"""Makes the cards, starts the computers, judges them, and prints what came of it."""

import argparse
import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

from . import checks, debian, image, kernel, page, simulator, tree, wheel
from .hub import LocalHub
from .judge import Judge, Verdict
from .machine import Machine, end
from .steps import StepFailed, Steps

ROOT = Path(__file__).resolve().parents[2]
TWINKLE = ROOT / ".twinkle/venv/bin/twinkle"
SUITES = ("bookworm", "trixie")
BOARDS = ("raspberry_pi", "raspberry_pi_5")
MADE = "made: "  # begins the steps that make what later runs find in the cache


def main() -> int:
    """Exit status 1 when a check failed or could not be tried."""
    parser = argparse.ArgumentParser(prog="tools/raspberry_pi", description=__doc__)
    parser.add_argument(
        "--suite", choices=SUITES, help="Debian's release; without it, each, at the same time"
    )
    parser.add_argument("--board", choices=BOARDS, default=BOARDS[0], help="the board file that comes first")
    parser.add_argument(
        "--record", action="store_true", help="write docs/boards.md of each release's last run"
    )
    parser.add_argument("--work", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--downloads", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--mirror", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    # Everything that was started here is ended in good order, also when this is.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    begun = time.monotonic()
    if options.suite:
        verdicts = _card(options)
    else:
        _each_suite()
        verdicts = [verdict for suite in SUITES for verdict in _recorded(options.work / suite)["checks"]]
    if options.record:
        page.write(ROOT / "docs", {suite: _recorded(options.work / suite) for suite in SUITES})
    failed = sum(not verdict["passed"] for verdict in verdicts)
    print(
        f"{len(verdicts) - failed} passed, {failed} failed, in {time.monotonic() - begun:.0f} s", flush=True
    )
    return 1 if failed or not verdicts else 0


def _each_suite() -> None:
    """Run this again for each release; an emulated computer keeps little more than one processor busy."""
    command = [sys.executable, "-m", __package__, *sys.argv[1:]]
    command = [word for word in command if word != "--record"]
    running = [subprocess.Popen([*command, "--suite", suite]) for suite in SUITES]
    try:
        for process in running:
            process.wait()
    finally:
        for process in running:
            end(process)


def _recorded(folder: Path) -> dict:
    """What the run for one release has found."""
    try:
        return json.loads((folder / "record.json").read_text())
    except FileNotFoundError:
        return {
            "date": "",
            "board": "",
            "seconds": 0.0,
            "made": 0.0,
            "facts": {},
            "checks": [asdict(Verdict("The run came to its end.", False, 0.0))],
        }


def _card(options: argparse.Namespace) -> list[dict]:
    """Make one release's card, and judge the product on it; what was found is also in record.json."""
    begun = time.monotonic()
    folder = options.work / options.suite
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / "record.json"
    record.unlink(missing_ok=True)
    steps = Steps(folder, options.suite)
    judge = Judge(steps)
    hub = LocalHub(TWINKLE, folder)
    facts: dict[str, str] = {}
    machine = None
    try:
        packed, kernel_folder, simulated, wheels = _parts(options, steps)
        root = folder / "root"
        with steps.step("the card, with the product on it"):
            key = _key(folder, steps)
            tree.unpack(packed, root, steps)
            tree.dress(root, kernel_folder, simulated, wheels, key.with_suffix(".pub").read_text(), steps)
            listing = _listing(root)
            shutil.rmtree(hub.state, ignore_errors=True)
            hub.start()
            _install(options.board, root, hub, steps)
        with steps.step("its Python packages"):
            tree.prepare(root, steps)
        image.make(root, folder / "card.img", steps)
        host_key = (root / "etc/ssh/ssh_host_ed25519_key.pub").read_text()
        machine = Machine(kernel_folder, folder / "card.img", folder, key, host_key)
        (other,) = set(BOARDS) - {options.board}
        left_out = () if any(simulated.iterdir()) else (checks.inputs.edges_arrive,)
        world = checks.World(machine, hub, steps, options.board, other, listing, left_out, facts)
        checks.judge_all(world, judge)
    except StepFailed as error:
        steps.say(f"FAIL  {error}")
        judge.verdicts.append(Verdict("The product is installed on the card.", False, 0.0, str(error)))
    finally:
        if machine is not None:
            machine.close()
        hub.stop()
    found = [asdict(verdict) for verdict in judge.verdicts]
    made = sum(seconds for step, seconds in steps.times.items() if step.startswith(MADE))
    told = {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "board": options.board,
        "seconds": round(time.monotonic() - begun),
        "made": round(made),
        "facts": facts,
        "checks": found,
    }
    record.write_text(json.dumps(told))
    return found


def _parts(options: argparse.Namespace, steps: Steps) -> tuple[Path, ...]:
    """What is kept between runs: the packed tree, folders of the kernel, the simulated chip and wheels."""
    suite, downloads = options.suite, options.downloads / options.suite

    def kept(name: str, module: ModuleType, make: Callable[[Path], None]) -> Path:
        """A part that was made by this very text of ``module``, made now if need be."""
        digest = hashlib.sha256(Path(module.__file__).read_bytes()).hexdigest()
        path = options.work / "kept" / suite / f"{name}-{digest[:12]}"
        if not path.exists():
            for old in path.parent.glob(f"{name}-*"):
                shutil.rmtree(old) if old.is_dir() else old.unlink()
            path.parent.mkdir(parents=True, exist_ok=True)
            with steps.step(MADE + name):
                make(path)
        return path

    packed = kept(
        "tree", debian, lambda path: debian.make_tree(suite, options.mirror, path, downloads / "tree", steps)
    )
    folder = kept("kernel", kernel, lambda path: kernel.make(suite, path, downloads / "kernel", steps))
    version = (folder / "version").read_text()
    simulated = kept(
        "simulator", simulator, lambda path: simulator.make(suite, version, path, downloads / "kernel", steps)
    )
    wheels = kept("wheels", wheel, lambda path: wheel.make(suite, path, downloads / "wheels", steps))
    return packed, folder, simulated, wheels


def _key(folder: Path, steps: Steps) -> Path:
    key = folder / "key"
    if not key.exists():
        steps.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    return key


def _listing(root: Path) -> set[str]:
    found = subprocess.run(
        ["sh", "-c", checks.removal.LISTING], cwd=root, capture_output=True, text=True, check=True
    )
    return set(found.stdout.splitlines())


def _install(board: str, root: Path, hub: LocalHub, steps: Steps) -> None:
    """With the product's own commands, as a person would do with a card in the reader."""
    steps.run(TWINKLE, "flash", board, "--root", root, limit=900)
    secret = {"TWINKLE_DEVICE_CONNECTION_STRING": hub.add_device()}
    steps.run(TWINKLE, "provision", board, "--root", root, "--ca-file", hub.ca_file, extra=secret)


if __name__ == "__main__":
    sys.exit(main())
