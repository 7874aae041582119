// The module `events`.
(function ($) {
  'use strict';
  class EventEmitter {
    #listeners = new Map();
    on(event, listener) { return this.#add(event, listener, 'push'); }
    addListener(event, listener) { return this.on(event, listener); }
    prependListener(event, listener) { return this.#add(event, listener, 'unshift'); }
    once(event, listener) {
      const once = (...args) => {
        this.off(event, once);
        listener.apply(this, args);
      };
      once.listener = listener;
      return this.on(event, once);
    }
    off(event, listener) {
      const list = this.#listeners.get(event) ?? [];
      const at = list.findLastIndex((one) => one === listener || one.listener === listener);
      if (at >= 0) this.#listeners.set(event, list.toSpliced(at, 1));
      return this;
    }
    removeListener(event, listener) { return this.off(event, listener); }
    removeAllListeners(event) {
      if (event === undefined) this.#listeners.clear();
      else this.#listeners.delete(event);
      return this;
    }
    emit(event, ...args) {
      const list = this.#listeners.get(event) ?? [];
      if (list.length === 0 && event === 'error') throw args[0] instanceof Error ? args[0] : new Error(`Unhandled error. (${args[0]})`);
      for (const listener of list) listener.apply(this, args);
      return list.length > 0;
    }
    listeners(event) { return (this.#listeners.get(event) ?? []).map((one) => one.listener ?? one); }
    listenerCount(event) { return (this.#listeners.get(event) ?? []).length; }
    eventNames() { return [...this.#listeners.keys()].filter((event) => this.listenerCount(event) > 0); }
    setMaxListeners() { return this; }
    getMaxListeners() { return 10; }
    #add(event, listener, how) {
      if (typeof listener !== 'function') throw Object.assign(new TypeError('The "listener" argument must be of type function'), { code: 'ERR_INVALID_ARG_TYPE' });
      const list = [...(this.#listeners.get(event) ?? [])];
      list[how](listener);
      this.#listeners.set(event, list);
      return this;
    }
  }
  EventEmitter.EventEmitter = EventEmitter;
  EventEmitter.once = (emitter, event) => new Promise((resolve) => emitter.once(event, (...args) => resolve(args)));
  $.modules.events = EventEmitter;
})
