"""Nothing that a hub, a provisioning service or a person sends ends, restarts or fills a device.

``hostile`` makes what is sent, by seeds; a failure is told with its seed and input. The long
form is in ``tests/soak``.
"""

from hostile import LIVES, Life, Newcomer


def test_a_device_bears_whatever_the_hub_and_the_technician_send():
    for seed in range(LIVES):
        Life(seed).live()


def test_a_device_that_is_being_provisioned_bears_whatever_the_service_answers():
    for seed in range(LIVES):
        Newcomer(seed).live()
