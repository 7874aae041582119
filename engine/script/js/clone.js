// Deep copies and deep comparison of any value.
(function ($) {
  'use strict';
  const { Foreign } = $;

  // Most values are trees of plain objects and lists: they are copied without a record of what was copied already.
  const NO_TREE = {};
  const ORDINARY = Object.prototype;

  function copyTree(value, depth) {
    if (depth > 200) throw NO_TREE;
    if (Array.isArray(value)) return value.map((item) => (typeof item === 'object' && item !== null ? copyTree(item, depth + 1) : item));
    if (Object.getPrototypeOf(value) !== ORDINARY) throw NO_TREE;
    const copy = {};
    for (const key in value) {
      const item = value[key];
      copy[key] = typeof item === 'object' && item !== null ? copyTree(item, depth + 1) : item;
    }
    return copy;
  }

  function copyOf(value) {
    if (value === null || typeof value !== 'object') return value;
    try {
      return copyTree(value, 0);
    } catch (error) {
      if (error !== NO_TREE) throw error;
      return clone(value);
    }
  }

  function clone(value, known = new Map()) {
    if (value === null || typeof value !== 'object' || value instanceof Foreign || value instanceof Promise) return value;
    const before = known.get(value);
    if (before !== undefined) return before;
    const copy = shell(value);
    known.set(value, copy);
    if (value instanceof Map) for (const [key, item] of value) copy.set(clone(key, known), clone(item, known));
    else if (value instanceof Set) for (const item of value) copy.add(clone(item, known));
    else if (!ArrayBuffer.isView(value)) for (const key of Object.keys(value)) copy[key] = clone(value[key], known);
    return copy;
  }

  function shell(value) {
    const prototype = Object.getPrototypeOf(value);
    if (Array.isArray(value)) return new Array(value.length);
    if (value instanceof Date) return new Date(value.getTime());
    if (value instanceof RegExp) return new RegExp(value.source, value.flags);
    if (value instanceof Map) return new Map();
    if (value instanceof Set) return new Set();
    if (value instanceof ArrayBuffer) return value.slice(0);
    if (ArrayBuffer.isView(value)) return Object.setPrototypeOf(Uint8Array.prototype.slice.call(value), prototype);
    const copy = Object.create(prototype);
    if (value instanceof Error) for (const key of ['message', 'stack', 'cause']) copyHidden(value, copy, key);
    return copy;
  }

  function copyHidden(value, copy, key) {
    if (key in value) Object.defineProperty(copy, key, { value: value[key], writable: true, configurable: true });
  }

  function messageClone(msg) {
    if (msg === null || typeof msg !== 'object') return msg;
    const { req, res, ...rest } = msg;
    const copy = copyOf(Object.getPrototypeOf(msg) === ORDINARY ? rest : msg);
    if (req !== undefined) copy.req = req;
    if (res !== undefined) copy.res = res;
    return copy;
  }

  function isEqual(a, b) {
    if (a === b || (a !== a && b !== b)) return true;
    if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false;
    if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
    if (a instanceof Date) return a.getTime() === b.getTime();
    if (a instanceof RegExp) return String(a) === String(b);
    if (ArrayBuffer.isView(a)) return a.length === b.length && a.every((item, i) => item === b[i]);
    if (a instanceof Map) return a.size === b.size && [...a].every(([key, item]) => b.has(key) && isEqual(item, b.get(key)));
    if (a instanceof Set) return a.size === b.size && [...a].every((item) => b.has(item));
    const keys = Object.keys(a);
    return keys.length === Object.keys(b).length && keys.every((key) => $.own.call(b, key) && isEqual(a[key], b[key]));
  }

  Object.assign($, { clone: copyOf, messageClone, isEqual });
})
