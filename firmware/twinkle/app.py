"""The application API: one object and four decorators.

    from twinkle import App

    app = App(model_id="dtmi:com:example:Sensor;1")

    @app.telemetry
    def sample(board):
        return {"temp": board.temperature}

    @app.method("hello")
    def hello(board, payload):
        return 200, {"hello": payload}

A handler may be a generator: ``yield 5`` goes on five seconds later, and a
method may ``yield (202, None)`` to answer at once and go on working.
"""

DEFAULT_CONFIG = {"configId": 0, "sendFrequency": "30s"}


class App:
    """Collects an application's handlers.

    ``model_id`` is announced to the hub. ``config`` is in force until the first
    configuration from the hub is applied. ``properties`` are reported whenever
    the hub's copy differs.
    """

    def __init__(self, model_id=None, config=None, properties=None):
        self.model_id = model_id
        self.config = config or DEFAULT_CONFIG
        self.properties = properties or {}
        self.sample = None
        self.methods = {}
        self.desired_handlers = []
        self.writables = {}

    def telemetry(self, handler):
        """Call ``handler(board)`` every ``sendFrequency``; it returns a dict to send, or None."""
        self.sample = handler
        return handler

    def method(self, name):
        """Answer the direct method ``name`` with ``handler(board, payload)``.

        It returns a payload (status 200) or ``(status, payload)``.
        """

        def register(handler):
            self.methods[name] = handler
            return handler

        return register

    def desired(self, path):
        """Call ``handler(board, delta, merged)`` when desired properties at ``path`` change.

        ``path`` is dotted, "" for the whole document. ``delta`` is what came (None
        when it was deleted), ``merged`` the value that results.
        """

        def register(handler):
            self.desired_handlers.append((path, handler))
            return handler

        return register

    def writable(self, name):
        """Apply the writable property ``name`` with ``handler(board, value)``; it is acknowledged for you."""

        def register(handler):
            self.writables[name] = handler
            return handler

        return register
