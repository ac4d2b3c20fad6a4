"""What the product must show on the computer, by the computer's starts."""

from ..judge import Judge
from . import computer, device, inputs, led, removal, service
from .world import World

FIRST_START = (
    *(computer.first_start, service.start_is_not_held, service.units_are_sound, service.runs_as_its_user),
    *(led.on, led.off, led.blinks, led.dims, inputs.edges_arrive),
    *(device.configuration_applied, device.sensor_absent, device.nothing_made_up, device.console_answers),
    *(service.stops_in_order, service.starts_again, service.watchdog_ends_a_hang, service.comes_back),
    *(service.wanted_restarts_are_no_crashes, service.upgrade_to_other_board, led.follows),
    *(service.flash_names_what_is_dead, service.upgrade_back),
    computer.reboots,
)
SECOND_START = (
    *(computer.comes_up, device.configuration_kept, computer.restart_reported),
    computer.reboots_with_somebody,
)
THIRD_START = (
    *(computer.comes_up, device.configuration_kept, computer.restart_reported),
    computer.power_is_cut,
)
WRONG_CLOCK = (
    *(computer.wrong_clock_named, computer.clock_set, device.configuration_survived_the_cut),
    *(removal.uninstalls, removal.tree_as_before),
)
# What follows each start, and whether the computer knows the time then.
STARTS = ((FIRST_START, True), (SECOND_START, True), (THIRD_START, True), (WRONG_CLOCK, False))


def judge_all(world: World, judge: Judge) -> None:
    """Every start of the computer, and its checks; what follows a start that failed is not tried."""
    for number, (checks, knows_time) in enumerate(STARTS, 1):
        world.machine.start(number, knows_time)
        goes_on = judge.chapter(world, [check for check in checks if check not in world.left_out])
        world.machine.cut_power()
        if not goes_on:
            return
