// Buffer: bytes with the methods that Node.js gives them.
(function ($) {
  'use strict';
  const { latin1Bytes, latin1Text, utf8Bytes, utf8Text, utf16Bytes, utf16Text } = $;
  const view = (bytes) => Object.setPrototypeOf(bytes, Buffer.prototype);
  const error = (Kind, code, message) => Object.assign(new Kind(message), { code });

  // -- encodings --------------------------------------------------------------------------------------------------------------
  function hexBytes(text) {
    const digits = /^(?:[0-9a-fA-F]{2})*/.exec(text)[0];
    return Uint8Array.fromHex(digits);
  }

  function base64Bytes(text) {
    const end = text.indexOf('=');
    const digits = (end < 0 ? text : text.slice(0, end)).replace(/-/g, '+').replace(/_/g, '/').replace(/[^A-Za-z0-9+/]/g, '');
    return Uint8Array.fromBase64(digits.length % 4 === 1 ? digits.slice(0, -1) : digits);
  }

  const lowBytes = (text) => latin1Bytes(/^[\0-\xff]*$/.test(text) ? text : Array.from({ length: text.length }, (_, i) => String.fromCharCode(text.charCodeAt(i) & 255)).join(''));
  const asciiText = (bytes) => latin1Text(bytes.some((byte) => byte > 127) ? Uint8Array.from(bytes, (byte) => byte & 127) : bytes);
  const utf8 = [utf8Bytes, (bytes) => utf8Text(bytes)];
  const utf16 = [utf16Bytes, utf16Text];
  const latin1 = [lowBytes, latin1Text];
  const ENCODINGS = {
    utf8, 'utf-8': utf8, utf16le: utf16, 'utf-16le': utf16, ucs2: utf16, 'ucs-2': utf16, latin1, binary: latin1,
    ascii: [lowBytes, asciiText],
    hex: [hexBytes, (bytes) => Uint8Array.prototype.toHex.call(bytes)],
    base64: [base64Bytes, (bytes) => Uint8Array.prototype.toBase64.call(bytes)],
    base64url: [base64Bytes, (bytes) => Uint8Array.prototype.toBase64.call(bytes, { alphabet: 'base64url', omitPadding: true })],
  };

  function encoding(name) {
    if (name === undefined || name === null || name === '') return utf8;
    const found = ENCODINGS[name] ?? ENCODINGS[String(name).toLowerCase()];
    if (found === undefined) throw error(TypeError, 'ERR_UNKNOWN_ENCODING', `Unknown encoding: ${name}`);
    return found;
  }
  const bytesOf = (text, name) => encoding(name)[0](text);

  // -- making -------------------------------------------------------------------------------------------------------------------
  function Buffer(value, second, third) {
    if (typeof value === 'string') return view(bytesOf(value, second));
    const bytes = typeof value === 'object' && !(value instanceof ArrayBuffer) ? new Uint8Array(value) : new Uint8Array(value, second, third);
    return view(bytes);
  }
  Object.setPrototypeOf(Buffer, Uint8Array);
  Buffer.prototype = Object.create(Uint8Array.prototype, { constructor: { value: Buffer, writable: true, configurable: true } });

  function from(value, second, third) {
    if (typeof value === 'string') return view(bytesOf(value, second));
    if (value instanceof ArrayBuffer) return view(new Uint8Array(value, second, third));
    if (ArrayBuffer.isView(value) || Array.isArray(value)) return view(Uint8Array.from(value));
    if (value !== null && typeof value === 'object') {
      if (value.type === 'Buffer' && Array.isArray(value.data)) return from(value.data);
      const primitive = value.valueOf?.();
      if (primitive !== value && primitive !== null && primitive !== undefined) return from(primitive, second, third);
      if (typeof value.length === 'number') return view(Uint8Array.from(value));
    }
    const received = value === null || value === undefined ? String(value) : `type ${typeof value} (${String(value)})`;
    throw error(TypeError, 'ERR_INVALID_ARG_TYPE', 'The first argument must be of type string or an instance of Buffer, '
      + `ArrayBuffer, or Array or an Array-like Object. Received ${received}`);
  }

  function alloc(size, fill, name) {
    if (typeof size !== 'number') throw error(TypeError, 'ERR_INVALID_ARG_TYPE', `The "size" argument must be of type number. Received type ${typeof size}`);
    const made = view(new Uint8Array(size));
    return fill === undefined || size === 0 ? made : made.fill(fill, name);
  }

  function concat(list, total = list.reduce((sum, part) => sum + part.length, 0)) {
    const made = alloc(total);
    let at = 0;
    for (const part of list) {
      if (at >= total) break;
      made.set(at + part.length > total ? part.subarray(0, total - at) : part, at);
      at += part.length;
    }
    return made;
  }

  function compare(a, b) {
    const length = Math.min(a.length, b.length);
    for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
    return Math.sign(a.length - b.length);
  }

  Object.assign(Buffer, {
    from, alloc, concat, compare,
    allocUnsafe: (size) => alloc(size),
    allocUnsafeSlow: (size) => alloc(size),
    isBuffer: (value) => value instanceof Buffer,
    isEncoding: (name) => typeof name === 'string' && ENCODINGS[name.toLowerCase()] !== undefined,
    byteLength: (value, name) => (typeof value === 'string' ? bytesOf(value, name).length : value.byteLength),
    of: (...items) => view(Uint8Array.from(items)),
    poolSize: 8192,
  });

  // -- reading and searching ----------------------------------------------------------------------------------------------------------
  const within = (at, length) => Math.max(0, Math.min(at === undefined ? length : at < 0 ? length + Math.trunc(at) : Math.trunc(at) || 0, length));

  function needle(value, name) {
    if (typeof value === 'string') return bytesOf(value, name);
    if (typeof value === 'number') return Uint8Array.of(value & 255);
    return value;
  }

  function find(buffer, value, at, name, backwards) {
    if (typeof at === 'string') [name, at] = [at, undefined];
    const wanted = needle(value, name);
    const last = buffer.length - wanted.length;
    const matches = (start) => wanted.every((byte, i) => buffer[start + i] === byte);
    if (backwards) {
      for (let i = Math.min(at === undefined ? last : at < 0 ? buffer.length + at : at, last); i >= 0; i--) if (matches(i)) return i;
      return -1;
    }
    for (let i = within(at ?? 0, buffer.length); i <= last; i++) if (matches(i)) return i;
    return -1;
  }

  const METHODS = {
    toString(name, start = 0, end = this.length) {
      const whole = start <= 0 && end >= this.length;
      return encoding(name)[1](whole ? this : this.subarray(Math.max(0, start), Math.max(0, end)));
    },
    equals(other) { return compare(this, other) === 0; },
    compare(other, start = 0, end = other.length, from = 0, to = this.length) {
      return compare(this.subarray(from, to), other.subarray(start, end));
    },
    copy(target, at = 0, start = 0, end = this.length) {
      const part = Uint8Array.prototype.subarray.call(this, start, Math.min(end, start + Math.max(0, target.length - at)));
      target.set(part, at);
      return part.length;
    },
    subarray(start, end) {
      const from = within(start ?? 0, this.length);
      return view(new Uint8Array(this.buffer, this.byteOffset + from, Math.max(0, within(end, this.length) - from)));
    },
    slice(start, end) { return this.subarray(start, end); },
    write(text, at = 0, length, name) {
      if (typeof at === 'string') [name, at] = [at, 0];
      if (typeof length === 'string') [name, length] = [length, undefined];
      let bytes = bytesOf(text, name);
      const room = Math.min(length ?? Infinity, this.length - at);
      if (bytes.length > room) {
        let end = room;
        if (encoding(name) === utf8) while (end > 0 && (bytes[end] & 0xc0) === 0x80) end--;
        bytes = bytes.subarray(0, end);
      }
      this.set(bytes, at);
      return bytes.length;
    },
    fill(value, start = 0, end = this.length, name) {
      if (typeof start === 'string') [name, start] = [start, 0];
      if (typeof end === 'string') [name, end] = [end, this.length];
      if (typeof value === 'number' || typeof value === 'boolean') return Uint8Array.prototype.fill.call(this, value & 255, start, end);
      const pattern = needle(value, name);
      for (let i = start; i < end; i++) this[i] = pattern.length === 0 ? 0 : pattern[(i - start) % pattern.length];
      return this;
    },
    indexOf(value, at, name) { return find(this, value, at, name, false); },
    lastIndexOf(value, at, name) { return find(this, value, at, name, true); },
    includes(value, at, name) { return find(this, value, at, name, false) >= 0; },
    swap16() { return swap(this, 2); },
    swap32() { return swap(this, 4); },
    swap64() { return swap(this, 8); },
    readUIntBE(at, length) { return integer(this, at, length); },
    readUIntLE(at, length) { return integer(Uint8Array.from(part(this, at, length)).reverse(), 0, length); },
    readIntBE(at, length) { return signed(this.readUIntBE(at, length), length); },
    readIntLE(at, length) { return signed(this.readUIntLE(at, length), length); },
    writeUIntBE(value, at, length) {
      part(this, at, length);
      for (let i = length - 1, rest = value; i >= 0; i--, rest = Math.floor(rest / 256)) this[at + i] = rest & 255;
      return at + length;
    },
    writeUIntLE(value, at, length) {
      part(this, at, length);
      for (let i = 0, rest = value; i < length; i++, rest = Math.floor(rest / 256)) this[at + i] = rest & 255;
      return at + length;
    },
  };
  METHODS.writeIntBE = METHODS.writeUIntBE;
  METHODS.writeIntLE = METHODS.writeUIntLE;
  METHODS.toLocaleString = METHODS.toString;

  function swap(buffer, size) {
    if (buffer.length % size !== 0) throw error(RangeError, 'ERR_INVALID_BUFFER_SIZE', `Buffer size must be a multiple of ${size * 8}-bits`);
    for (let i = 0; i < buffer.length; i += size) Uint8Array.prototype.subarray.call(buffer, i, i + size).reverse();
    return buffer;
  }

  // -- numbers ------------------------------------------------------------------------------------------------------------------------
  function part(buffer, at, length) {
    if (at < 0 || at + length > buffer.length) throw outside(at, buffer.length - length);
    return Uint8Array.prototype.subarray.call(buffer, at, at + length);
  }

  function outside(at, last) {
    if (last < 0) return error(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', 'Attempt to access memory outside buffer bounds');
    return error(RangeError, 'ERR_OUT_OF_RANGE', `The value of "offset" is out of range. It must be >= 0 and <= ${last}. Received ${at}`);
  }

  const integer = (buffer, at, length) => part(buffer, at, length).reduce((value, byte) => value * 256 + byte, 0);
  const signed = (value, length) => (value >= 2 ** (length * 8 - 1) ? value - 2 ** (length * 8) : value);

  const NUMBERS = [
    ['Int8', 1], ['Uint8', 1], ['Int16', 2], ['Uint16', 2], ['Int32', 4], ['Uint32', 4],
    ['Float32', 4, 'Float'], ['Float64', 8, 'Double'], ['BigInt64', 8], ['BigUint64', 8, 'BigUInt64'],
  ];

  function checkNumber(value, name, size) {
    if (name.startsWith('Float') || name.startsWith('Big')) return;
    const low = name[0] === 'I' ? -(2 ** (size * 8 - 1)) : 0;
    const high = low + 2 ** (size * 8) - 1;
    if (value < low || value > high) {
      throw error(RangeError, 'ERR_OUT_OF_RANGE', `The value of "value" is out of range. It must be >= ${low} and <= ${high}. Received ${value}`);
    }
  }

  for (const [name, size, spelled = name.replace('Uint', 'UInt')] of NUMBERS) {
    const get = DataView.prototype['get' + name];
    const set = DataView.prototype['set' + name];
    for (const order of size === 1 ? [''] : ['BE', 'LE']) {
      const little = order === 'LE';
      const data = (buffer, at) => {
        if (!(at >= 0 && at + size <= buffer.length)) throw outside(at, buffer.length - size);
        return new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
      };
      METHODS['read' + spelled + order] = function (at = 0) { return get.call(data(this, at), at, little); };
      METHODS['write' + spelled + order] = function (value, at = 0) {
        checkNumber(value, name, size);
        set.call(data(this, at), at, value, little);
        return at + size;
      };
    }
  }
  for (const name of Object.keys(METHODS)) if (name.includes('UInt')) METHODS[name.replace('UInt', 'Uint')] = METHODS[name];

  for (const [name, value] of Object.entries(METHODS)) Object.defineProperty(Buffer.prototype, name, { value, writable: true, configurable: true });
  $.guard(Buffer.prototype, function () { return { type: 'Buffer', data: Array.from(this) }; });

  $.bytes = (text) => view(Uint8Array.fromBase64(text));
  $.shared.Buffer = Buffer;
  $.modules.buffer = { Buffer, constants: { MAX_LENGTH: 2 ** 31 - 1, MAX_STRING_LENGTH: 2 ** 29 - 24 }, kMaxLength: 2 ** 31 - 1, btoa, atob };
})
