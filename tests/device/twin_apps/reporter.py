"""An application with a start-up property of its own."""

from twinkle import App

app = App(config={"configId": 1, "sendFrequency": "24h"}, properties=lambda board: {"serial": "A17"})
