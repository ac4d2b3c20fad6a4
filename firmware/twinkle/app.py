"""The application API: one object and four decorators.

    from twinkle import App

    app = App(model_id="dtmi:com:example:Sensor;1")

    @app.telemetry
    def sample(board):
        return {"temp": board.temperature}

    @app.method("hello")
    def hello(board, payload):
        return 200, {"hello": payload}

A handler may be a generator, but for telemetry's: ``yield 5`` goes on five seconds later, and a
method may ``yield 202, None`` to answer at once and go on working.

``BadRequest(text, status)`` of ``twinkle`` is how a handler says no. All else that it raises is a
mistake: logged with its file and line, reported as ``lastError``, answered with 500. A decorator
raises ValueError for a name that is none, and for a second handler of the same.
"""

from .core.document import wrap

DEFAULT_CONFIG = {"configId": 0, "sendFrequency": "30s"}


class Part:
    """What the application (``component`` None) and its components have in common."""

    def __init__(self, app, component):
        self._app = app
        self._component = component

    def telemetry(self, handler):
        """Call ``handler(board)`` every ``sendFrequency``; it returns a dict to send, or None.

        A component's message carries the component's name (``$.sub``).
        """
        self._app.samples.append((self._component, handler))
        return handler

    def method(self, name):
        """Answer the direct method ``name`` with ``handler(board, payload)``.

        It returns a payload (status 200) or ``(status, payload)``. A component's
        method is called ``component*name``.
        """
        key = "%s*%s" % (self._component, name) if self._component else name
        return _register("method", self._app.methods, name, key)

    def writable(self, name, initial=None, done="completed"):
        """Apply the writable property ``name`` with ``handler(board, value)``; it is acknowledged for you.

        What the handler returns, unless None, is the value in force. ``initial`` is in
        force, and reported so, until the hub wishes another. ``done`` is the text of
        the acknowledgement when the value is in force.
        """

        return _register("writable", self._app.writables, name, (self._component, name), (initial, done))

    def report(self, board, patch):
        """Report members of this part: plain for the application, marked for a component."""
        board.report(wrap(self._component, patch))


class App(Part):
    """Collects an application's handlers.

    ``model_id`` is announced to the hub. ``config`` is in force until the first
    configuration from the hub is applied. ``properties(board)`` gives what is
    reported whenever the hub's copy differs.
    """

    def __init__(self, model_id=None, config=None, properties=None):
        super().__init__(self, None)
        self.model_id = model_id
        self.config = config or DEFAULT_CONFIG
        self.properties = properties
        self.samples = []
        self.methods = {}
        self.desired_handlers = []
        self.writables = {}
        self.inputs = {}
        self.on_message = None

    def component(self, name):
        """The component ``name`` of the model, to register its handlers with."""
        return Part(self, name)

    def message(self, handler):
        """Call ``handler(board, properties, payload)`` for each cloud-to-device message.

        ``properties`` is a dict of texts (None for a bare key), ``payload`` bytes. A
        message may come twice: the hub repeats what it has not seen acknowledged.
        """
        if self.on_message:
            raise ValueError("write @app.message once")
        self.on_message = handler
        return handler

    def input(self, name):
        """Call ``handler(board, active)`` when the board file's input ``name`` has changed.

        ``active`` is whether it is now; a dict that is returned is sent as telemetry.
        """

        return _register("input", self.inputs, name, name)

    def desired(self, path):
        """Call ``handler(board, delta, merged)`` when desired properties at ``path`` change.

        ``path`` is dotted, "" for the whole document. ``delta`` is what came (None
        when it was deleted), ``merged`` the value that results. The handler of the
        whole document is also called once at the start, with whatever there is.
        """

        _check("desired", path)

        def register(handler):
            self.desired_handlers.append((path, handler))
            return handler

        return register


def _register(decorator, handlers, name, key, more=()):
    _check(decorator, name, key in handlers)

    def register(handler):
        handlers[key] = (handler,) + more if more else handler
        return handler

    return register


def _check(decorator, name, there=False):
    if there or not isinstance(name, str):
        raise ValueError('write @app.%s("name"), once for each name' % decorator)
