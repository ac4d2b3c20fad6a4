"""What ports.wiring asks of every port that has named outputs, inputs and sensors; see telling.py."""

from telling import MODULE, PATIENCE_MS, SETTINGS, load, make, pins, run, tell


def shown(name):
    """The levels that the pin of an output has had."""
    pin = SETTINGS["outputs"][name]["pin"]
    return [
        entry["level"]
        for entry in pins()
        if entry.get("output") == name or (entry.get("pin") == pin and "led" not in entry)
    ]


def story_an_output_is_off_at_first_and_shows_what_it_is_told(port):
    for name, on, off in (("fan", 1.0, 0.0), ("valve", 0.0, 1.0)):
        assert shown(name)[:1] == [off] and set(shown(name)) == {off}, shown(name)
        port.wiring.drive(name, 1.0)
        port.wiring.drive(name, 0.25)
        port.wiring.drive(name, 0.0)
        dimmed = 0.25 if SETTINGS["outputs"][name].get("pwm") else on
        assert [round(level, 2) for level in shown(name)[-3:]] == [on, dimmed, off], shown(name)


def story_an_inputs_edges_are_told_once_with_their_moments(port):
    first, lost = port.wiring.look()
    assert sorted([tuple(edge[:2]) for edge in first]) == [("bell", 0), ("door", 1)] and not lost, first
    tell("inputs", door=True, bell=True)
    begun = port.ticks()
    edges = look(port, 2)
    assert sorted([tuple(edge[:2]) for edge in edges]) == [("bell", 1), ("door", 0)], edges
    assert all(begun - 5 <= edge[2] <= port.ticks() for edge in edges), (begun, edges)
    assert port.wiring.look()[0] == []
    tell("inputs", door=[False, True, False])
    edges = [edge for edge in look(port, 4) if edge[0] == "door"]
    assert [tuple(edge[:2]) for edge in edges] == [("door", 1), ("door", 0), ("door", 1)], edges
    assert len({edge[2] for edge in edges}) == 1, "it bounces for as long as the computer is busy"
    tell("inputs")
    port.wiring.look()


def story_of_too_many_edges_the_newest_are_kept_and_the_others_counted(port):
    tell("inputs", door=[True, False] * 24 + [True])
    edges, lost = port.wiring.look()
    edges = [edge for edge in edges if edge[0] == "door"]
    assert len(edges) == 32 and lost == 17 and edges[-1][1] == 0, (len(edges), lost, edges[-1])
    tell("inputs")
    assert port.wiring.look()[0][-1][:2] == ("door", 1)


def story_what_happens_while_a_sensor_is_read_is_not_missed(port):
    port.wiring.look()
    tell("inputs", door=[True, False])
    port.rest()
    tell(temperature=20.0, humidity=50.0)
    port.read_sensor()
    edges = [tuple(edge[:2]) for edge in look(port, 2)]
    assert edges == [("door", 0), ("door", 1)], edges
    tell("inputs")
    port.wiring.look()


def look(port, count):
    """So many edges, as they are told."""
    found, begun = [], port.ticks()
    while len(found) < count:
        edges, lost = port.wiring.look()
        found += edges
        assert not lost and port.ticks() - begun < PATIENCE_MS, found
        port.sleep(5)
    return found


def story_each_sensor_has_its_own_room(port):
    tell(temperature=20.0, humidity=50.0, sensors={"humidity": {"temperature": 33.5, "humidity": 20.0}})
    port.rest()
    assert port.wiring.measure("humidity") == {"temperature": 33.5, "humidity": 20.0}
    assert port.read_sensor() == (20.0, 50.0)
    own = port.wiring.measure("own")
    assert own["humidity"] is None and ("failed" in own or -40 < own["temperature"] < 120), own


def story_a_named_sensor_that_fails_says_so_and_leaves_what_is_known(port):
    tell(
        temperature=20.0,
        humidity=50.0,
        sensors={"humidity": {"temperature": 33.5, "humidity": 20.0, "fault": "absent"}},
    )
    port.rest()
    sample = port.wiring.measure("humidity")
    assert sample["failed"] and sample["temperature"] is None, sample
    tell(temperature=20.0, humidity=50.0, sensors={"humidity": {"temperature": 33.5, "humidity": 130.0}})
    port.rest()
    sample = port.wiring.measure("humidity")
    assert (
        sample["temperature"] == 33.5 and sample["humidity"] is None and "cannot measure" in sample["failed"]
    )


PORT = make()
PORT.wiring = load(MODULE + "_wiring").Wiring(PORT, SETTINGS)
run(globals(), PORT)
