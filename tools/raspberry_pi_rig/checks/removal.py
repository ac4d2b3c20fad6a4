"""What uninstalling leaves."""

from ..judge import expect
from .world import World

# Where a product could leave something, with mode and owner; what a system's own start makes is not looked at
# (systemd-update-done.service(8) writes .updated, and systemd's ldconfig.service its cache).
LISTING = (
    "find etc opt usr/local home root srv var/lib var/spool var/cache var/tmp tmp -xdev \\( "
    "-path var/lib/systemd -o -name 'systemd-private-*' -o -path var/lib/private -o -name .ssh "
    "-o -path etc/.updated -o -path var/.updated -o -path var/cache/ldconfig "
    "-o -path 'tmp/.*-unix' -o -name .sudo_as_admin_successful "
    "\\) -prune -o -printf '%y %m %U:%G %p\\n'"
)


def uninstalls(world: World) -> None:
    """flash --uninstall --purge over ssh ends with 0, and the service is gone."""
    done = world.hub.twinkle(
        *("flash", world.board, "--uninstall", "--purge", "--ssh", "pi"),
        *("--ssh-config", str(world.machine.ssh_config)),
    )
    expect(done.returncode == 0, (done.stdout + done.stderr)[-400:])
    left = world.on("systemctl list-unit-files --no-legend 'twinkle*'; pgrep -af '[t]winkle/firmware'")
    expect(not left, left)


def tree_as_before(world: World) -> str:
    """The file system lists what it listed before the installation, no more and no less."""
    after = set(world.on(f"cd / && {LISTING}").splitlines())
    gone, new = sorted(world.listing - after), sorted(after - world.listing)
    expect(after and not gone and not new, f"left behind: {new[:20]}; gone: {gone[:20]}")
    return f"{len(after)} entries"
