// URL and URLSearchParams (the URL standard, without the conversion of international host names), and the modules `url` and `querystring`.
(function ($) {
  'use strict';
  const PORTS = { 'http:': '80', 'https:': '443', 'ws:': '80', 'wss:': '443', 'ftp:': '21', 'file:': '' };
  const isSpecial = (protocol) => PORTS[protocol] !== undefined;
  const invalid = (input) => Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL', input });

  // -- percent-encoding ---------------------------------------------------------------------------------------------------------
  const percent = (text) => Array.from($.utf8Bytes(text), (byte) => '%' + byte.toString(16).toUpperCase().padStart(2, '0')).join('');
  const escapeAll = (text, unsafe) => text.replace(unsafe, percent);
  const IN_FRAGMENT = /[\0-\x20"<>`\x7f-\u{10ffff}]/gu;
  const IN_QUERY = /[\0-\x20"#<>\x7f-\u{10ffff}]/gu;
  const IN_PATH = /[\0-\x20"#<>?^`{}\x7f-\u{10ffff}]/gu;
  const IN_USER = /[\0-\x20"#/:;<=>?@[\\\]^`{|}\x7f-\u{10ffff}]/gu;

  function decodeAll(text) {
    if (!text.includes('%')) return text;
    const bytes = $.utf8Bytes(text);
    const out = [];
    for (let i = 0; i < bytes.length; i++) {
      const hex = bytes[i] === 37 ? /^[0-9a-fA-F]{2}$/.exec(String.fromCharCode(bytes[i + 1], bytes[i + 2])) : null;
      out.push(hex === null ? bytes[i] : parseInt(hex[0], 16));
      if (hex !== null) i += 2;
    }
    return $.utf8Text(Uint8Array.from(out));
  }

  // -- search parameters -----------------------------------------------------------------------------------------------------------
  const formEncode = (text) => encodeURIComponent(text.toWellFormed()).replace(/[!'()~]/g, percent).replace(/%20/g, '+');
  const formDecode = (text) => decodeAll(text.replace(/\+/g, ' '));

  function pairsOf(init) {
    if (init === undefined || init === null) return [];
    if (typeof init !== 'object') return parsePairs(String(init).replace(/^\?/, ''));
    const list = typeof init[Symbol.iterator] === 'function' ? init : Object.entries(init);
    return Array.from(list, ([name, value]) => [String(name), String(value)]);
  }

  const parsePairs = (text) => text.split('&').filter((part) => part !== '').map((part) => {
    const at = part.indexOf('=');
    return at < 0 ? [formDecode(part), ''] : [formDecode(part.slice(0, at)), formDecode(part.slice(at + 1))];
  });

  class URLSearchParams {
    #pairs;
    #changed;
    constructor(init, changed) {
      this.#pairs = pairsOf(init);
      this.#changed = changed;
    }
    get size() { return this.#pairs.length; }
    append(name, value) { this.#set([...this.#pairs, [String(name), String(value)]]); }
    delete(name, value) { this.#set(this.#pairs.filter((pair) => pair[0] !== String(name) || (value !== undefined && pair[1] !== String(value)))); }
    get(name) { return this.#pairs.find((pair) => pair[0] === String(name))?.[1] ?? null; }
    getAll(name) { return this.#pairs.filter((pair) => pair[0] === String(name)).map((pair) => pair[1]); }
    has(name, value) { return this.#pairs.some((pair) => pair[0] === String(name) && (value === undefined || pair[1] === String(value))); }
    set(name, value) {
      const at = this.#pairs.findIndex((pair) => pair[0] === String(name));
      if (at < 0) return this.append(name, value);
      this.#set(this.#pairs.filter((pair, i) => pair[0] !== String(name) || i === at).map((pair) => (pair[0] === String(name) ? [pair[0], String(value)] : pair)));
    }
    sort() { this.#set(this.#pairs.toSorted((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0))); }
    forEach(callback, self) { for (const [name, value] of this.#pairs) callback.call(self, value, name, this); }
    keys() { return this.#pairs.map((pair) => pair[0])[Symbol.iterator](); }
    values() { return this.#pairs.map((pair) => pair[1])[Symbol.iterator](); }
    entries() { return this.#pairs.map((pair) => [...pair])[Symbol.iterator](); }
    [Symbol.iterator]() { return this.entries(); }
    toString() { return this.#pairs.map(([name, value]) => formEncode(name) + '=' + formEncode(value)).join('&'); }
    #set(pairs) {
      this.#pairs = pairs;
      this.#changed?.(this.toString());
    }
  }

  // -- hosts ---------------------------------------------------------------------------------------------------------------------------
  function hostOf(text, special, input) {
    if (text.startsWith('[')) {
      if (!/^\[[0-9a-fA-F:.]+\]$/.test(text)) throw invalid(input);
      return text.toLowerCase();
    }
    if (!special) {
      if (/[\0\t\n\r #/<>?@[\\\]^|]/.test(text)) throw invalid(input);
      return escapeAll(text, /[\0-\x1f\x7f-\u{10ffff}]/gu);
    }
    const host = decodeAll(text).toLowerCase();
    if (host === '' || /[\0-\x20"#%/:<>?@[\\\]^`{|}\x7f-\u{10ffff}]/u.test(host)) throw invalid(input);
    return /^(?:0x[0-9a-f]*|\d+)$/.test(host.replace(/\.$/, '').split('.').at(-1)) ? ipv4(host, input) : host;
  }

  function ipv4(host, input) {
    const parts = host.replace(/\.$/, '').split('.');
    const numbers = parts.map((part) => (/^0x[0-9a-f]*$/.test(part) ? parseInt(part.slice(2) || '0', 16) : /^0[0-7]+$/.test(part) ? parseInt(part, 8) : /^\d+$/.test(part) ? Number(part) : NaN));
    const last = numbers.pop();
    if (parts.length > 4 || numbers.some((n) => !(n < 256)) || !(last < 256 ** (4 - numbers.length))) throw invalid(input);
    const value = numbers.reduce((sum, n, i) => sum + n * 256 ** (3 - i), last);
    return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
  }

  // -- URL -----------------------------------------------------------------------------------------------------------------------------
  const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):/;

  function withoutDots(path) {
    const parts = [];
    const given = path.split('/');
    given.forEach((part, i) => {
      const plain = part.replace(/%2e/gi, '.');
      if (plain === '..') parts.pop();
      else if (plain !== '.') parts.push(part);
      if ((plain === '..' || plain === '.') && i === given.length - 1) parts.push('');
    });
    return parts;
  }

  function split(text) {
    const hash = text.indexOf('#');
    const before = hash < 0 ? text : text.slice(0, hash);
    const query = before.indexOf('?');
    return {
      rest: query < 0 ? before : before.slice(0, query),
      search: query < 0 ? undefined : before.slice(query + 1),
      hash: hash < 0 ? undefined : text.slice(hash + 1),
    };
  }

  function parseUrl(input, base) {
    const text = String(input).replace(/^[\0-\x20]+|[\0-\x20]+$/g, '').replace(/[\t\n\r]/g, '');
    const scheme = SCHEME.exec(text);
    const protocol = scheme === null ? undefined : scheme[1].toLowerCase() + ':';
    if (protocol === undefined && base === undefined) throw invalid(String(input));
    const relative = protocol === undefined || (isSpecial(protocol) && base?.protocol === protocol && !/^\w+:[/\\]/.test(text));
    const given = relative && base !== undefined ? relativeTo(base, protocol === undefined ? text : text.slice(scheme[0].length)) : absolute(protocol, text.slice(scheme[0].length), String(input));
    if (given.opaque) return given;
    return given;
  }

  function absolute(protocol, text, input) {
    const special = isSpecial(protocol);
    const { rest, search, hash } = split(special ? text.replace(/^[^?#]*/, (part) => part.replace(/\\/g, '/')) : text);
    if (!special && !rest.startsWith('/')) return { protocol, opaque: true, username: '', password: '', hostname: '', port: '', path: escapeAll(rest, /[\0-\x1f\x7f-\u{10ffff}]/gu), search, hash };
    const found = special && protocol !== 'file:' ? /^\/*([^/]*)(.*)$/s.exec(rest) : /^\/\/([^/]*)(.*)$/s.exec(rest) ?? [, undefined, rest];
    const authority = found[1] === undefined ? { username: '', password: '', hostname: '', port: '' } : authorityOf(found[1], protocol, input);
    return { protocol, ...authority, authority: found[1] !== undefined, path: pathOf(found[2], special), search, hash };
  }

  function authorityOf(text, protocol, input) {
    const at = text.lastIndexOf('@');
    const [, user = '', password = ''] = at < 0 ? [] : /^([^:]*):?(.*)$/s.exec(text.slice(0, at));
    const found = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(text.slice(at + 1));
    if (found === null || Number(found[2]) > 65535) throw invalid(input);
    const special = isSpecial(protocol);
    const hostname = protocol === 'file:' ? (found[1] === 'localhost' ? '' : found[1].toLowerCase()) : hostOf(found[1], special, input);
    const port = found[2] === undefined || found[2] === '' ? '' : String(Number(found[2]));
    return { username: escapeAll(user, IN_USER), password: escapeAll(password, IN_USER), hostname, port: port === PORTS[protocol] ? '' : port };
  }

  function pathOf(text, special) {
    const path = escapeAll(text, IN_PATH);
    if (path === '' && !special) return '';
    return '/' + withoutDots(path.replace(/^\//, '')).join('/');
  }

  function relativeTo(base, text) {
    const special = isSpecial(base.protocol);
    const cleaned = special ? text.replace(/^[^?#]*/, (part) => part.replace(/\\/g, '/')) : text;
    const { rest, search, hash } = split(cleaned);
    if (base.opaque) {
      if (rest !== '' || search !== undefined) throw invalid(text);
      return { ...base, hash };
    }
    if (rest.startsWith('//')) return absolute(base.protocol, cleaned, text);
    if (rest === '') return { ...base, search: search ?? base.search, hash };
    const path = rest.startsWith('/') ? rest : base.path.replace(/[^/]*$/, '') + rest;
    return { ...base, path: pathOf(path, special), search, hash };
  }

  class URL {
    #at;
    #params;
    constructor(input, base) {
      this.#at = parseUrl(input, base === undefined ? undefined : new URL(base).#at);
      this.#params = new URLSearchParams(this.search, (text) => { this.#at.search = text === '' ? undefined : text; });
    }
    static canParse(input, base) { return URL.parse(input, base) !== null; }
    static parse(input, base) {
      try {
        return new URL(input, base);
      } catch {
        return null;
      }
    }
    #replace(part, text) {
      try {
        this.#at = new URL(text).#at;
      } catch (error) {
        if (part === 'href') throw error;
      }
    }
    get protocol() { return this.#at.protocol; }
    set protocol(text) { if (isSpecial(this.protocol) === isSpecial(text.replace(/:?$/, ':'))) this.#replace('protocol', text.replace(/:?$/, ':') + this.href.slice(this.protocol.length)); }
    get username() { return this.#at.username; }
    set username(text) { this.#at.username = escapeAll(text, IN_USER); }
    get password() { return this.#at.password; }
    set password(text) { this.#at.password = escapeAll(text, IN_USER); }
    get hostname() { return this.#at.hostname; }
    set hostname(text) { this.#replace('hostname', this.#compose({ hostname: text })); }
    get port() { return this.#at.port; }
    set port(value) { if (/^\d*$/.test(String(value))) this.#replace('port', this.#compose({ port: String(value) })); }
    get host() { return this.hostname + (this.port === '' ? '' : ':' + this.port); }
    set host(text) {
      const found = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(text);
      if (found !== null) this.#replace('host', this.#compose({ hostname: found[1], port: found[2] ?? this.port }));
    }
    get origin() { return isSpecial(this.protocol) && this.protocol !== 'file:' ? this.protocol + '//' + this.host : 'null'; }
    get pathname() { return this.#at.path; }
    set pathname(text) { if (!this.#at.opaque) this.#at.path = pathOf(text.startsWith('/') ? text : '/' + text, isSpecial(this.protocol)); }
    get search() { return this.#at.search === undefined || this.#at.search === '' ? '' : '?' + this.#query(); }
    set search(text) {
      this.#at.search = text === '' ? undefined : text.replace(/^\?/, '');
      this.#params = new URLSearchParams(this.search, (changed) => { this.#at.search = changed === '' ? undefined : changed; });
    }
    get searchParams() { return this.#params; }
    get hash() { return this.#at.hash === undefined || this.#at.hash === '' ? '' : '#' + escapeAll(this.#at.hash, IN_FRAGMENT); }
    set hash(text) { this.#at.hash = text === '' ? undefined : text.replace(/^#/, ''); }
    get href() { return this.#compose({}) ; }
    set href(text) { this.#replace('href', text); }
    #query() {
      const text = escapeAll(this.#at.search, IN_QUERY);
      return isSpecial(this.protocol) ? text.replace(/'/g, '%27') : text;
    }
    #compose(changes) {
      const at = { ...this.#at, ...changes };
      const user = at.username === '' && at.password === '' ? '' : at.username + (at.password === '' ? '' : ':' + at.password) + '@';
      const authority = at.opaque || !(at.authority || at.hostname !== '') ? '' : '//' + user + at.hostname + (at.port === '' ? '' : ':' + at.port);
      const query = at.search === undefined ? '' : '?' + this.#query();
      const hash = at.hash === undefined ? '' : '#' + escapeAll(at.hash, IN_FRAGMENT);
      return at.protocol + authority + at.path + query + hash;
    }
    toString() { return this.href; }
    toJSON() { return this.href; }
    [Symbol.for('nodejs.util.inspect.custom')]() { return `URL { href: '${this.href}' }`; }
  }

  // -- the module querystring ----------------------------------------------------------------------------------------------------------------
  const plainEscape = (text) => encodeURIComponent(text);

  function plainUnescape(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return decodeAll(text);
    }
  }

  function parseQuery(text, separator = '&', equals = '=', options = {}) {
    const decode = options.decodeURIComponent ?? plainUnescape;
    const found = Object.create(null);
    if (typeof text !== 'string' || text === '') return found;
    for (const part of text.split(separator).slice(0, options.maxKeys > 0 ? options.maxKeys : options.maxKeys === 0 ? undefined : 1000)) {
      const at = part.indexOf(equals);
      const [name, value] = (at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + equals.length)]).map((one) => decode(one.replace(/\+/g, ' ')));
      if (part === '') continue;
      found[name] = found[name] === undefined ? value : [].concat(found[name], value);
    }
    return found;
  }

  const single = (value) => (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint' || (typeof value === 'number' && isFinite(value)) ? String(value) : '');

  function stringifyQuery(object, separator = '&', equals = '=', options = {}) {
    const encode = options.encodeURIComponent ?? plainEscape;
    return Object.entries(object ?? {})
      .flatMap(([name, value]) => [].concat(value).map((one) => encode(name) + equals + encode(single(one))))
      .join(separator);
  }

  // -- the module url ------------------------------------------------------------------------------------------------------------------------
  function parseLegacy(text, withQuery = false) {
    const found = URL.parse(text);
    const { rest, search, hash } = split(text);
    const query = search ?? null;
    const common = { search: search === undefined ? null : '?' + search, query: withQuery ? parseQuery(search ?? '') : query, hash: hash === undefined ? null : '#' + hash };
    if (found === null || found.host === '') {
      return { protocol: null, slashes: null, auth: null, host: null, port: null, hostname: null, ...common, pathname: rest || null, path: rest + (common.search ?? '') || null, href: text };
    }
    const auth = found.username === '' ? null : decodeAll(found.username) + (found.password === '' ? '' : ':' + decodeAll(found.password));
    return {
      protocol: found.protocol, slashes: true, auth, host: found.host, port: found.port || null, hostname: found.hostname, ...common,
      pathname: found.pathname, path: found.pathname + (common.search ?? ''), href: found.href,
    };
  }

  function formatLegacy(value) {
    if (typeof value === 'string' || value instanceof URL) return String(value);
    const host = value.host ?? (value.hostname === undefined || value.hostname === null ? '' : value.hostname + (value.port ? ':' + value.port : ''));
    const auth = value.auth ? encodeURIComponent(value.auth).replace(/%3A/i, ':') + '@' : '';
    const search = value.search ?? (typeof value.query === 'object' && value.query !== null ? stringifyQuery(value.query).replace(/^(?=.)/, '?') : '');
    const protocol = value.protocol ? value.protocol.replace(/:?$/, ':') : '';
    return protocol + (value.slashes || isSpecial(protocol) ? '//' : '') + auth + host + (value.pathname ?? '') + (search ?? '') + (value.hash ?? '');
  }

  Object.assign($.shared, { URL, URLSearchParams });
  $.modules.querystring = { parse: parseQuery, decode: parseQuery, stringify: stringifyQuery, encode: stringifyQuery, escape: plainEscape, unescape: plainUnescape };
  $.modules.url = {
    URL, URLSearchParams, parse: parseLegacy, format: formatLegacy,
    resolve: (from, to) => new URL(to, new URL(from, 'resolve://')).href.replace(/^resolve:(\/\/)?/, ''),
    domainToASCII: (text) => text.toLowerCase(), domainToUnicode: (text) => text.toLowerCase(),
    fileURLToPath: (url) => decodeURIComponent(new URL(url).pathname), pathToFileURL: (path) => new URL('file://' + path),
    urlToHttpOptions: (url) => ({ protocol: url.protocol, hostname: url.hostname, path: url.pathname + url.search, href: url.href, port: Number(url.port) || undefined }),
  };
})
