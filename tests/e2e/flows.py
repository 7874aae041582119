"""Flow files of the tests: what the nodes have in common is added here."""

TAB = {"id": "tab", "type": "tab", "label": "Stations"}
SERVER = {"id": "redis", "type": "ocpp-config", "name": "stations"}


def node(type, id, to=(), **properties):
    """A node; ``to`` is the id that its output leads to, or what each output leads to: an id or a list of ids."""
    wires = [[to]] if isinstance(to, str) else [[one] if isinstance(one, str) else list(one) for one in to] or [[]]
    return {"id": id, "type": type, "wires": wires, **properties}


def flow(*nodes, server=SERVER):
    """A flow file with these nodes on one tab, and the server of its OCPP nodes."""
    placed = [{"z": "tab", "x": 100 * place, "y": 100, **one} for place, one in enumerate(nodes, 1)]
    return [TAB, server, *placed]


def ocpp_in(to, id="in", **properties):
    return node("ocpp-in", id, to, server="redis", **properties)


def ocpp_out(id="out", to=(), **properties):
    return node("ocpp-out", id, to, server="redis", **properties)


def function(id, body, to=(), **properties):
    """A JavaScript function."""
    return node("function", id, to, func=body, **{"outputs": 1, **properties})


def delay(id, seconds, to=()):
    """Holds each message for a while."""
    return node("delay", id, to, pauseType="delay", timeout=str(seconds), timeoutUnits="seconds")


def press(id, to, **properties):
    """An inject node, which the HTTP face presses."""
    return node("inject", id, to, props=[{"p": "payload"}], **{"payload": "", "payloadType": "date", **properties})
