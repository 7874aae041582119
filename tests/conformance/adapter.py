"""Plugs the engine into a bridge that runs Node-RED's own node specs against another runtime.

``EngineAdapter`` fulfils the bridge's ``Adapter`` contract (module ``driver_python``, which the bridge puts on the path). How to run it is
in ``benchmarks/README.md``; nothing of Node-RED is kept here.
"""

from __future__ import annotations

import itertools
import json
import tempfile
from pathlib import Path
from typing import Any

from driver_python import UNDEFINED as ABSENT
from driver_python import Adapter, Events, JSError, Opaque
from spec_sockets import Sockets

from busway.engine import flow as flow_module
from busway.engine.errors import BuswayError, ScriptError
from busway.engine.message import UNDEFINED, Message
from busway.engine.model import FlowModel
from busway.engine.node import Config, ConfigNode, Node, NodeError
from busway.engine.reports import text_of
from busway.engine.runtime import Runtime
from busway.engine.settings import Settings

TAB = "conformance-tab"
AN_ERROR = "conformance-error"
"""Holds the error where a spec passes one as a message, which here is always an object."""
LEVELS = {"error": 20, "warn": 30, "info": 40, "debug": 50, "trace": 60}
SETTINGS = {
    "nodeMessageBufferMaxLength": "node_message_buffer_max_length",
    "debugMaxLength": "debug_max_length",
    "debugStatusLength": "debug_status_length",
    "functionExternalModules": "function_external_modules",
    "globalFunctionTimeout": "function_timeout",
    "contextStorage": "context_storage",
    "functionGlobalContext": "global_context",
}
"""Node-RED's settings that specs set -> ours."""
NO_MESSAGE = "Function tried to send a message of type "
LABELS = {"Not a number": "range.errors.notnumber", "Missing server configuration": "websocket.errors.missing-conf"}
"""Texts that begin a log line -> the keys that specs look for, as they consult no catalogue."""
WHOLE_LABELS = {
    "no response from server": "common.notification.errors.no-response",
    "msg.requestTimeout is no number": "httpin.errors.timeout-isnan",
    "msg.requestTimeout is not above 0": "httpin.errors.timeout-isnegative",
}
"""Texts that begin a log line -> the key that stands for all of it."""


class Helper(Node[Config]):
    """The specs' own node: reports every message it gets."""

    type = "helper"
    tell: Any = None

    def on_message(self, msg: Message) -> None:
        type(self).tell(self, msg)


