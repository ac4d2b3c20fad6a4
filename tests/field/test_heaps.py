"""What a test's MicroPython has in its heap is the same wherever the project lies.

Each module keeps the name of its file; so what a program leaves of its heap, and in what pieces, hangs on the length of
a folder's name, if it is given that.
"""

from support import MPREMOTE, run_micropython

from twinkle_host.mock_gpio.serial_board import SerialBoard

KEPT = 200  # bytes that a collector which takes any word for a reference keeps by chance
USED = "import gc; gc.collect(); print(gc.mem_alloc())"


def test_the_devices_files_are_known_by_their_place_in_the_clone():
    done = run_micropython("-c", "import twinkle.app; print(twinkle.app.__file__)")
    assert done.stdout == "firmware/twinkle/app.py\n", done


def test_a_board_on_a_serial_line_holds_the_same_in_a_folder_of_any_name(command, tmp_path):
    used = []
    for length in (1, 120):
        folder = tmp_path / ("x" * length)
        folder.mkdir()
        with SerialBoard(folder) as board:
            used.append(int(command("connect", board.port, "exec", USED, program=MPREMOTE).out))
    assert abs(used[0] - used[1]) <= KEPT, used
