// The mirror of the context stores: what context.get, flow.get and global.get read without leaving JavaScript.
(function ($) {
  'use strict';
  const { fx, parse, stringify, encode, read, answer } = $;
  const scopes = ($.scopes = new Map());

  // Of a lazy store the newest value of a key may be here alone: outside is told once that it is `ahead`, and asks for it when it is
  // wanted. Of any other store each value that is set goes out with the call that set it.
  class Store {
    constructor(scope, [name, lazy, remote]) {
      this.scope = scope;
      this.name = name;
      this.lazy = lazy;
      this.remote = remote === true; // nothing of it is here: it is asked outside
      this.data = Object.create(null);
      this.ahead = new Set();
      this.unsent = new Map();
    }

    touch(key) {
      if (!this.lazy || this.ahead.has(key)) return;
      this.ahead.add(key);
      fx.push('["ahead",0,' + this.scope + ',' + stringify(this.name) + ',' + stringify(key) + ']');
    }

    sent(path, text) {
      if (this.lazy) return this.touch(path[0]);
      if (this.unsent.size === 0) fx.push(() => this.send());
      this.unsent.set(text, path);
    }

    send() {
      const told = [];
      for (const [text, path] of this.unsent) {
        const value = valueAt(this.data, path);
        told.push('[' + stringify(text) + (value === undefined ? '' : ',' + encode(value)) + ']');
      }
      this.unsent.clear();
      return '["stored",0,' + this.scope + ',' + stringify(this.name) + ',[' + told.join() + ']]';
    }
  }

  function valueAt(data, path) {
    let value = data[path[0]];
    for (let i = 1; i < path.length && value !== undefined; i++) value = value === null ? undefined : value[path[i]];
    return value;
  }

  // -- keys -------------------------------------------------------------------------------------------------------------------
  const PLAIN_KEY = /^[A-Za-z_][\w$]*$/;
  const STORED = /^#:\((\S+?)\)::(.*)$/s;
  const paths = new Map(); // plain keys and paths; keys that name a store or a parent are not kept

  function locate(context, key, store) {
    if (typeof key !== 'string' || key === '') throw $.invalid('Invalid context key');
    const named = STORED.exec(key);
    if (named !== null) [, store, key] = named;
    let owner = context;
    while (key.startsWith('$parent.') && owner !== undefined) {
      key = key.slice(8);
      owner = scopes.get(owner.parent);
    }
    let path = paths.get(key);
    if (path === undefined) {
      path = PLAIN_KEY.test(key) ? [key] : $.parsePath(key).map(String);
      if (paths.size >= 10000) paths.clear();
      paths.set(key, path);
    }
    return { path, key, at: owner?.store(store) };
  }

  const isDirect = (key, store) => store === undefined && key[0] !== '$' && key[0] !== '#';

  function getOne(context, key, _value, store) {
    let path = paths.get(key);
    let at = context.first;
    if (path === undefined || !isDirect(key, store)) ({ path, at } = locate(context, key, store));
    if (at === undefined) return undefined;
    const value = path.length === 1 ? at.data[path[0]] : valueAt(at.data, path);
    if (typeof value === 'object' && value !== null) at.touch(path[0]);
    return value;
  }

  function setOne(context, key, value, store) {
    let path = paths.get(key);
    let at = context.first;
    let text = key;
    if (path === undefined || !isDirect(key, store)) ({ path, at, key: text } = locate(context, key, store));
    if (at === undefined) return;
    if (path.length > 1) $.setPath(at.data, path.map((part) => (/^\d+$/.test(part) ? Number(part) : part)), value);
    else if (value === undefined) delete at.data[path[0]];
    else at.data[path[0]] = value;
    at.sent(path, text);
  }

  // What nearly every call asks for: a plain key of the first store, without a callback.
  const plainKeys = new Set();

  function isPlainKey(key) {
    if (plainKeys.has(key)) return true;
    if (typeof key !== 'string' || !PLAIN_KEY.test(key)) return false;
    if (plainKeys.size >= 10000) plainKeys.clear();
    plainKeys.add(key);
    return true;
  }

  function getPlain(at, key) {
    const value = at.data[key];
    if (typeof value === 'object' && value !== null) at.touch(key);
    return value;
  }

  function setPlain(at, key, value) {
    if (value === undefined) delete at.data[key];
    else at.data[key] = value;
    if (!at.ahead.has(key)) at.sent([key], key);
  }

  // -- what bodies see ----------------------------------------------------------------------------------------------------------
  class Context {
    constructor(info) {
      this.parent = info.parent;
      this.stores = new Map(info.stores.map((store) => [store[0], new Store(info.id, store)]));
      this.id = info.id;
      this.first = this.stores.get(info.first);
      this.asks = [...this.stores.values()].some((store) => store.remote);
      const first = this.first;
      this.get = (key, store, callback) =>
        store === undefined && callback === undefined && first !== undefined && isPlainKey(key)
          ? getPlain(first, key) : call(getOne, this, key, undefined, store, callback);
      this.set = (key, value, store, callback) =>
        store === undefined && callback === undefined && first !== undefined && isPlainKey(key)
          ? setPlain(first, key, value) : call(setOne, this, key, value, store, callback);
      this.keys = (store, callback) => listKeys(this, store, callback);
    }
    store(name) {
      return this.stores.get(name) ?? this.first;
    }
    isRemote(key, store) {
      const named = typeof key === 'string' ? STORED.exec(key) : null;
      return this.store(named === null ? store : named[1])?.remote === true;
    }
  }

  function call(one, context, key, value, store, callback) {
    if (typeof key === 'string' && store === undefined && callback === undefined) return one(context, key, value, undefined);
    if (typeof store === 'function') [store, callback] = [undefined, store];
    checkCallback(callback);
    const several = Array.isArray(key);
    const run = () => (several ? many(one, context, key, value, store) : one(context, key, value, store));
    return callback === undefined ? run() : callBack(callback, run, several && one === getOne);
  }

  function many(one, context, keys, values, store) {
    if (keys.length === 0) throw $.invalid('Invalid context key');
    const list = Array.isArray(values) ? values : [values];
    return keys.map((key, i) => one(context, key, i < list.length ? list[i] : null, store));
  }

  function listKeys(context, store, callback) {
    if (typeof store === 'function') [store, callback] = [undefined, store];
    checkCallback(callback);
    const run = () => Object.keys(context.store(store).data);
    return callback === undefined ? run() : callBack(callback, run, false);
  }

  function checkCallback(callback) {
    if (callback !== undefined && typeof callback !== 'function') throw new Error('Callback must be a function');
  }

  function callBack(callback, run, spread) {
    let found;
    try {
      found = run();
    } catch (error) {
      return void callback(error);
    }
    if (spread) callback(null, ...found);
    else callback(null, found);
  }

  // -- from outside ---------------------------------------------------------------------------------------------------------------
  $.openScope = (text) => {
    const info = parse(text);
    scopes.set(info.id, new Context(info));
  };
  $.closeScope = (id) => void scopes.delete(id);

  // Values that were set outside: [scope, store, key, value]; without a value the key is gone.
  $.push = (text, tagged) => {
    for (const change of read(text, tagged)) {
      const [scope, name, key] = change;
      const store = scopes.get(scope)?.stores.get(name);
      if (store === undefined) continue;
      store.ahead.delete(key);
      if (change.length === 3) delete store.data[key];
      else store.data[key] = change[3];
    }
  };

  // The newest value of a key, as [value], or [] when it is gone.
  $.pull = (scope, name, key) => {
    const store = scopes.get(scope)?.stores.get(name);
    if (store === undefined) return '[]';
    store.ahead.delete(key);
    const value = store.data[key];
    return answer(value === undefined ? '[]' : '[' + encode(value) + ']');
  };
})
