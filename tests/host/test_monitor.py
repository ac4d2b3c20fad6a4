"""monitor: which events, and the table that shows them."""

from rich.console import Console

from twinkle_host.service.monitor import Row, chosen, line, render

TELEMETRY = {
    "source": "Telemetry",
    "deviceId": "a",
    "enqueuedTime": "2026-11-21T08:30:00Z",
    "body": {"temp": 21},
}
TWIN = {"source": "twinChangeEvents", "deviceId": "b", "enqueuedTime": "", "body": {"version": 3}}


def test_events_are_chosen_by_kind_and_text():
    stream = [TELEMETRY, TWIN]
    assert list(chosen(stream, (), None)) == stream
    assert list(chosen(stream, ("twin",), None)) == [TWIN]
    assert list(chosen(stream, ("twin", "telemetry"), "temp")) == [TELEMETRY]


def test_a_line_has_the_time_the_device_and_the_body():
    assert line(TELEMETRY).split() == ["08:30:00", "a", "Telemetry", '{"temp":', "21}"]


def test_the_table_has_a_row_for_each_device_with_its_rate():
    rows = {"a": Row(), "b": Row()}
    for second in (0, 50, 100):
        rows["a"].take(TELEMETRY, second)
    rows["b"].take(TWIN, 100)
    console = Console(width=120, record=True, force_terminal=False)
    console.print(render(rows, 100))
    text = console.export_text()
    row = next(part for part in text.splitlines() if '{"temp": 21}' in part)
    assert [cell.strip() for cell in row.split("│")[1:4]] == ["a", "3", "2"]
    assert 'twinChange {"version": 3}' in text
