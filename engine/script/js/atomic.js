// What a body sees of a context: get, set and keys; increment, compareAndSet and update, which nobody else gets in between of.
// Stores in memory and files are at hand. Stores that other processes share are asked outside, so their answers come later.
(function ($) {
  'use strict';
  const { stringify, parse, own, encode } = $;
  const REFUSAL = 'only asynchronous access supported for this context store: give a callback';

  // -- arguments ----------------------------------------------------------------------------------------------------------------
  // A callback may stand in the place of any argument that is left out.
  function withCallback(given, count) {
    const at = given.findIndex((value, i) => i >= 1 && typeof value === 'function');
    const callback = at < 0 ? given[count] : given[at];
    if (callback !== undefined && typeof callback !== 'function') throw new Error('Callback must be a function');
    const values = at < 0 ? given.slice(0, count) : given.slice(0, at);
    while (values.length < count) values.push(undefined);
    return [...values, callback];
  }

  function settleNow(callback, run) {
    if (callback === undefined) return run();
    let found;
    try {
      found = run();
    } catch (error) {
      return void callback(error);
    }
    callback(null, found);
  }

  function settleLater(unit, callback, promise, spread) {
    if (callback === undefined) return promise;
    const told = (found) => (spread ? callback(null, ...found) : callback(null, found));
    promise.then(told, (error) => callback(error)).catch((error) => $.reportLate(unit, error));
  }

  // -- what is the same -----------------------------------------------------------------------------------------------------------
  function alike(one, other) {
    if (one === other) return true;
    if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
    if (Array.isArray(one) !== Array.isArray(other)) return false;
    const keys = Object.keys(one);
    return keys.length === Object.keys(other).length && keys.every((key) => own.call(other, key) && alike(one[key], other[key]));
  }

  const isExpected = (found, expected) =>
    expected === undefined || expected === null ? found === undefined || found === null : alike(found, expected);

  function sum(found, by) {
    if (typeof by !== 'number') throw new TypeError('cannot add ' + $.describeValue(by) + ': it is no number');
    if (found === undefined) return by;
    if (typeof found !== 'number') throw new TypeError('cannot add ' + by + ' to ' + $.describeValue(found) + ': it is no number');
    return found + by;
  }
  $.describeValue = (value) => String(stringify(value) ?? typeof value).slice(0, 80);

  // -- stores at hand ---------------------------------------------------------------------------------------------------------------
  function swap(context, key, expected, value, store) {
    if (!isExpected(context.get(key, store), expected)) return false;
    context.set(key, value, store);
    return true;
  }

  function put(context, key, value, store) {
    context.set(key, value, store);
    return value;
  }

  // -- stores that are asked ------------------------------------------------------------------------------------------------------
  const maybe = (value) => (value === undefined ? [] : [value]);
  const unwrapped = (found) => (found.length === 0 ? undefined : found[0]);

  class Remote {
    constructor(unit, context) {
      this.unit = unit;
      this.context = context;
    }
    ask(what, key, store, ...values) {
      const asked = [what, key ?? null, store ?? null, ...values];
      return $.ask('context', this.unit, this.context.id + ',' + encode(asked));
    }
    async get(key, store) { return unwrapped(await this.ask('get', key, store)); }
    async many(keys, store) { return Promise.all(keys.map((key) => this.get(key, store))); }
    async set(keys, values, store) {
      await Promise.all(keys.map((key, i) => this.ask('set', key, store, maybe(i < values.length ? values[i] : null))));
    }
    increment(key, by, store) { return this.ask('increment', key, store, by); }
    swap(key, expected, value, store) { return this.ask('swap', key, store, maybe(expected), maybe(value)); }
    async update(key, change, store) {
      for (;;) {
        const before = await this.get(key, store);
        const text = before === undefined ? undefined : stringify(before);
        const value = change(before);
        if (await this.swap(key, text === undefined ? undefined : parse(text), value, store)) return value;
      }
    }
  }

  // -- what bodies see --------------------------------------------------------------------------------------------------------------
  function access(unit, context) {
    const plain = { get: context.get, set: context.set, keys: context.keys };
    if (!context.asks) return plain;
    const remote = new Remote(unit, context);
    const isAsked = (key, store) => context.isRemote(Array.isArray(key) ? key[0] : key, store);
    const needs = (callback) => {
      if (callback === undefined) throw new Error(REFUSAL);
      return callback;
    };
    return {
      get(key, ...rest) {
        const [, store, callback] = withCallback([key, ...rest], 2);
        if (!isAsked(key, store)) return plain.get(key, ...rest);
        const several = Array.isArray(key);
        return settleLater(unit, needs(callback), several ? remote.many(key, store) : remote.get(key, store), several);
      },
      set(key, value, ...rest) {
        const [, store, callback] = withCallback([key, ...rest], 2);
        if (!isAsked(key, store)) return plain.set(key, value, ...rest);
        const [keys, values] = Array.isArray(key) ? [key, Array.isArray(value) ? value : [value]] : [[key], [value]];
        return settleLater(unit, needs(callback), remote.set(keys, values, store), false);
      },
      keys(...rest) {
        const [, store, callback] = withCallback([null, ...rest], 2);
        if (!context.isRemote(undefined, store)) return plain.keys(...rest);
        return settleLater(unit, needs(callback), remote.ask('keys', null, store), false);
      },
    };
  }

  // Without a callback: the result itself of a store at hand, a promise of one that is asked; `await` takes both.
  $.contextFor = (unit, context) => {
    const remote = context.asks ? new Remote(unit, context) : undefined;
    const choose = (key, store, callback, near, far) =>
      remote !== undefined && context.isRemote(key, store) ? settleLater(unit, callback, far(), false) : settleNow(callback, near);
    return Object.assign(access(unit, context), {
      increment(...given) {
        const [key, by = 1, store, callback] = withCallback(given, 3);
        const near = () => put(context, key, sum(context.get(key, store), by), store);
        return choose(key, store, callback, near, () => remote.increment(key, sum(undefined, by), store));
      },
      compareAndSet(key, expected, value, ...rest) {
        const [, store, callback] = withCallback([key, ...rest], 2);
        const near = () => swap(context, key, expected, value, store);
        return choose(key, store, callback, near, () => remote.swap(key, expected, value, store));
      },
      update(key, change, ...rest) {
        const [, store, callback] = withCallback([key, ...rest], 2);
        if (typeof change !== 'function') throw new TypeError('update needs a function that makes the new value');
        const near = () => put(context, key, change(context.get(key, store)), store);
        return choose(key, store, callback, near, () => remote.update(key, change, store));
      },
    });
  };
})
