// Property paths: `payload.a[0]["b c"][msg.topic]`, the grammar of Node-RED.
(function ($) {
  'use strict';
  const invalid = (message) => Object.assign(new Error(message), { code: 'INVALID_EXPR' });
  const fail = (text, reason) => { throw invalid(`Invalid property expression: ${reason}: '${text}'`); };

  const NAME = /[^'".[\] ]+/y;
  const QUOTED = /"([^"]+)"|'([^']+)'/y;
  const INDEX = /\[(?:(\d+)|"([^"]+)"|'([^']+)')\]/y;

  function match(pattern, text, at) {
    pattern.lastIndex = at;
    return pattern.exec(text);
  }

  // The parts of a path: texts, numbers, and for `[msg.x]` the path inside as an array, to be read from the message.
  function parsePath(text) {
    if (typeof text !== 'string' || text === '') fail(text, 'zero-length');
    const parts = [];
    let at = member(text, 0, parts);
    while (at < text.length) {
      if (text[at] === '[') at = bracket(text, at, parts);
      else if (text[at] === '.') at = text[at + 1] === undefined ? fail(text, 'ends with a dot') : dotted(text, at + 1, parts);
      else if (text[at - 1] === ']') at = member(text, at, parts);
      else fail(text, `unexpected ${text[at]} at position ${at}`);
    }
    return parts;
  }

  function dotted(text, at, parts) {
    if (!/[A-Za-z0-9$_]/.test(text[at])) fail(text, `unexpected ${text[at]} at position ${at}`);
    return member(text, at, parts);
  }

  function member(text, at, parts) {
    const quoted = match(QUOTED, text, at);
    const found = quoted ?? match(NAME, text, at);
    if (found === null) fail(text, `unexpected ${text[at]} at position ${at}`);
    const name = quoted === null ? found[0] : found[1] ?? found[2];
    parts.push(quoted === null && /^\d+$/.test(name) && text[at + name.length] === '.' ? Number(name) : name);
    return at + found[0].length;
  }

  function bracket(text, at, parts) {
    const found = match(INDEX, text, at);
    if (found !== null) {
      parts.push(found[1] !== undefined ? Number(found[1]) : found[2] ?? found[3]);
      return at + found[0].length;
    }
    if (!/^\[msg[.[]/.test(text.slice(at, at + 5))) fail(text, `unexpected ${text[at + 1]} at position ${at + 1}`);
    const end = closing(text, at);
    parts.push(parsePath(text.slice(at + 1, end)).slice(1));
    return end + 1;
  }

  function closing(text, start) {
    let depth = 0;
    let quote = '';
    for (let at = start; at < text.length; at++) {
      const char = text[at];
      if (quote !== '') quote = char === quote ? '' : quote;
      else if (char === '"' || char === "'") quote = char;
      else if (char === '[') depth++;
      else if (char === ']' && --depth === 0) return at;
    }
    return fail(text, 'a bracket is not closed');
  }

  function resolve(parts, msg) {
    return parts.map((part) => {
      if (!Array.isArray(part)) return part;
      const value = getPath(msg, resolve(part, msg));
      if (value === undefined) throw invalid(`Invalid expression: undefined reference: msg.${part.join('.')}`);
      return value;
    });
  }

  function getPath(object, parts) {
    let value = object;
    for (let i = 0; i < parts.length; i++) {
      if (value === undefined || value === null) throw new TypeError(`Cannot read properties of ${value} (reading '${parts[i]}')`);
      value = value[parts[i]];
    }
    return value;
  }

  // Missing parents are made unless the value is undefined, which deletes.
  function setPath(object, parts, value, create = true) {
    let parent = object;
    for (let i = 0; i < parts.length - 1; i++) {
      let next = parent[parts[i]];
      if (next === undefined || next === null) {
        if (!create || value === undefined) return value === undefined ? undefined : false;
        next = parent[parts[i]] = typeof parts[i + 1] === 'number' ? [] : {};
      } else if (typeof next !== 'object') {
        return false;
      }
      parent = next;
    }
    return assign(parent, parts[parts.length - 1], value);
  }

  function assign(parent, key, value) {
    if (value !== undefined) parent[key] = value;
    else if (Array.isArray(parent) && typeof key === 'number') parent.splice(key, 1);
    else delete parent[key];
    return true;
  }

  Object.assign($, { parsePath, resolvePath: resolve, getPath, setPath, invalid });
})
