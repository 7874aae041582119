// The module `path`, for POSIX paths.
(function ($) {
  'use strict';
  function normalParts(text, absolute) {
    const parts = [];
    for (const part of text.split('/')) {
      if (part === '' || part === '.') continue;
      if (part !== '..') parts.push(part);
      else if (parts.length > 0 && parts.at(-1) !== '..') parts.pop();
      else if (!absolute) parts.push('..');
    }
    return parts;
  }

  function normalize(text) {
    const absolute = text.startsWith('/');
    const joined = normalParts(text, absolute).join('/');
    const end = text.endsWith('/') && joined !== '' ? '/' : '';
    return (absolute ? '/' : '') + joined + end || (absolute ? '/' : '.');
  }

  function resolve(...texts) {
    let found = '';
    for (const text of texts) found = text.startsWith('/') ? text : found + '/' + text;
    return '/' + normalParts(found, true).join('/');
  }

  function basename(text, suffix = '') {
    const name = text.replace(/\/+$/, '').split('/').at(-1);
    return suffix !== '' && name !== suffix && name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
  }

  function dirname(text) {
    const bare = text.replace(/(.)\/+$/, '$1');
    const at = bare.lastIndexOf('/');
    return at < 0 ? '.' : at === 0 ? '/' : bare.slice(0, at).replace(/(.)\/+$/, '$1');
  }

  const extname = (text) => /[^./](\.[^./]*)$/.exec(basename(text))?.[1] ?? '';

  function relative(from, to) {
    const [a, b] = [from, to].map((text) => normalParts(resolve(text), true));
    let shared = 0;
    while (shared < a.length && a[shared] === b[shared]) shared++;
    return [...a.slice(shared).map(() => '..'), ...b.slice(shared)].join('/');
  }

  function parse(text) {
    const [base, ext] = [basename(text), extname(text)];
    const dir = text.includes('/') ? dirname(text) : '';
    return { root: text.startsWith('/') ? '/' : '', dir, base, ext, name: ext === '' ? base : base.slice(0, -ext.length) };
  }

  function format({ root = '', dir, base, name = '', ext = '' }) {
    const last = base ?? name + ext;
    return dir === undefined ? root + last : dir === root ? dir + last : dir + '/' + last;
  }

  const path = {
    normalize, resolve, basename, dirname, extname, relative, parse, format, sep: '/', delimiter: ':',
    join: (...texts) => normalize(texts.filter((text) => text !== '').join('/')),
    isAbsolute: (text) => text.startsWith('/'),
  };
  path.posix = path;
  $.modules.path = path;
})
