// RED.util for function bodies.
(function ($) {
  'use strict';
  const { Buffer } = $.shared;
  const { parsePath, resolvePath, getPath, setPath, invalid } = $;
  const hexDigits = (count) => Array.from({ length: count }, () => Math.floor(Math.random() * 16).toString(16)).join('');

  function quotedPart(part) {
    return typeof part === 'number' ? `[${part}]` : part.includes('"') ? `['${part}']` : `["${part}"]`;
  }

  function normalisePropertyExpression(text, msg, asText) {
    const parts = parsePath(text);
    const parsed = msg === undefined ? parts.map((part) => (Array.isArray(part) ? ['msg', ...part] : part)) : resolvePath(parts, msg);
    return asText ? parsed[0] + parsed.slice(1).map(quotedPart).join('') : parsed;
  }

  const bare = (text) => (text.startsWith('msg.') ? text.slice(4) : text);
  const getObjectProperty = (object, text) => getPath(object, resolvePath(parsePath(text), object));
  const getMessageProperty = (msg, text) => getObjectProperty(msg, bare(text));

  function setObjectProperty(object, text, value, create) {
    const parts = resolvePath(parsePath(text), object);
    return setPath(object, parts, value, create ?? value !== undefined);
  }
  const setMessageProperty = (msg, text, value, create) => setObjectProperty(msg, bare(text), value, create);

  function parseContextStore(key) {
    const found = /^#:\((\S+?)\)::(.*)$/.exec(key);
    return found === null ? { key } : { store: found[1], key: found[2] };
  }

  function ensureString(value) {
    if (Buffer.isBuffer(value)) return value.toString();
    return typeof value === 'object' ? JSON.stringify(value) : typeof value === 'string' ? value : String(value);
  }

  function ensureBuffer(value) {
    if (Buffer.isBuffer(value)) return value;
    return Buffer.from(typeof value === 'object' ? JSON.stringify(value) : typeof value === 'string' ? value : String(value));
  }

  function compareObjects(a, b) {
    if (a === b) return true;
    if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false;
    if (Array.isArray(a) !== Array.isArray(b)) return false;
    if (Buffer.isBuffer(a) || Buffer.isBuffer(b)) return Buffer.isBuffer(a) && Buffer.isBuffer(b) && a.equals(b);
    const keys = Object.keys(a);
    return keys.length === Object.keys(b).length && keys.every((key) => $.own.call(b, key) && compareObjects(a[key], b[key]));
  }

  function normaliseNodeTypeName(name) {
    const words = name.trim().replace(/[^a-zA-Z0-9]+/g, ' ').trim().split(' ');
    return words.map((word, i) => (i === 0 ? word[0].toLowerCase() : word[0].toUpperCase()) + word.slice(1)).join('');
  }

  // -- what the debug panel shows ------------------------------------------------------------------------------------------------
  const marked = (type, rest) => ({ __enc__: true, type, ...rest });

  function special(value, limit) {
    if (typeof value === 'number') return value - value === 0 ? value : marked('number', { data: String(value) });
    if (typeof value === 'bigint') return marked('bigint', { data: String(value) });
    if (typeof value === 'function') return marked('function');
    if (typeof value === 'string') return value.length > limit ? value.slice(0, limit) + '...' : value;
    if (value instanceof RegExp) return marked('regexp', { data: String(value) });
    if (value instanceof Error) return String(value);
    if (Buffer.isBuffer(value)) return { type: 'Buffer', data: Array.from(value.subarray(0, limit)), __enc__: true, length: value.length };
    return undefined;
  }

  function encodeDeep(value, limit) {
    const found = value === undefined ? marked('undefined') : special(value, limit);
    if (found !== undefined || value === null || typeof value !== 'object') return found ?? value;
    if (value instanceof Set) return marked('set', { data: Array.from(value, (item) => encodeDeep(item, limit)), length: value.size });
    if (value instanceof Map) return marked('map', { data: encodeDeep(Object.fromEntries(value), limit), length: value.size });
    if (!Array.isArray(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, encodeDeep(item, limit)]));
    const items = value.slice(0, limit).map((item) => encodeDeep(item, limit));
    return value.length > limit ? marked('array', { data: items, length: value.length }) : items;
  }

  const cut = (text, limit) => (text.length > limit ? text.slice(0, limit) + '...' : text);

  const FORMATS = [
    [(value) => value === undefined || value === null, () => 'undefined', () => '(undefined)'],
    [(value) => typeof value === 'string', (value) => `string[${value.length}]`, cut],
    [(value) => typeof value === 'object' && Buffer.isBuffer(value), (value) => `buffer[${value.length}]`, (value, limit) => value.subarray(0, limit).toString('hex')],
    [Array.isArray, (value) => `array[${value.length}]`, (value, limit) => JSON.stringify(encodeDeep(value, limit))],
    [(value) => value instanceof Error, () => 'error', (value) => JSON.stringify(marked('error', { data: { name: value.name, message: value.message, stack: value.stack } }))],
    [(value) => value instanceof Set, (value) => `set[${value.size}]`, (value, limit) => JSON.stringify(encodeDeep(value, limit))],
    [(value) => value instanceof Map, () => 'map', (value, limit) => JSON.stringify(encodeDeep(value, limit))],
    [(value) => typeof value !== 'object', (value) => typeof value, String],
    [(value) => value instanceof Date, () => 'Date', String],
    [() => true, (value) => value.constructor?.name ?? 'Object', (value, limit) => JSON.stringify(encodeDeep(value, limit))],
  ];

  function encodeObject(msg, options = {}) {
    const [, format, text] = FORMATS.find(([fits]) => fits(msg.msg));
    const value = msg.msg;
    msg.format = value === null ? 'null' : format(value);
    msg.msg = value === null ? '(undefined)' : text(value, options.maxLength ?? 1000);
    return msg;
  }

  // -- typed values -----------------------------------------------------------------------------------------------------------------------
  $.shared.makeUtil = (unit, provided, ask) => {
    const LITERALS = {
      str: (value) => '' + value,
      num: Number,
      json: (value) => JSON.parse(value),
      re: (value) => new RegExp(value),
      bool: (value) => /^true$/i.test(value),
      bin: toBuffer,
      env: (value) => fromEnvironment(provided('env'), value),
    };

    function evaluateNodeProperty(value, type, node, msg, callback) {
      if (type === 'jsonata') return evaluateJSONataExpression(prepareJSONataExpression(value), msg, callback);
      if (type === 'flow' || type === 'global') {
        const { key, store } = parseContextStore(value);
        const resolved = key.includes('[msg') ? normalisePropertyExpression(key, msg, true) : key;
        return provided(type).get(resolved, store, callback);
      }
      if (callback === undefined) return evaluateNow(value, type, msg);
      let found;
      try {
        found = evaluateNow(value, type, msg);
      } catch (error) {
        return void callback(error);
      }
      callback(null, found);
    }

    function evaluateNow(value, type, msg) {
      if (type === 'msg' && msg) return getMessageProperty(msg, value);
      if (type === 'date') return dateOf(value);
      return LITERALS[type] === undefined ? value : LITERALS[type](value);
    }

    const prepareJSONataExpression = (text) => ({ text });

    // Evaluated outside: the answer is always late, by callback or promise.
    function evaluateJSONataExpression(expression, msg, callback) {
      const promise = ask('jsonata', $.stringify(expression.text) + ',' + $.encode(msg));
      if (callback === undefined) return promise;
      promise.then((value) => callback(null, value), (error) => callback(error));
    }

    return {
      cloneMessage: $.messageClone, compareObjects, encodeObject, ensureBuffer, ensureString, evaluateJSONataExpression,
      evaluateNodeProperty, generateId: () => hexDigits(16), getMessageProperty, getObjectProperty, getSetting() {},
      normaliseNodeTypeName, normalisePropertyExpression, parseContextStore, prepareJSONataExpression, setMessageProperty, setObjectProperty,
    };
  };

  function toBuffer(text) {
    const data = JSON.parse(text);
    if (Array.isArray(data) || typeof data === 'string') return Buffer.from(data);
    throw Object.assign(new Error('Not string or array'), { code: 'INVALID_BUFFER_DATA' });
  }

  function dateOf(value) {
    if (value === 'object') return new Date();
    return value === 'iso' ? new Date().toISOString() : Date.now();
  }

  function fromEnvironment(env, text) {
    const whole = /^\$\{([^}]+)\}$/.exec(text);
    if (whole !== null) return env.get(whole[1]) ?? '';
    if (!/\$\{\S+\}/.test(text)) return env.get(text) ?? '';
    return text.replace(/\$\{([^}]+)\}/g, (_, name) => env.get(name) ?? '');
  }
})