class EngineAdapter(Adapter):
    """Runs each flow of a spec in a runtime of its own."""

    runtime = "busway"
    version = "0.1"

    def __init__(self, events: Events) -> None:
        super().__init__(events)
        self.engine: Runtime | None = None
        self.face: Any = None
        self.port = 0
        self.stores: dict[str, Any] = {}
        self.folder = Path(tempfile.mkdtemp(prefix="conformance-"))
        self._count = itertools.count()
        self._uids: dict[str, Node[Any]] = {}
        self._by_node: dict[int, str] = {}
        Helper.tell = lambda node, msg: self.events.input(self.uid(node), outward(msg))
        self._sockets = Sockets()
        self._report_calls()

    # -- what nodes call --------------------------------------------------------------------------------------------
    def _report_calls(self) -> None:
        """Tells the bridge of each error, log line and status at the moment the node reports it."""
        report_error, log, report_status = (
            getattr(flow_module.Flow, name) for name in ("report_error", "log", "report_status")
        )

        def on_error(flow: Any, node: Any, error: BaseException, msg: Any) -> None:
            self.events.call(self.uid(node), "error", error_value(error), *([] if msg is None else [outward(msg)]))
            report_error(flow, node, error, msg)

        def on_log(flow: Any, node: Any, level: str, text: Any, error: BaseException | None = None) -> None:
            if level != "error":
                self.events.call(self.uid(node), "log" if level == "info" else level, outward(labelled(text)))
            log(flow, node, level, text, error)

        def on_status(flow: Any, node: Any, status: dict[str, Any]) -> None:
            self.events.call(self.uid(node), "status", outward(status))
            report_status(flow, node, status)

        flow_module.Flow.report_error, flow_module.Flow.log = on_error, on_log  # type: ignore[method-assign, assignment]
        flow_module.Flow.report_status = on_status  # type: ignore[method-assign]

    def uid(self, node: Node[Any]) -> str:
        found = self._by_node.get(id(node))
        if found is None:
            found = self._by_node[id(node)] = f"{self.events.gen}:{next(self._count)}"
            self._uids[found] = node
        return found

    # -- life -------------------------------------------------------------------------------------------------------
    async def load(self, flow: list[Any], credentials: dict[str, Any], modules: list[str]) -> None:
        await self.unload()
        self.engine = Runtime(self._settings())
        self.engine.registry.add(Helper)
        self._hide_own_tab(self.engine)
        self.engine.events.on("log", lambda entry: self.events.log(entry | {"msg": labelled(log_value(entry["msg"]))}))
        for id, secrets in (credentials or {}).items():
            self.engine.credentials.merge(id, secrets, None)
        model = self._model(flow)
        if self.face is not None:
            await self._serve()
        await self.engine.start(model)

    @staticmethod
    def _hide_own_tab(engine: Runtime) -> None:
        """Specs' nodes without a tab are global; what tells where they are must not name the tab they got here."""
        emit = engine.events.emit

        def hiding(topic: str, data: Any) -> None:
            if topic in ("debug", "log") and isinstance(data, dict) and data.get("z") == TAB:
                data = {key: value for key, value in data.items() if key != "z"} | {"path": "global"}
            emit(topic, data)

        engine.events.emit = hiding  # type: ignore[method-assign]

    def _settings(self) -> Settings:
        mapped = {
            ours: self.settings[key] for key, ours in SETTINGS.items() if ours is not None and key in self.settings
        }
        if self.settings.get("httpRequestTimeout"):
            mapped["http_request_timeout"] = float(self.settings["httpRequestTimeout"]) / 1000
        stores = {"context_storage": self.stores} if self.stores else {}
        return Settings.model_validate(
            {
                "user_dir": self.folder,
                "port": 0,
                "deploy_drain_timeout": 0.05,
                "stop_drain_timeout": 0.05,
                **mapped,
                **stores,
            }
        )

    def _model(self, flow: list[Any]) -> FlowModel:
        """Specs leave out tabs and positions; here they decide what a node is."""
        tabs = {item["id"] for item in flow if item.get("type") in ("tab", "subflow")}
        items = [placed(dict(plain(item)), tabs, self._is_config) for item in flow]
        return FlowModel.parse([{"id": TAB, "type": "tab", "label": ""}, *items])

    def _is_config(self, type: str) -> bool:
        cls = self.engine.registry.get(type) if self.engine is not None else None
        return cls is not None and issubclass(cls, ConfigNode)

    async def unload(self) -> None:
        if self.engine is not None:
            if self.face is not None:
                await self.face.stop()
            await self.engine.stop()
            self.engine = None

    async def clear_flows(self) -> None:
        if self.engine is not None:
            await self.engine.deploy(FlowModel.parse([]))

    async def set_flows(self, flow: list[Any], credentials: dict[str, Any], mode: str) -> None:
        assert self.engine is not None
        await self.engine.deploy(self._model(flow), mode or "full", credentials=credentials or {})  # type: ignore[arg-type]

    async def start_server(self) -> str:
        if self.face is None:
            return await self._serve()
        return f"http://127.0.0.1:{self.port}"

    async def admin_url(self) -> str:
        return await self.start_server()

    async def _serve(self) -> str:
        from busway.editor.server.serve import HttpFace

        if self.engine is None:
            self.engine = Runtime(self._settings())
        settings = self._settings().model_copy(update={"port": self.port})
        self.face = HttpFace(self.engine, settings)
        self.port = await self.face.start()
        return f"http://127.0.0.1:{self.port}"

    async def stop_server(self) -> None:
        if self.face is not None:
            await self.face.stop()
        self.face = None

    # -- nodes ------------------------------------------------------------------------------------------------------
    def get_node(self, id: str) -> tuple[str, str, str] | None:
        node = self.engine.nodes.get(id) if self.engine is not None else None
        return None if node is None else (self.uid(node), node.id, node.properties["type"])

    def node_props(self, uid: str) -> dict[str, Any]:
        node = self._uids[uid]
        config = {
            info.alias or name: getattr(node.config, name) for name, info in type(node.config).model_fields.items()
        }
        shown = {key: value.id if isinstance(value, Node) else value for key, value in config.items()}
        own = getattr(node, "public", None)
        return {
            **node.properties,
            **outward(shown),
            **(outward(own()) if own is not None else {}),
            "id": node.id,
        } | self._sockets.properties(node)

    def set_prop(self, uid: str, name: str, value: Any) -> None:
        node = self._uids[uid]
        if name == "credentials":
            node.config = node.config.model_copy(update=value)
        else:
            setattr(node, name, value)

    def receive(self, uid: str, msg: Any) -> str | None:
        msg = inward(msg) if msg and msg is not ABSENT else {}
        node = self._uids[uid]
        assert self.engine is not None
        self.engine.dispatcher.deliver(node.port, msg)
        return str(msg["_msgid"])

    def emit(self, uid: str, event: str, args: list[Any]) -> None:
        if event == "input" and self.engine is not None:
            msg = inward(args[0]) if args else {}
            if isinstance(msg, JSError):
                msg = {AN_ERROR: msg}
            self.engine.dispatcher.queue.append((self._uids[uid].port, msg, None))
            self.engine.dispatcher.wake()

    def call(self, uid: str, path: list[str], args: list[Any]) -> Any:
        if uid in self._sockets:
            return self._sockets.call(uid, path, args)
        node = self._uids[uid]
        values = [inward(arg) for arg in args]
        if path == ["close"]:
            return node.close(bool(values and values[0]))
        if path == ["status"]:
            node.flow.report_status(
                node, values[0] if values and isinstance(values[0], dict) else {"text": str(values[0])}
            )
        elif path == ["send"]:
            node.send(values[0] if values else None)
        elif path[0] in ("log", "warn", "error", "debug", "trace"):
            getattr(node, path[0])(*values)
        else:
            method = getattr(node, path[0], None)
            if method is None:
                raise AttributeError(f"{node.label_text} has no {'.'.join(path)}")
            return method(*values)
        return ABSENT

    def listen(self, uid: str, path: list[str], event: str, tell: Any) -> None:
        if uid in self._sockets:
            self._sockets.listen_to_socket(uid, event, tell)
        else:
            self._sockets.listen(self._uids[uid], event, tell)

    def watch(self, uid: str) -> None:
        node = self._uids[uid]
        node.port.tap(lambda msg: self.events.receive(uid, outward(msg)))

    # -- context ----------------------------------------------------------------------------------------------------
    def context(self, uid: str, scope: str, method: str, args: list[Any]) -> Any:
        node = self._uids[uid]
        context = {"node": node.context, "flow": node.flow_context, "global": node.global_context}[scope]
        try:
            return outward(getattr(context, method)(*(inward(arg) for arg in args if arg is not ABSENT)))
        except BuswayError as error:
            raise JSError(str(error)) from None

    async def context_init(self, settings: dict[str, Any]) -> None:
        self.stores = settings.get("contextStorage") or {}

    async def context_load(self) -> None:
        if self.engine is not None:
            await self.engine.contexts.open()

    async def context_clean(self) -> None:
        if self.engine is not None:
            await self.engine.contexts.clean(set())

    async def context_close(self) -> None:
        if self.engine is not None:
            await self.engine.contexts.close()


