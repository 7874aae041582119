// The module `crypto`: digests, random values, comparison. The seed of the random values comes from outside.
(function ($) {
  'use strict';
  const { Buffer } = $.shared;
  const error = (code, message) => Object.assign(new Error(message), { code });

  // -- digests ------------------------------------------------------------------------------------------------------------------
  function padded(bytes, block, lengthBytes, little) {
    const zeros = (2 * block - ((bytes.length + 1 + lengthBytes) % block)) % block;
    const out = new Uint8Array(bytes.length + 1 + zeros + lengthBytes);
    out.set(bytes);
    out[bytes.length] = 0x80;
    new DataView(out.buffer).setBigUint64(out.length - 8, BigInt(bytes.length) * 8n, little);
    return new DataView(out.buffer);
  }

  function words(state, size, little) {
    const out = new DataView(new ArrayBuffer(state.length * 4));
    state.forEach((word, i) => out.setUint32(i * 4, word, little));
    return new Uint8Array(out.buffer, 0, size);
  }

  const turn = (word, by) => (word << by) | (word >>> (32 - by));

  const MD5_SHIFTS = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
  const MD5_WORDS = Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32) | 0);

  function md5(bytes) {
    const data = padded(bytes, 64, 8, true);
    const state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476].map((word) => word | 0);
    for (let at = 0; at < data.byteLength; at += 64) {
      let [a, b, c, d] = state;
      for (let i = 0; i < 64; i++) {
        const round = i >> 4;
        const f = round === 0 ? (b & c) | (~b & d) : round === 1 ? (d & b) | (~d & c) : round === 2 ? b ^ c ^ d : c ^ (b | ~d);
        const k = round === 0 ? i : round === 1 ? (5 * i + 1) & 15 : round === 2 ? (3 * i + 5) & 15 : (7 * i) & 15;
        const sum = (a + f + MD5_WORDS[i] + data.getInt32(at + k * 4, true)) | 0;
        [a, d, c, b] = [d, c, b, (b + turn(sum, MD5_SHIFTS[round][i & 3])) | 0];
      }
      [a, b, c, d].forEach((word, i) => (state[i] = (state[i] + word) | 0));
    }
    return words(state, 16, true);
  }

  function sha1(bytes) {
    const data = padded(bytes, 64, 8, false);
    const state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0].map((word) => word | 0);
    const w = new Int32Array(80);
    for (let at = 0; at < data.byteLength; at += 64) {
      for (let i = 0; i < 80; i++) w[i] = i < 16 ? data.getInt32(at + i * 4) : turn(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
      let [a, b, c, d, e] = state;
      for (let i = 0; i < 80; i++) {
        const f = i < 20 ? (b & c) | (~b & d) : i < 40 ? b ^ c ^ d : i < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
        const k = i < 20 ? 0x5a827999 : i < 40 ? 0x6ed9eba1 : i < 60 ? 0x8f1bbcdc : 0xca62c1d6;
        [a, b, c, d, e] = [(turn(a, 5) + f + e + k + w[i]) | 0, a, turn(b, 30), c, d];
      }
      [a, b, c, d, e].forEach((word, i) => (state[i] = (state[i] + word) | 0));
    }
    return words(state, 20, false);
  }

  // The constants of the SHA-2 family are the first bits of roots of the first primes, so they are computed: integer roots, exactly.
  const PRIMES = [];
  for (let n = 2; PRIMES.length < 80; n++) if (PRIMES.every((prime) => n % prime !== 0)) PRIMES.push(n);

  function rootBits(n, degree, bits) {
    const scaled = BigInt(n) << BigInt(bits * degree);
    let [low, high] = [0n, 1n << BigInt(bits + 5)];
    while (low < high) {
      const middle = (low + high + 1n) / 2n;
      if (middle ** BigInt(degree) <= scaled) low = middle;
      else high = middle - 1n;
    }
    return BigInt.asUintN(bits, low);
  }

  const K32 = () => Int32Array.from(PRIMES.slice(0, 64), (prime) => Number(BigInt.asIntN(32, rootBits(prime, 3, 32))));
  const K64 = () => PRIMES.map((prime) => rootBits(prime, 3, 64));
  const START = {
    sha224: () => PRIMES.slice(8, 16).map((prime) => Number(BigInt.asIntN(32, rootBits(prime, 2, 64)))),
    sha256: () => PRIMES.slice(0, 8).map((prime) => Number(BigInt.asIntN(32, rootBits(prime, 2, 32)))),
    sha384: () => PRIMES.slice(8, 16).map((prime) => rootBits(prime, 2, 64)),
    sha512: () => PRIMES.slice(0, 8).map((prime) => rootBits(prime, 2, 64)),
  };
  const known = new Map();
  const constants = (name, make) => known.get(name) ?? known.set(name, make()).get(name);

  function sha256(bytes, name, size) {
    const data = padded(bytes, 64, 8, false);
    const k = constants('k32', K32);
    const state = [...constants(name, START[name])];
    const w = new Int32Array(64);
    for (let at = 0; at < data.byteLength; at += 64) {
      for (let i = 0; i < 64; i++) {
        if (i < 16) {
          w[i] = data.getInt32(at + i * 4);
          continue;
        }
        const s0 = turn(w[i - 15], 25) ^ turn(w[i - 15], 14) ^ (w[i - 15] >>> 3);
        const s1 = turn(w[i - 2], 15) ^ turn(w[i - 2], 13) ^ (w[i - 2] >>> 10);
        w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
      }
      let [a, b, c, d, e, f, g, h] = state;
      for (let i = 0; i < 64; i++) {
        const t1 = (h + (turn(e, 26) ^ turn(e, 21) ^ turn(e, 7)) + ((e & f) ^ (~e & g)) + k[i] + w[i]) | 0;
        const t2 = ((turn(a, 30) ^ turn(a, 19) ^ turn(a, 10)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        [a, b, c, d, e, f, g, h] = [(t1 + t2) | 0, a, b, c, (d + t1) | 0, e, f, g];
      }
      [a, b, c, d, e, f, g, h].forEach((word, i) => (state[i] = (state[i] + word) | 0));
    }
    return words(state, size, false);
  }

  const cut64 = (value) => BigInt.asUintN(64, value);
  const turn64 = (word, by) => cut64((word >> by) | (word << (64n - by)));

  function sha512(bytes, name, size) {
    const data = padded(bytes, 128, 16, false);
    const k = constants('k64', K64);
    const state = [...constants(name, START[name])];
    const w = [];
    for (let at = 0; at < data.byteLength; at += 128) {
      for (let i = 0; i < 80; i++) {
        if (i < 16) {
          w[i] = data.getBigUint64(at + i * 8);
          continue;
        }
        const s0 = turn64(w[i - 15], 1n) ^ turn64(w[i - 15], 8n) ^ (w[i - 15] >> 7n);
        const s1 = turn64(w[i - 2], 19n) ^ turn64(w[i - 2], 61n) ^ (w[i - 2] >> 6n);
        w[i] = cut64(w[i - 16] + s0 + w[i - 7] + s1);
      }
      let [a, b, c, d, e, f, g, h] = state;
      for (let i = 0; i < 80; i++) {
        const t1 = h + (turn64(e, 14n) ^ turn64(e, 18n) ^ turn64(e, 41n)) + ((e & f) ^ (~e & g)) + k[i] + w[i];
        const t2 = (turn64(a, 28n) ^ turn64(a, 34n) ^ turn64(a, 39n)) + ((a & b) ^ (a & c) ^ (b & c));
        [a, b, c, d, e, f, g, h] = [cut64(t1 + t2), a, b, c, cut64(d + t1), e, f, g];
      }
      [a, b, c, d, e, f, g, h].forEach((word, i) => (state[i] = cut64(state[i] + word)));
    }
    const out = new DataView(new ArrayBuffer(64));
    state.forEach((word, i) => out.setBigUint64(i * 8, word));
    return new Uint8Array(out.buffer, 0, size);
  }

  const HASHES = {
    md5: [md5, 64], sha1: [sha1, 64],
    sha224: [(bytes) => sha256(bytes, 'sha224', 28), 64], sha256: [(bytes) => sha256(bytes, 'sha256', 32), 64],
    sha384: [(bytes) => sha512(bytes, 'sha384', 48), 128], sha512: [(bytes) => sha512(bytes, 'sha512', 64), 128],
  };

  function hashNamed(name) {
    const found = HASHES[String(name).toLowerCase().replace('sha-', 'sha')];
    if (found === undefined) throw error('ERR_OSSL_EVP_UNSUPPORTED', `Digest method not supported: ${name}; there are: ${Object.keys(HASHES).join(', ')}`);
    return found;
  }

  class Hash {
    #parts;
    #finish;
    constructor(finish, parts = []) {
      this.#finish = finish;
      this.#parts = parts;
    }
    update(data, encoding) {
      if (this.#parts === undefined) throw error('ERR_CRYPTO_HASH_FINALIZED', 'Digest already called');
      this.#parts.push(typeof data === 'string' ? Buffer.from(data, encoding) : data);
      return this;
    }
    copy() { return new Hash(this.#finish, [...this.#parts]); }
    digest(encoding) {
      if (this.#parts === undefined) throw error('ERR_CRYPTO_HASH_FINALIZED', 'Digest already called');
      const made = Buffer.from(this.#finish(Buffer.concat(this.#parts)));
      this.#parts = undefined;
      return encoding === undefined || encoding === 'buffer' ? made : made.toString(encoding);
    }
  }

  const createHash = (name) => new Hash(hashNamed(name)[0]);
  const hash = (name, data, encoding = 'hex') => createHash(name).update(data).digest(encoding);

  function createHmac(name, key) {
    const [digest, block] = hashNamed(name);
    const given = typeof key === 'string' ? Buffer.from(key) : key;
    const secret = new Uint8Array(block);
    secret.set(given.length > block ? digest(given) : given);
    return new Hash((data) => digest(Buffer.concat([secret.map((byte) => byte ^ 0x5c), digest(Buffer.concat([secret.map((byte) => byte ^ 0x36), data]))])));
  }

  // -- random values ------------------------------------------------------------------------------------------------------------------
  // SHA-256 of a secret seed and a counter.
  let seed;
  let counter = 0n;
  $.seed = (hex) => { seed = Buffer.from(hex, 'hex'); };

  function randomBytes(size, callback) {
    const parts = [];
    for (let length = 0; length < size; length += 32) {
      const block = Buffer.alloc(8);
      block.writeBigUInt64LE(counter++);
      parts.push(sha256(Buffer.concat([seed, block]), 'sha256', 32));
    }
    const made = Buffer.concat(parts, size);
    return callback === undefined ? made : void queueMicrotask(() => callback(null, made));
  }

  function randomInt(low, high) {
    if (high === undefined) [low, high] = [0, low];
    const range = high - low;
    const limit = 2 ** 48 - (2 ** 48 % range);
    let value;
    do value = randomBytes(6).readUIntBE(0, 6);
    while (value >= limit);
    return low + (value % range);
  }

  function randomUUID() {
    const bytes = randomBytes(16);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  }

  function timingSafeEqual(a, b) {
    if (a.length !== b.length) throw Object.assign(new RangeError('Input buffers must have the same byte length'), { code: 'ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH' });
    return a.reduce((different, byte, i) => different | (byte ^ b[i]), 0) === 0;
  }

  function getRandomValues(target) {
    new Uint8Array(target.buffer, target.byteOffset, target.byteLength).set(randomBytes(target.byteLength));
    return target;
  }

  $.modules.crypto = {
    createHash, createHmac, hash, randomBytes, randomInt, randomUUID, timingSafeEqual, getRandomValues,
    randomFillSync: getRandomValues, getHashes: () => Object.keys(HASHES), webcrypto: { getRandomValues, randomUUID },
  };
})
