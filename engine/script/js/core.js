// The part of the runtime that lives inside the JavaScript context: how values, effects and calls cross the border.
// Evaluated once per context with an empty namespace and the tag that marks values JSON has no form for.
(function ($, TAG) {
  'use strict';
  const { parse, stringify } = JSON;
  const { isArray } = Array;
  const own = Object.prototype.hasOwnProperty;
  const OPEN = '{' + stringify(TAG) + ':';
  const EXACT = { toString: () => 'a value that JSON has no form for' };
  const ID = Symbol('id');

  const fx = []; // effects of the current call: JSON texts, or functions that give one when the call ends
  const state = { tagged: false, gone: '', calls: 0 };
  const held = new Map();
  let encoding = false;
  let heldIds = 0;

  // -- values to JSON ---------------------------------------------------------------------------------------------------
  // JSON.stringify does the work; the toJSON hooks below interrupt it at a value that needs a tag.
  function guard(prototype, ordinary) {
    Object.defineProperty(prototype, 'toJSON', {
      value: function toJSON(key) {
        if (encoding) throw EXACT;
        return ordinary === undefined ? this : ordinary.call(this, key);
      },
      writable: true,
      configurable: true,
    });
  }
  const TypedArray = Object.getPrototypeOf(Uint8Array);
  for (const type of [TypedArray, ArrayBuffer, DataView, Map, Set, WeakMap, WeakSet, Error, RegExp, Function, Promise, BigInt]) {
    guard(type.prototype);
  }
  guard(Date.prototype, Date.prototype.toJSON);

  class Foreign {}
  guard(Foreign.prototype);

  function encode(value) {
    switch (typeof value) {
      case 'number':
        if (value - value === 0) return '' + value;
        break;
      case 'string':
        return stringify(value);
      case 'boolean':
        return value ? 'true' : 'false';
      case 'object':
        if (value === null) return 'null';
        encoding = true;
        try {
          const text = stringify(value);
          encoding = false;
          if (text !== undefined && (!hasNull(text) || isPlain(value))) return text;
        } catch (error) {
          encoding = false;
          if (error !== EXACT && !(error instanceof TypeError)) throw error;
        }
    }
    return exact(value, []);
  }

  // In a long text the engine's split finds something five times as fast as its includes.
  const hasNull = (text) => (text.length < 100 ? text.includes('null') : text.split('null', 2).length > 1);

  // JSON.stringify writes null for NaN, and for what is undefined in an array.
  function isPlain(value) {
    if (typeof value === 'number') return value - value === 0;
    if (value === null || typeof value !== 'object') return true;
    if (isArray(value)) return value.every((item) => item !== undefined && isPlain(item));
    for (const key of Object.keys(value)) if (!isPlain(value[key])) return false;
    return true;
  }

  function tag(kind, rest) {
    state.tagged = true;
    return OPEN + '["' + kind + '"' + (rest === undefined ? '' : ',' + rest) + ']}';
  }

  function exact(value, parents) {
    switch (typeof value) {
      case 'undefined':
        return tag('undefined');
      case 'number':
        return value - value === 0 ? '' + value : tag('number', '"' + value + '"');
      case 'bigint':
        return tag('integer', '"' + value + '"');
      case 'function':
      case 'symbol':
        return hold(value);
      case 'object':
        return value === null ? 'null' : exactObject(value, parents);
      default:
        return stringify(value);
    }
  }

  function exactObject(value, parents) {
    if (value instanceof Foreign && value[ID] !== undefined) return tag('ref', value[ID]);
    if (value instanceof Date) return tag('date', isNaN(value) ? 'null' : '' + value.getTime());
    if (value instanceof Uint8Array) return tag('bytes', '"' + value.toBase64() + '"');
    if (value instanceof ArrayBuffer) return tag('bytes', '"' + new Uint8Array(value).toBase64() + '"');
    if (value instanceof TypedArray) return exact(Array.from(value), parents);
    if (isHeld(value)) return hold(value);
    if (typeof value.toJSON === 'function' && !isTagged(value)) {
      const made = value.toJSON();
      if (made !== value) return exact(made, parents);
    }
    const at = parents.indexOf(value);
    if (at >= 0) return tag('cycle', '' + (parents.length - at));
    parents.push(value);
    const text = exactContainer(value, parents);
    parents.pop();
    return text;
  }

  function isHeld(value) {
    return value instanceof RegExp || value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet
      || value instanceof DataView;
  }

  const isTagged = (value) => value instanceof Map || value instanceof Set || value instanceof Error;

  function exactContainer(value, parents) {
    const inner = (item) => exact(item, parents);
    if (isArray(value)) return '[' + Array.from(value, (item) => (item === undefined ? 'null' : inner(item))).join() + ']';
    if (value instanceof Set) return tag('set', '[' + Array.from(value, inner).join() + ']');
    if (value instanceof Map) return tag('map', '[' + Array.from(value, ([k, v]) => '[' + inner(k) + ',' + inner(v) + ']').join() + ']');
    if (value instanceof Error) return exactFields(errorFields(value), parents);
    return exactFields(value, parents);
  }

  function exactFields(value, parents) {
    const parts = [];
    for (const key of Object.keys(value)) {
      if (value[key] !== undefined) parts.push(stringify(key) + ':' + exact(value[key], parents));
    }
    return '{' + parts.join() + '}';
  }

  function hold(value) {
    held.set(++heldIds, value);
    return tag('held', heldIds + ',' + stringify(typeof value === 'object' ? value.constructor?.name ?? 'Object' : typeof value));
  }
  $.release = (id) => void held.delete(id);
  $.isHeldId = (id) => held.has(id);

  // -- JSON to values ---------------------------------------------------------------------------------------------------
  const foreign = new FinalizationRegistry((id) => fx.push('["free",0,' + id + ']'));

  function untag(value, parents = []) {
    if (value === null || typeof value !== 'object') return value;
    if (own.call(value, TAG)) return revive(value[TAG], parents);
    parents.push(value);
    for (const key of Object.keys(value)) {
      const found = value[key];
      if (found !== null && typeof found === 'object') value[key] = untag(found, parents);
    }
    parents.pop();
    return value;
  }

  function filled(made, parents, fill) {
    parents.push(made);
    fill(made);
    parents.pop();
    return made;
  }

  const REVIVERS = {
    undefined: () => undefined,
    number: ([, text]) => Number(text),
    date: ([, ms]) => new Date(ms === null ? NaN : ms),
    bytes: ([, text]) => $.bytes(text),
    set: ([, items], parents) => filled(new Set(), parents, (made) => items.forEach((item) => made.add(untag(item, parents)))),
    map: ([, items], parents) => filled(new Map(), parents, (made) => items.forEach(([k, v]) => made.set(untag(k, parents), untag(v, parents)))),
    cycle: ([, up], parents) => parents[parents.length - up],
    held: ([, id]) => held.get(id),
    ref: ([, id, view]) => {
      const object = Object.assign(new Foreign(), untag(view));
      Object.defineProperty(object, ID, { value: id });
      foreign.register(object, id);
      return object;
    },
  };
  const revive = (found, parents) => REVIVERS[found[0]](found, parents);
  const read = (text, tagged) => (tagged ? untag(parse(text)) : parse(text));

  // -- errors -------------------------------------------------------------------------------------------------------------
  function errorFields(error) {
    const fields = { name: String(error.name), message: String(error.message), stack: error.stack };
    if (error.code !== undefined) fields.code = error.code;
    if (own.call(error, 'cause')) fields.cause = error.cause;
    return fields;
  }

  // Anything can be thrown. The engine throws null when there is no memory left to make an error of.
  function describe(thrown) {
    if (thrown === null || thrown === undefined) return '{"name":"InternalError","message":"out of memory"}';
    if (thrown instanceof Error || own.call(Object(thrown), 'stack')) return encode(errorFields(thrown));
    return '{"text":' + stringify(typeof thrown === 'string' ? thrown : stringify(thrown) ?? String(thrown)) + '}';
  }

  // -- the answer of a call -------------------------------------------------------------------------------------------------
  function flush(head) {
    let text = '[' + head;
    for (let i = 0; i < fx.length; i++) text += ',' + (typeof fx[i] === 'string' ? fx[i] : fx[i]());
    fx.length = 0;
    return answer(text + ']');
  }

  // Long texts that were put together are ropes, which cannot leave: slice makes one piece of them.
  function answer(text) {
    if (!state.tagged) return text.slice(0);
    state.tagged = false;
    return ('!' + text).slice(0);
  }
  const take = () => (fx.length === 0 ? null : flush('0,null,null'));

  function gone() {
    return state.gone === '' ? 'null' : '[' + state.gone.slice(1) + ']';
  }

  // What a body assigned, as the two middle members of an answer; a whole message replaces what was there.
  function changes(call, text) {
    if (call.whole) return text === null ? 'null,null' : text + ',true';
    return (text === '' ? 'null' : '{' + text + '}') + ',' + gone();
  }

  // A result, or what is sent: 0 nothing, 1 the call's own message, [value] something else, {"own": ...} a list with the message in it.
  function outputs(call, value) {
    if (value === null || value === undefined) return '0';
    if (value === call.msg) return '1';
    if (isArray(value) && hasOwn(call.msg, value)) return '{"own":' + mixed(call.msg, value) + '}';
    return '[' + encode(value) + ']';
  }

  function hasOwn(msg, list) {
    for (let i = 0; i < list.length; i++) {
      if (list[i] === msg || (isArray(list[i]) && hasOwn(msg, list[i]))) return msg !== undefined;
    }
    return false;
  }

  const carries = (msg, value) => value === msg || (isArray(value) && hasOwn(msg, value));

  // Where the message stands in a list that holds nothing else; -1 for other lists.
  function alone(list, msg) {
    let at = -1;
    for (let i = 0; i < list.length; i++) {
      const item = list[i];
      if (item === msg && at < 0) at = i;
      else if (item !== null && item !== undefined) return -1;
    }
    return at;
  }

  function mixed(msg, value) {
    if (value === msg) return '1';
    if (value === null || value === undefined) return 'null';
    if (isArray(value)) return '[' + value.map((item) => mixed(msg, item)).join() + ']';
    return '{"v":' + encode(value) + '}';
  }

  function finish(call, value, text) {
    if (value !== null && typeof value === 'object' && typeof value.then === 'function') return pending(call, value);
    const r = outputs(call, value);
    if (r === '0' && !text && fx.length === 0 && state.gone === '') return null;
    return flush(r + ',' + changes(call, text));
  }

  function pending(call, promise) {
    const id = call.number || ++state.calls;
    const head = (kind) => '["' + kind + '",' + call.unit.id + ',' + id + ',';
    promise.then(
      (value) => fx.push(head('done') + outputs(call, value) + ',' + changes(call, call.writes(call.msg, call.originals)) + ']'),
      (error) => fx.push(head('failed') + describe(error) + ',' + changes(call, call.writes(call.msg, call.originals)) + ']'),
    );
    return flush('2,' + id + ',null');
  }

  function fail(call, error, text) {
    return flush('{"error":' + describe(error) + '},' + changes(call, text));
  }

  Object.assign($, {
    fx, state, parse, stringify, own, guard, encode, untag, read, describe, flush, answer, take, outputs, changes, finish, fail, alone, carries, tag,
    Foreign, bytes: (text) => Uint8Array.fromBase64(text), shared: Object.create(null), modules: Object.create(null),
  });
})