def placed(item: dict[str, Any], tabs: set[str], is_config: Any) -> dict[str, Any]:
    """With a tab and a position, unless it is a config node, a tab, a template or a group."""
    if item["type"] in ("tab", "subflow", "group") or is_config(item["type"]) or item["type"] == "global-config":
        return item
    place: dict[str, Any] = {"x": item.get("x", 0), "y": item.get("y", 0)}
    return item | place | ({} if item.get("z") else {"z": TAB})


def plain(value: Any) -> Any:
    """A flow object as JSON gives it."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if item is not ABSENT}
    if isinstance(value, list):
        return [None if item is ABSENT else plain(item) for item in value]
    return value


def inward(value: Any, known: dict[int, Any] | None = None) -> Any:
    """The bridge's values as ours: an undefined property is an absent one."""
    known = {} if known is None else known
    if value is ABSENT:
        return UNDEFINED
    if id(value) in known:
        return known[id(value)]
    if type(value) is dict:
        known[id(value)] = members = {}
        members.update({key: inward(item, known) for key, item in value.items() if item is not ABSENT})
        return members
    if type(value) is list:
        known[id(value)] = items = []
        items.extend([None if item is ABSENT else inward(item, known) for item in value])
        return items
    return value


def outward(value: Any, known: dict[int, Any] | None = None) -> Any:
    """Our values as the bridge's."""
    known = {} if known is None else known
    if value is UNDEFINED:
        return ABSENT
    if id(value) in known:
        return known[id(value)]
    if type(value) is dict and AN_ERROR in value:
        return value[AN_ERROR]
    if type(value) is dict:
        known[id(value)] = members = {}
        members.update({key: outward(item, known) for key, item in value.items()})
        return members
    if type(value) is list:
        known[id(value)] = items = []
        items.extend([outward(item, known) for item in value])
        return items
    if isinstance(value, BaseException) and not isinstance(value, JSError):
        return error_value(value)
    return value if not callable(value) else Opaque("function", getattr(value, "__name__", ""))


def error_value(error: BaseException) -> Any:
    """An error as the call ``node.error(value)`` would carry it."""
    if isinstance(error, NodeError):
        return str(error)
    if isinstance(error, ScriptError):
        # Node-RED puts the class in front of the message of this kind only.
        message = text_of(error) if error.name == "ReferenceError" else error.message
        return JSError(message, error.name, error.stack) if error.name else labelled(message)
    return JSError(text_of(error))


def labelled(text: Any) -> Any:
    """A log line with the key of its label in place of it."""
    if isinstance(text, str) and text.startswith(NO_MESSAGE):
        return "function.error.non-message-returned"
    for label, key in WHOLE_LABELS.items():
        if isinstance(text, str) and text.startswith(label):
            return key
    for label, key in LABELS.items():
        if isinstance(text, str) and text.startswith(label):
            return key + text.removeprefix(label)
    return text


def log_value(value: Any) -> Any:
    """What was logged, as text unless it is data."""
    return (
        error_value(value) if isinstance(value, BaseException) else outward(json.loads(json.dumps(value, default=str)))
    )
