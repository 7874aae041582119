// What a function body sees: node, context, timers. One Unit for each function node.
(function ($) {
  'use strict';
  const { fx, state, parse, stringify, own, encode, read, describe, outputs, changes } = $;
  const units = ($.units = new Map());
  const waiting = new Map(); // answers that are still to come from outside
  let timerIds = 0;
  let questions = 0;

  class Unit {
    constructor(info) {
      this.id = info.id;
      this.info = info;
      this.timers = new Map();
      this.closers = [];
      this.env = info.env;
      this.provided = Object.create(null);
    }
  }
  const unitOf = (id) => units.get(id);
  const effect = (kind, unit, rest) => void fx.push('["' + kind + '",' + unit.id + rest + ']');

  // -- node ---------------------------------------------------------------------------------------------------------------
  const shown = (value) => encode(value instanceof Error ? String(value) : value);

  class NodeApi {
    constructor(unit, msg, originals, writes, whole, number, msgid) {
      this.unit = unit;
      this.msg = msg;
      this.originals = originals;
      this.writes = writes;
      this.whole = whole;
      this.number = number;
      this.msgid = msgid;
    }
    get id() { return this.unit.info.node.id; }
    get name() { return this.unit.info.node.name; }
    get path() { return this.unit.info.node.path; }
    get outputCount() { return this.unit.info.node.outputCount; }

    send(messages, clone) { sendMessages(this, messages, clone !== false); }
    done(error) {
      effect('finished', this.unit, ',' + this.number + ',' + (error === undefined ? 'null' : describe(error)));
    }
    error(error, msg) {
      const about = msg === null || msg === undefined ? '0,null,null' : carried(this, msg);
      effect('error', this.unit, this.head() + describe(error) + ',' + about);
    }
    status(status) { effect('status', this.unit, ',' + encode(status)); }
    log(value) { effect('log', this.unit, ',"info",' + shown(value)); }
    warn(value) { effect('log', this.unit, ',"warn",' + shown(value)); }
    debug(value) { effect('log', this.unit, ',"debug",' + shown(value)); }
    trace(value) { effect('log', this.unit, ',"trace",' + shown(value)); }
    on(event, listener) {
      if (event === 'input') throw new Error("Cannot add listener to 'input' event within Function");
      if (event === 'close') this.unit.closers.push(listener);
    }
    linkcall(target, msg, options) { return linkCall(this, target, msg, options ?? {}); }
    head() { return ',' + this.number + ',' + (this.msgid === undefined ? 'null' : encode(this.msgid)) + ','; }
  }
  const METHODS = ['send', 'done', 'error', 'status', 'log', 'warn', 'debug', 'trace', 'on', 'linkcall'];

  // For bodies that take methods off the node.
  function bound(node) {
    for (const name of METHODS) node[name] = NodeApi.prototype[name].bind(node);
    return node;
  }

  // A message in an effect: what it is, and the state of the call's own message at this moment.
  function carried(call, value) {
    const text = outputs(call, value);
    return text + ',' + (text[0] === '[' || call.msg === undefined ? 'null,null' : changes(call, call.writes(call.msg, call.originals)));
  }

  function sendMessages(call, messages, clone) {
    if (messages === null || messages === undefined) return;
    const head = '["send",' + call.unit.id + call.head() + clone + ',';
    fx.push(clone ? head + carried(call, messages) + ']' : () => head + carried(call, messages) + ']');
  }

  // -- questions to the outside ---------------------------------------------------------------------------------------------
  function ask(kind, unit, rest) {
    const id = ++questions;
    effect(kind, unit, ',' + id + ',' + rest);
    return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
  }

  function toError(found) {
    const error = new Error(found.message);
    if (found.code !== undefined) error.code = found.code;
    return error;
  }

  function answer(id, ok, text, tagged) {
    const asked = waiting.get(id);
    if (asked === undefined) return;
    waiting.delete(id);
    if (!ok) asked.reject(toError(parse(text)));
    else asked.resolve(asked.same?.(read(text, tagged)) ?? read(text, tagged));
  }

  function linkCall(call, target, msg, options) {
    if (typeof target !== 'string' || target.trim() === '') {
      return Promise.reject(new Error('Error link call target parameter is not valid, expected a string'));
    }
    if (typeof msg !== 'object' || msg === null) {
      return Promise.reject(new Error('Error link call msg parameter is not valid, expected an object'));
    }
    const clone = options.clone !== false;
    const promise = ask('link', call.unit, call.number + ',' + stringify(target) + ',' + (Number(options.timeout) || 5000) + ',' + clone + ',' + carried(call, msg));
    if (!clone) waiting.get(questions).same = (found) => replaceFields(msg, found);
    return promise;
  }

  // The subroutine was given the very message: what it did to it shows here.
  function replaceFields(msg, found) {
    for (const key of Object.keys(msg)) if (!own.call(found, key)) delete msg[key];
    return Object.assign(msg, found);
  }

  // -- timers ---------------------------------------------------------------------------------------------------------------------
  function startTimer(unit, callback, ms, args, repeats) {
    const id = ++timerIds;
    const delay = Number(ms);
    unit.timers.set(id, { callback, args, repeats });
    effect('timer', unit, ',' + id + ',' + (delay >= 1 && delay <= 2147483647 ? delay : 1) + ',' + repeats);
    return id;
  }

  function stopTimer(unit, id) {
    if (unit.timers.delete(id)) effect('untimer', unit, ',' + id);
  }

  function reportLate(unit, error) {
    effect('error', unit, ',0,null,' + describe(error) + ',[{}],null,null');
  }

  $.fire = (unitId, id) => {
    const unit = unitOf(unitId);
    const timer = unit?.timers.get(id);
    if (timer === undefined) return null;
    if (!timer.repeats) unit.timers.delete(id);
    try {
      const { callback, args } = timer;
      const promise = callback.apply(undefined, args);
      if (typeof promise?.then === 'function') promise.then(undefined, (error) => reportLate(unit, error));
    } catch (error) {
      reportLate(unit, error);
    }
    return $.take();
  };

  // -- names that bodies may use ------------------------------------------------------------------------------------------------------
  const contextOf = (unit, id) => $.contextFor(unit, $.scopes.get(id));

  const PROVIDERS = {
    context: (unit) => Object.assign(contextOf(unit, unit.info.scopes.context), {
      get flow() { return provide('flow', unit); },
      get global() { return provide('global', unit); },
    }),
    flow: (unit) => contextOf(unit, unit.info.scopes.flow),
    global: (unit) => contextOf(unit, unit.info.scopes.global),
    env: (unit) => ({ get: (name) => (own.call(unit.env, name) ? unit.env[name] : undefined) }),
    setTimeout: (unit) => {
      const start = (callback, ms, ...args) => startTimer(unit, callback, ms, args, false);
      start[Symbol.for('nodejs.util.promisify.custom')] = (ms, value) => new Promise((resolve) => start(resolve, ms, value));
      return start;
    },
    setInterval: (unit) => (callback, ms, ...args) => startTimer(unit, callback, ms, args, true),
    clearTimeout: (unit) => (id) => stopTimer(unit, id),
    clearInterval: (unit) => (id) => stopTimer(unit, id),
    console: (unit) => $.shared.makeConsole((level, text) => effect('console', unit, ',"' + level + '",' + stringify(text))),
    RED: (unit) => ({ util: $.shared.makeUtil(unit, (name) => provide(name, unit), (kind, rest) => ask(kind, unit, rest)) }),
    structuredClone: () => $.clone,
  };

  function provide(name, unit) {
    if (!(name in unit.provided)) {
      const library = unit.info.libs[name];
      const make = PROVIDERS[name];
      if (library !== undefined) unit.provided[name] = $.modules[library];
      else unit.provided[name] = make !== undefined ? make(unit) : $.shared[name];
    }
    return unit.provided[name];
  }

  // -- the life of a unit -------------------------------------------------------------------------------------------------------------
  // `factory` takes the names in `info.names` and returns the three functions: body, set-up, clean-up.
  $.define = (factory, text, tagged) => {
    const info = read(text, tagged);
    const unit = new Unit(info);
    const values = info.names.map((name) => provide(name, unit));
    const scope = Object.create(null);
    info.names.forEach((name, i) => (scope[name] = values[i]));
    for (const name of info.implicit) scope[name] = globalThis[name];
    if (info.scoped) scope.globalThis = scope;
    const [body, setup, cleanup] = info.scoped ? factory(scope) : factory(...values);
    unit.body = info.scoped ? body.bind(scope) : body;
    unit.setup = setup;
    unit.cleanup = cleanup;
    units.set(unit.id, unit);
  };

  const callOf = (unit) => ({ unit, number: 0, msg: undefined, originals: undefined, writes: () => '', whole: false });

  $.setUp = (unitId) => {
    const unit = unitOf(unitId);
    const node = bound(new NodeApi(unit, undefined, undefined, undefined, false, 0, undefined));
    state.gone = '';
    try {
      const result = unit.setup(node);
      return $.finish(callOf(unit), typeof result?.then === 'function' ? result.then(() => null) : null, '');
    } catch (error) {
      return $.fail(callOf(unit), error, '');
    }
  };

  function closing(unit) {
    const node = bound(new NodeApi(unit, undefined, undefined, undefined, false, 0, undefined));
    node.send = () => node.error('Cannot send from close function');
    return node;
  }

  function runCloser(listener, removed) {
    if (typeof listener !== 'function') return undefined;
    if (listener.length === 0) return listener();
    return new Promise((resolve) => (listener.length === 1 ? listener(resolve) : listener(removed, resolve)));
  }

  // Clean-up code, then the listeners of `close`; what they promise is waited for.
  $.close = (unitId, removed) => {
    const unit = unitOf(unitId);
    const promises = [];
    for (const run of [() => unit.cleanup(closing(unit)), ...unit.closers.map((listener) => () => runCloser(listener, removed))]) {
      try {
        promises.push(run());
      } catch (error) {
        effect('error', unit, ',0,null,' + describe(error) + ',0,null,null');
      }
    }
    state.gone = '';
    const late = promises.filter((promise) => typeof promise?.then === 'function');
    if (late.length === 0) return $.take();
    return $.finish(callOf(unit), Promise.allSettled(late).then(() => null), '');
  };
  $.forget = (unitId) => void units.delete(unitId);
  $.setEnv = (unitId, text, tagged) => void Object.assign(unitOf(unitId).env, read(text, tagged));

  Object.assign($, { NodeApi, bound, provide, ask, reportLate, reply: (id, ok, text, tagged) => { answer(id, ok, text, tagged); return $.take(); } });
})
