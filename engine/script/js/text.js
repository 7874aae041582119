// Texts as bytes. The loops are the engine's own: btoa, base64 and percent-encoding are native, byte by byte in script is not.
(function ($) {
  'use strict';
  const fromBase64 = Uint8Array.fromBase64.bind(Uint8Array);

  const latin1Bytes = (text) => fromBase64(btoa(text));
  const latin1Text = (bytes) => atob(Uint8Array.prototype.toBase64.call(bytes));
  const utf8Bytes = (text) => latin1Bytes(unescape(encodeURIComponent(text.toWellFormed())));

  function utf8Text(bytes, fatal = false) {
    try {
      return decodeURIComponent(escape(latin1Text(bytes)));
    } catch {
      if (fatal) throw Object.assign(new TypeError('The encoded data was not valid for encoding utf-8'), { code: 'ERR_ENCODING_INVALID_ENCODED_DATA' });
      return repaired(bytes);
    }
  }

  // How many bytes follow a lead byte, and the range of the first of them; what breaks the rules becomes U+FFFD.
  function sequence(lead) {
    if (lead >= 0xc2 && lead <= 0xdf) return [1, 0x80, 0xbf];
    if (lead >= 0xe0 && lead <= 0xef) return [2, lead === 0xe0 ? 0xa0 : 0x80, lead === 0xed ? 0x9f : 0xbf];
    if (lead >= 0xf0 && lead <= 0xf4) return [3, lead === 0xf0 ? 0x90 : 0x80, lead === 0xf4 ? 0x8f : 0xbf];
    return undefined;
  }

  function repaired(bytes) {
    const parts = [];
    for (let at = 0; at < bytes.length; ) {
      const lead = bytes[at++];
      const rule = lead < 0x80 ? [0] : sequence(lead);
      if (rule === undefined) {
        parts.push('\ufffd');
        continue;
      }
      let [left, low, high] = rule;
      let code = left === 0 ? lead : lead & (0x3f >> left);
      while (left > 0 && at < bytes.length && bytes[at] >= low && bytes[at] <= high) {
        code = (code << 6) | (bytes[at++] & 0x3f);
        left--;
        [low, high] = [0x80, 0xbf];
      }
      parts.push(left === 0 ? String.fromCodePoint(code) : '\ufffd');
    }
    return parts.join('');
  }

  function utf16Bytes(text) {
    const units = new Uint16Array(text.length);
    for (let i = 0; i < text.length; i++) units[i] = text.charCodeAt(i);
    return new Uint8Array(units.buffer);
  }

  function utf16Text(bytes) {
    const parts = [];
    for (let i = 0; i + 1 < bytes.length; i += 2) parts.push(bytes[i] | (bytes[i + 1] << 8));
    let text = '';
    for (let i = 0; i < parts.length; i += 8192) text += String.fromCharCode.apply(undefined, parts.slice(i, i + 8192));
    return text;
  }

  class TextEncoder {
    get encoding() { return 'utf-8'; }
    encode(text = '') { return utf8Bytes(String(text)); }
    encodeInto(text, target) {
      const bytes = utf8Bytes(text);
      let written = Math.min(bytes.length, target.length);
      while (written < bytes.length && written > 0 && (bytes[written] & 0xc0) === 0x80) written--;
      target.set(bytes.subarray(0, written));
      return { read: utf8Text(bytes.subarray(0, written)).length, written };
    }
  }

  const DECODERS = {
    'utf-8': utf8Text, utf8: utf8Text, 'utf-16le': utf16Text, utf16le: utf16Text,
    latin1: latin1Text, 'iso-8859-1': latin1Text, 'windows-1252': latin1Text, ascii: latin1Text,
  };

  class TextDecoder {
    constructor(label = 'utf-8', options = {}) {
      this.encoding = String(label).trim().toLowerCase();
      this.fatal = options.fatal === true;
      this.ignoreBOM = options.ignoreBOM === true;
      if (DECODERS[this.encoding] === undefined) {
        throw Object.assign(new RangeError(`The "${label}" encoding is not supported`), { code: 'ERR_ENCODING_NOT_SUPPORTED' });
      }
    }
    decode(input = new Uint8Array(0)) {
      const bytes = input instanceof ArrayBuffer ? new Uint8Array(input) : new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
      const text = DECODERS[this.encoding](bytes, this.fatal);
      return !this.ignoreBOM && text.startsWith('\ufeff') ? text.slice(1) : text;
    }
  }

  Object.assign($, { latin1Bytes, latin1Text, utf8Bytes, utf8Text, utf16Bytes, utf16Text });
  Object.assign($.shared, { TextEncoder, TextDecoder });
})
