// util, console: text of values as Node.js prints them.
(function ($) {
  'use strict';
  const CUSTOM = Symbol.for('nodejs.util.inspect.custom');
  const PROMISIFIED = Symbol.for('nodejs.util.promisify.custom');
  const DEFAULTS = { depth: 2, compact: 3, breakLength: 80, maxArrayLength: 100, maxStringLength: 10000, showHidden: false, sorted: false };

  // -- inspect ------------------------------------------------------------------------------------------------------------------
  function inspect(value, options, depth) {
    const given = typeof options === 'boolean' ? { showHidden: options, depth } : options ?? {};
    return show(value, { ...DEFAULTS, ...given }, [], 0);
  }

  function show(value, options, parents, level) {
    switch (typeof value) {
      case 'string': return quoted(value, options);
      case 'number': return Object.is(value, -0) ? '-0' : String(value);
      case 'bigint': return value + 'n';
      case 'function': return showFunction(value);
      case 'object': return value === null ? 'null' : showObject(value, options, parents, level);
      default: return String(value);
    }
  }

  function quoted(text, options) {
    const cut = text.length > options.maxStringLength ? text.slice(0, options.maxStringLength) : text;
    const mark = !cut.includes("'") ? "'" : !cut.includes('"') ? '"' : !cut.includes('`') ? '`' : "'";
    const inner = JSON.stringify(cut).slice(1, -1).replace(/\\"/g, '"');
    const rest = text.length - cut.length;
    return mark + (mark === "'" ? inner.replace(/'/g, "\\'") : mark === '"' ? inner.replace(/"/g, '\\"') : inner) + mark
      + (rest > 0 ? `... ${rest} more character${rest > 1 ? 's' : ''}` : '');
  }

  function showFunction(value) {
    const kind = /^class\b/.test(Function.prototype.toString.call(value)) ? 'class' : value.constructor?.name ?? 'Function';
    return kind === 'class' ? `[class ${value.name || '(anonymous)'}]` : `[${kind}${value.name ? ': ' + value.name : ' (anonymous)'}]`;
  }

  function showObject(value, options, parents, level) {
    if (parents.includes(value)) return '[Circular *1]';
    const custom = value[CUSTOM];
    if (typeof custom === 'function') {
      const made = custom.call(value, options.depth - level, options, inspect);
      return typeof made === 'string' ? made : show(made, options, parents, level);
    }
    const atom = showAtom(value);
    if (atom !== undefined) return atom;
    const name = nameOf(value);
    if (options.depth !== null && level > options.depth) return Array.isArray(value) ? '[Array]' : `[${name || 'Object: null prototype'}]`;
    return braces(value, name, options, [...parents, value], level);
  }

  function showAtom(value) {
    if (value instanceof Date) return isNaN(value) ? 'Invalid Date' : value.toISOString();
    if (value instanceof RegExp) return String(value);
    if (value instanceof Error) return showError(value);
    if (value instanceof Promise) return 'Promise { <pending> }';
    if ($.shared.Buffer?.isBuffer(value)) {
      const hex = value.subarray(0, 50).toString('hex').replace(/../g, ' $&');
      return `<Buffer${hex}${value.length > 50 ? ` ... ${value.length - 50} more byte${value.length > 51 ? 's' : ''}` : ''}>`;
    }
    if (value instanceof String || value instanceof Number || value instanceof Boolean) {
      return `[${value.constructor.name}: ${show(value.valueOf(), DEFAULTS, [], 0)}]`;
    }
    return undefined;
  }

  function showError(error) {
    const frames = (error.stack ?? '').trimEnd();
    const head = error.name + (error.message ? ': ' + error.message : '');
    return frames === '' ? `[${head}]` : head + '\n' + frames;
  }

  function nameOf(value) {
    const prototype = Object.getPrototypeOf(value);
    return prototype === null ? '' : prototype.constructor?.name ?? 'Object';
  }

  function braces(value, name, options, parents, level) {
    const inner = (item) => show(item, options, parents, level + 1);
    let [open, close, parts, prefix] = ['{', '}', [], name === 'Object' ? '' : name === '' ? '[Object: null prototype] ' : name + ' '];
    let keys = Object.keys(value);
    if (Array.isArray(value) || ArrayBuffer.isView(value)) {
      [open, close, prefix] = ['[', ']', name === 'Array' ? '' : `${name}(${value.length}) `];
      parts = items(value, options, inner);
      keys = keys.filter((key) => !/^\d+$/.test(key));
    } else if (value instanceof Map) {
      [parts, prefix] = [Array.from(value, ([key, item]) => `${inner(key)} => ${inner(item)}`), `Map(${value.size}) `];
    } else if (value instanceof Set) {
      [parts, prefix] = [Array.from(value, inner), `Set(${value.size}) `];
    }
    if (options.sorted) keys.sort();
    for (const key of keys) parts.push(property(value, key, inner));
    return parts.length === 0 ? prefix + open + close : prefix + join(parts, open, close, options, level);
  }

  function items(list, options, inner) {
    const shown = Array.prototype.slice.call(list, 0, options.maxArrayLength);
    const parts = shown.map((item, i) => (i in list ? inner(item) : '<1 empty item>'));
    const rest = list.length - shown.length;
    return rest > 0 ? [...parts, `... ${rest} more item${rest > 1 ? 's' : ''}`] : parts;
  }

  function property(value, key, inner) {
    const name = /^[A-Za-z_$][\w$]*$/.test(key) ? key : quoted(key, DEFAULTS);
    const found = Object.getOwnPropertyDescriptor(value, key);
    if (found.get !== undefined) return `${name}: ${found.set !== undefined ? '[Getter/Setter]' : '[Getter]'}`;
    return `${name}: ${inner(found.value)}`;
  }

  function join(parts, open, close, options, level) {
    const length = parts.reduce((sum, part) => sum + part.length + 2, 0);
    const onOne = length + level * 2 <= 76 && !parts.some((part) => part.includes('\n'));
    if (options.breakLength === Infinity || onOne) return `${open} ${parts.join(', ')} ${close}`;
    const indent = '\n' + '  '.repeat(level + 1);
    return open + indent + parts.join(',' + indent) + '\n' + '  '.repeat(level) + close;
  }

  // -- format -----------------------------------------------------------------------------------------------------------------------
  const INSERTS = {
    s: (value) => (typeof value === 'object' && value !== null && !(value instanceof Error) ? inspect(value, { depth: 0 }) : String(value)),
    d: (value) => (typeof value === 'bigint' ? value + 'n' : String(typeof value === 'object' ? NaN : Number(value))),
    i: (value) => String(parseInt(value)),
    f: (value) => String(parseFloat(value)),
    j: (value) => JSON.stringify(value),
    o: (value) => inspect(value, { depth: 4 }),
    O: (value) => inspect(value),
    c: () => '',
  };

  function format(...args) {
    let used = 0;
    let text = '';
    if (typeof args[0] === 'string') {
      used = 1;
      text = args[0].replace(/%([sdifjoOc%])/g, (whole, kind) => {
        if (kind === '%') return args.length > 1 ? '%' : whole;
        return used < args.length ? INSERTS[kind](args[used++]) : whole;
      });
    }
    const rest = args.slice(used).map((value) => (typeof value === 'string' ? value : inspect(value)));
    return [...(used > 0 ? [text] : []), ...rest].join(' ');
  }

  // -- functions ------------------------------------------------------------------------------------------------------------------------
  function promisify(original) {
    if (typeof original !== 'function') {
      throw Object.assign(new TypeError('The "original" argument must be of type function'), { code: 'ERR_INVALID_ARG_TYPE' });
    }
    if (typeof original[PROMISIFIED] === 'function') return original[PROMISIFIED];
    return function (...args) {
      return new Promise((resolve, reject) => {
        original.call(this, ...args, (error, value) => (error ? reject(error) : resolve(value)));
      });
    };
  }
  promisify.custom = PROMISIFIED;

  function callbackify(original) {
    return function (...args) {
      const callback = args.pop();
      original.apply(this, args).then((value) => queueMicrotask(() => callback(null, value)), (error) => queueMicrotask(() => callback(error)));
    };
  }

  function inherits(constructor, parent) {
    constructor.super_ = parent;
    Object.setPrototypeOf(constructor.prototype, parent.prototype);
  }

  const is = (Type) => (value) => value instanceof Type;
  const types = {
    isDate: is(Date), isRegExp: is(RegExp), isMap: is(Map), isSet: is(Set), isPromise: is(Promise), isNativeError: is(Error),
    isTypedArray: (value) => ArrayBuffer.isView(value) && !(value instanceof DataView), isUint8Array: is(Uint8Array),
    isArrayBuffer: is(ArrayBuffer), isAsyncFunction: (value) => typeof value === 'function' && value.constructor.name === 'AsyncFunction',
  };

  inspect.custom = CUSTOM;
  inspect.defaultOptions = DEFAULTS;
  const util = {
    inspect, format, promisify, callbackify, inherits, types,
    deprecate: (original) => original,
    isDeepStrictEqual: $.isEqual,
    isArray: Array.isArray, isDate: types.isDate, isRegExp: types.isRegExp, isError: types.isNativeError,
    isString: (value) => typeof value === 'string', isNumber: (value) => typeof value === 'number',
    isObject: (value) => value !== null && typeof value === 'object', isFunction: (value) => typeof value === 'function',
    stripVTControlCharacters: (text) => text.replace(/\x1b\[[0-9;]*[A-Za-z]/g, ''),
    get TextEncoder() { return $.shared.TextEncoder; },
    get TextDecoder() { return $.shared.TextDecoder; },
  };
  $.shared.util = $.modules.util = util;
  $.shared.promisify = promisify;

  // -- console ------------------------------------------------------------------------------------------------------------------------------
  $.shared.makeConsole = (print) => {
    const counts = new Map();
    const times = new Map();
    const at = (level) => (...args) => print(level, format(...args));
    const elapsed = (label) => `${label}: ${(performance.now() - times.get(label)).toFixed(3)}ms`;
    return {
      log: at('info'), info: at('info'), warn: at('warn'), error: at('error'), debug: at('debug'), trace: at('debug'), group: at('info'),
      groupEnd() {}, dir: (value, options) => print('info', inspect(value, options)), table: at('info'),
      assert: (condition, ...args) => { if (!condition) print('error', 'Assertion failed' + (args.length > 0 ? ': ' + format(...args) : '')); },
      count(label = 'default') {
        counts.set(label, (counts.get(label) ?? 0) + 1);
        print('info', `${label}: ${counts.get(label)}`);
      },
      countReset: (label = 'default') => void counts.delete(label),
      time: (label = 'default') => void times.set(label, performance.now()),
      timeLog: (label = 'default', ...args) => { if (times.has(label)) print('info', [elapsed(label), ...args.map((arg) => format(arg))].join(' ')); },
      timeEnd(label = 'default') {
        if (times.has(label)) print('info', elapsed(label));
        times.delete(label);
      },
    };
  };
})
