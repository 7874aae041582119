"""What is known of JavaScript's built-in names: which calls leave their arguments alone, which methods change or hand out what
they are called on. Only names listed here are trusted; anything else is taken to do the worst."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LITERALS = frozenset(
    ("string", "number", "true", "false", "null", "undefined", "regex", "template_string", "object", "array")
)
CONSTANTS = frozenset(("string", "number", "true", "false", "null", "undefined"))

PURE_FUNCTIONS = _words(
    """String Number Boolean BigInt parseInt parseFloat isNaN isFinite encodeURIComponent decodeURIComponent encodeURI decodeURI
    escape unescape btoa atob clearTimeout clearInterval structuredClone"""
)
"""Functions that read their arguments and keep nothing of them."""

PURE_OBJECTS = _words("Math JSON Number String Date BigInt Buffer console env util URL node Array Object")
"""Objects all of whose methods do the same, except :data:`KEEPING`."""

KEEPING = _words(
    """Object.assign Object.values Object.entries Object.fromEntries Object.create Object.defineProperty Object.defineProperties
    Object.setPrototypeOf Object.freeze Object.seal Object.preventExtensions Object.groupBy Array.from Array.of Array.fromAsync
    util.promisify util.inherits util.deprecate util.callbackify node.linkcall node.on"""
)
"""Methods of those objects that keep, change or hand out their arguments."""

HARMLESS = _words(
    """Object.values Object.entries Object.fromEntries Array.from Array.of Array.fromAsync node.linkcall node.on
    flow.get flow.set flow.keys global.get global.set global.keys context.get context.set context.keys
    Promise.resolve Promise.all Promise.race Promise.reject Promise.any Promise.allSettled
    RED.util.cloneMessage RED.util.generateId RED.util.getMessageProperty RED.util.getObjectProperty
    RED.util.compareObjects RED.util.ensureString RED.util.ensureBuffer RED.util.encodeObject"""
)
"""Calls that may keep or hand out their arguments, but change nothing in them."""

PURE_CLASSES = _words(
    "Date RegExp Error TypeError RangeError SyntaxError URL URLSearchParams Number String Intl Uint8Array"
)

PURE_METHODS = _words(
    """toString toLowerCase toUpperCase toLocaleLowerCase toLocaleUpperCase trim trimStart trimEnd split substring substr charAt
    charCodeAt codePointAt includes indexOf lastIndexOf startsWith endsWith padStart padEnd repeat replace replaceAll match matchAll
    search join toFixed toPrecision toExponential toISOString toJSON getTime getFullYear getMonth getDate getHours getMinutes
    getSeconds getMilliseconds getDay getTimezoneOffset getUTCFullYear getUTCMonth getUTCDate getUTCHours getUTCMinutes
    getUTCSeconds getUTCMilliseconds toLocaleString toLocaleDateString toLocaleTimeString localeCompare normalize valueOf
    hasOwnProperty test exec isWellFormed readUInt8 readUInt16BE readUInt16LE readUInt32BE readUInt32LE readInt8 readInt16BE
    readInt16LE readInt32BE readInt32LE readFloatBE readFloatLE readDoubleBE readDoubleLE equals compare keys has"""
)
"""Methods that read what they are called on and hand out nothing that lives in it."""

ELEMENT_METHODS = _words(
    "find findLast at filter slice concat flat values entries toSorted toReversed toSpliced with get"
)
"""Methods that change nothing and hand out parts of what they are called on."""

MUTATING_ELEMENT_METHODS = _words("pop shift splice sort reverse fill copyWithin")
"""Methods that change what they are called on and hand out parts of it."""

CALLBACK_METHODS = _words(
    """forEach map filter find findIndex findLast findLastIndex some every flatMap reduce reduceRight sort toSorted"""
)
"""Methods whose first argument is called with parts of what they are called on."""

PREDICATE_METHODS = _words("filter find findIndex findLast findLastIndex some every")

SETTLED_METHODS = _words("then catch finally send error warn log debug trace status done keys")
"""Methods of anything else that change nothing a message holds."""

OBJECT_MEMBERS = _words(
    "length constructor hasOwnProperty isPrototypeOf propertyIsEnumerable toLocaleString toString valueOf"
)
"""Names that every object, text or array answers to: they are no data of a message."""

JOB_NAMES = _words(
    "Promise queueMicrotask linkcall then fromAsync evaluateJSONataExpression evaluateNodeProperty promisify"
)
"""Names without which a source cannot start anything that goes on after it returned."""

NODE_METHODS = _words("send done error status log warn debug trace on linkcall")
"""The methods of ``node``."""
