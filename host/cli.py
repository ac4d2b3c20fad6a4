"""The command ``twinkle``."""

import sys
import traceback

import click

from .boards import boards
from .console.command import console
from .dev.command import dev
from .dev.new import new
from .doctor import doctor
from .failure import EXIT_STATUSES, FAILED, Failure, tell
from .flash.command import flash
from .hub.command import hub
from .mock_gpio.command import board
from .provision.command import provision
from .release import release
from .run import run
from .screen import show
from .service.authorities import authorities
from .service.digital_twin import digital_twin
from .service.enrolments import enrolments
from .service.monitor import monitor
from .service.send import send
from .service.verbs import devices, method, query, twin

COMPLETION = """\b
To have the shell complete verbs and options:
  bash   eval "$(_TWINKLE_COMPLETE=bash_source twinkle)"
  zsh    eval "$(_TWINKLE_COMPLETE=zsh_source twinkle)"
  fish   _TWINKLE_COMPLETE=fish_source twinkle | source"""


@click.group(
    epilog=f"{COMPLETION}\n\n{EXIT_STATUSES}", context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(release(), prog_name="twinkle")
@click.option("--debug", is_flag=True, help="Show where an unexpected error came from.")
@click.pass_context
def twinkle(context: click.Context, debug: bool) -> None:
    """Twinkle: a device runtime for Azure IoT Hub, and a hub of your own to run it against."""
    context.obj = debug


for command in (
    hub,
    boards,
    devices,
    enrolments,
    authorities,
    new,
    dev,
    run,
    board,
    flash,
    provision,
    console,
    twin,
    digital_twin,
    method,
    send,
    query,
    monitor,
    doctor,
):
    twinkle.add_command(command)


def main() -> None:
    """Run the command line. An error that nobody foresaw is one line too, unless --debug asks for all of it."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # a terminal may not have every character
    try:
        status = twinkle.main(prog_name="twinkle", standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except click.ClickException as error:
        tell(error)
        sys.exit(error.exit_code)
    except click.Abort:  # Ctrl-C, or the end of input where something was asked
        tell(Failure("ended by you"))
        sys.exit(FAILED)
    except BrokenPipeError:
        # The reader of our output has gone; that is its right.
        sys.stderr.close()
        sys.exit(FAILED)
    except Exception as error:
        if "--debug" in sys.argv:
            for line in traceback.format_exc().splitlines():
                show(line, err=True)
        tell(Failure(f"unexpected {type(error).__name__}: {error} (twinkle --debug … shows where)"))
        sys.exit(FAILED)
