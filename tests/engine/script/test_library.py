"""What JavaScript bodies have beyond the language: Buffer, URL, util, crypto and their like, as Node.js documents them."""

import base64
import hashlib
import hmac
import re
import struct
import urllib.parse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from busway.engine.context import Contexts
from busway.engine.errors import ScriptError
from busway.engine.script.javascript import JavaScript
from tests.engine.script.hosting import Workbench

CONTEXTS = Contexts()
BENCH = Workbench(contexts=CONTEXTS, engine=JavaScript(CONTEXTS))
MODULES = tuple((name, name) for name in ("crypto", "events", "path", "querystring", "url"))
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)


def function(expression):
    """A Python function that evaluates a JavaScript expression with ``a``, ``b`` and ``c``."""
    free = tuple(pair for pair in MODULES if re.search(rf"\b{pair[0]}\b", expression))
    handle = BENCH.function(f"const {{a, b, c}} = msg; return {{value: {expression}}};", libraries=free)[0].handle
    return lambda a=None, b=None, c=None: handle({"_msgid": "m", "a": a, "b": b, "c": c}).get("value")


def value(expression, *args):
    return function(expression)(*args)


class TestBuffer:
    encode, decode = staticmethod(function("Buffer.from(a, b)")), staticmethod(function("a.toString(b)"))

    @settings(max_examples=60, deadline=None)
    @given(TEXTS)
    def test_texts_become_bytes_and_back(self, text):
        for name, codec in (("utf8", "utf-8"), ("utf16le", "utf-16-le")):
            assert self.encode(text, name) == text.encode(codec)
            assert self.decode(text.encode(codec), name) == text

    @settings(max_examples=60, deadline=None)
    @given(st.binary(max_size=40))
    def test_bytes_become_texts_and_back(self, data):
        expected = {
            "hex": data.hex(),
            "base64": base64.b64encode(data).decode(),
            "base64url": base64.urlsafe_b64encode(data).decode().rstrip("="),
            "latin1": data.decode("latin-1"),
        }
        for name, text in expected.items():
            assert self.decode(data, name) == text
            assert self.encode(text, name) == data

    @settings(max_examples=60, deadline=None)
    @given(st.binary(max_size=20))
    def test_bytes_that_are_no_utf8_are_replaced_as_the_standard_says(self, data):
        assert self.decode(data, "utf8") == data.decode("utf-8", "replace")

    @pytest.mark.parametrize(
        ("expression", "expected"),
        [
            ("Buffer.from([1, 257, -1, 'x'])", b"\x01\x01\xff\x00"),
            ("Buffer.from('zz', 'hex')", b""),
            ("Buffer.from('616', 'hex')", b"a"),
            ("Buffer.from(' YW Jj\\n', 'base64')", b"abc"),
            ("Buffer.from('_-8=', 'base64')", b"\xff\xef"),
            ("Buffer.from({type: 'Buffer', data: [1, 2]})", b"\x01\x02"),
            ("Buffer.from(JSON.parse(JSON.stringify(Buffer.from('x'))))", b"x"),
            ("Buffer.from(new Uint8Array([1, 2]).buffer, 1)", b"\x02"),
            ("new Buffer('abc')", b"abc"),
            ("Buffer(3)", b"\0\0\0"),
            ("Buffer.alloc(5, 'ab')", b"ababa"),
            ("Buffer.alloc(3, 257)", b"\1\1\1"),
            ("Buffer.concat([Buffer.from('a'), Buffer.from('bc')], 2)", b"ab"),
            ("Buffer.concat([])", b""),
            ("Buffer.from('abcdef').slice(-4, 4)", b"cd"),
            ("(() => { const x = Buffer.from('abc'); x.slice(1)[0] = 90; return x; })()", b"aZc"),
            ("(() => { const x = Buffer.alloc(4); return [x.write('é€', 0), x]; })()", [2, b"\xc3\xa9\0\0"]),
            ("(() => { const x = Buffer.alloc(3); return [Buffer.from('abcd').copy(x, 1, 1), x]; })()", [2, b"\0bc"]),
            ("Buffer.from('abcabc').indexOf('ca')", 2),
            ("Buffer.from('abcabc').lastIndexOf('bc')", 4),
            ("Buffer.from('abcabc').indexOf('a', 1)", 3),
            ("Buffer.from('abc').includes(99)", True),
            ("Buffer.from('abc').equals(Buffer.from('abc'))", True),
            ("Buffer.compare(Buffer.from('a'), Buffer.from('b'))", -1),
            ("Buffer.byteLength('é€')", 5),
            (
                "[Buffer.isBuffer(Buffer.alloc(0)), Buffer.isBuffer(new Uint8Array(1)), Buffer.isEncoding('HEX')]",
                [True, False, True],
            ),
            ("Buffer.from([1, 2, 3, 4]).swap16()", b"\2\1\4\3"),
            ("Buffer.from('abc').map(x => x + 1)", b"bcd"),
            ("[...Buffer.from('ab').entries()]", [[0, 97], [1, 98]]),
            ("Buffer.from('abc').toString('utf8', 1, 2)", "b"),
            ("Buffer.from('test').toString('ucs2')", "整瑳"),
            ("JSON.stringify({b: Buffer.from('a')})", '{"b":{"type":"Buffer","data":[97]}}'),
        ],
    )
    def test_does_what_node_documents(self, expression, expected):
        assert value(expression) == expected

    @pytest.mark.parametrize(
        ("name", "code", "number"),
        [
            ("Int8", "b", -5),
            ("UInt8", "B", 250),
            ("Int16LE", "<h", -300),
            ("UInt16BE", ">H", 65000),
            ("Int32BE", ">i", -(2**31)),
            ("UInt32LE", "<I", 2**32 - 1),
            ("FloatBE", ">f", 0.5),
            ("DoubleLE", "<d", 3.14159),
            ("BigInt64BE", ">q", -(2**62)),
            ("BigUInt64LE", "<Q", 2**63),
        ],
    )
    def test_numbers_are_read_and_written(self, name, code, number):
        data = b"\0" + struct.pack(code, number)
        assert value(f"a.read{name}(1)", data) == number
        given = f"{number}n" if name.startswith("Big") else str(number)
        written = value(f"(() => {{ const x = Buffer.alloc(a); return [x.write{name}({given}, 1), x]; }})()", len(data))
        assert written == [len(data), data]

    def test_numbers_of_any_width(self):
        assert value("[a.readUIntBE(0, 3), a.readIntLE(0, 6), a.readIntBE(3, 3)]", b"\x01\x02\x03\xff\xff\xfe") == [
            0x010203,
            -0x0100_00FC_FDFF,
            -2,
        ]
        assert value("(() => { const x = Buffer.alloc(3); x.writeUIntBE(0x010203, 0, 3); return x; })()") == b"\1\2\3"

    @pytest.mark.parametrize(
        ("expression", "code"),
        [
            ("Buffer.alloc(2).readUInt32LE(0)", "ERR_BUFFER_OUT_OF_BOUNDS"),
            ("Buffer.alloc(4).readUInt16LE(3)", "ERR_OUT_OF_RANGE"),
            ("Buffer.alloc(4).writeUInt8(256)", "ERR_OUT_OF_RANGE"),
            ("Buffer.from('a', 'rot13')", "ERR_UNKNOWN_ENCODING"),
            ("Buffer.from(5)", "ERR_INVALID_ARG_TYPE"),
            ("Buffer.alloc('5')", "ERR_INVALID_ARG_TYPE"),
        ],
    )
    def test_mistakes_are_errors_with_nodes_codes(self, expression, code):
        with pytest.raises(ScriptError) as raised:
            value(expression)
        assert raised.value.code == code


class TestText:
    def test_encoder_and_decoder(self):
        assert value("new TextEncoder().encode('é')") == "é".encode()
        assert value("new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 0xc3, 0xa9]))") == "é"
        assert value("new TextDecoder('latin1').decode(a)", b"\xe9") == "é"

    def test_a_fatal_decoder_refuses(self):
        with pytest.raises(ScriptError, match="not valid"):
            value("new TextDecoder('utf-8', {fatal: true}).decode(a)", b"\xff")


class TestUrl:
    @pytest.mark.parametrize(
        ("text", "base", "href"),
        [
            ("https://User:p@EXAMPLE.com:443/a/../b/./c?q=1#h", None, "https://User:p@example.com/b/c?q=1#h"),
            ("//other.org/x", "http://a.b/c", "http://other.org/x"),
            ("../d?e", "http://a.b/c/x/y?z#w", "http://a.b/c/d?e"),
            ("?q", "http://a.b/c/d", "http://a.b/c/d?q"),
            ("#f", "http://a.b/c?d", "http://a.b/c?d#f"),
            ("/é ü?ä='#ö", "http://a.b", "http://a.b/%C3%A9%20%C3%BC?%C3%A4=%27#%C3%B6"),
            ("http:\\\\a.b\\c", None, "http://a.b/c"),
            ("http://0x7f.1/", None, "http://127.0.0.1/"),
            ("http://[::1]:8080", None, "http://[::1]:8080/"),
            ("mailto:a@b.c", None, "mailto:a@b.c"),
            ("file:///etc/../x", None, "file:///x"),
            ("mqtt://host:1883/t", None, "mqtt://host:1883/t"),
            ("ws://a.b", None, "ws://a.b/"),
            ("%2e%2e/x", "http://a/b/c/d", "http://a/b/x"),
        ],
    )
    def test_urls_are_parsed_by_the_standard(self, text, base, href):
        assert value("new URL(a, b ?? undefined).href", text, base) == href

    @pytest.mark.parametrize(
        "text", ["", "no url", "http://", "http://a b/", "http://a:99999/", "http://1.2.3.456/", "/only/path"]
    )
    def test_what_is_no_url_is_an_error(self, text):
        with pytest.raises(ScriptError) as raised:
            value("new URL(a)", text)
        assert (raised.value.code, value("URL.canParse(a)", text)) == ("ERR_INVALID_URL", False)

    def test_parts_can_be_set(self):
        made = value(
            "(() => { const u = new URL('http://a.b/c?d=1#e'); u.protocol = 'https'; u.host = 'x.y:81'; u.pathname = 'p q';"
            "u.searchParams.append('f', 'g h'); u.hash = ''; u.username = 'me@'; return [u.href, u.origin, u.search, u.port]; })()"
        )
        assert made == ["https://me%40@x.y:81/p%20q?d=1&f=g+h", "https://x.y:81", "?d=1&f=g+h", "81"]

    read = staticmethod(function("[...new URLSearchParams(a)]"))
    write = staticmethod(function("String(new URLSearchParams(a))"))

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(TEXTS, TEXTS), max_size=3))
    def test_search_parameters_are_written_and_read_back(self, pairs):
        text = self.write([list(pair) for pair in pairs])
        assert text == urllib.parse.urlencode(pairs, safe="*").replace("~", "%7E")
        assert self.read(text) == [list(pair) for pair in pairs]

    def test_search_parameters(self):
        made = value(
            "(() => { const p = new URLSearchParams('?b=2&a=1&b=3'); p.set('b', 9); p.append('c', 'x'); p.sort(); p.delete('c');"
            "return [String(p), p.get('b'), p.getAll('a'), p.has('z'), p.size, [...p.keys()]]; })()"
        )
        assert made == ["a=1&b=9", "9", ["1"], False, 2, ["a", "b"]]

    def test_the_older_modules(self):
        assert value("url.parse('http://u:p@h:1/p?q=1#x').auth") == "u:p"
        assert value("url.resolve('/one/two/three', 'four')") == "/one/two/four"
        assert value("querystring.stringify({a: [1, 'x y'], b: true})") == "a=1&a=x%20y&b=true"
        assert value("({...querystring.parse('a=1&b=x+y&a=2&c')})") == {"a": ["1", "2"], "b": "x y", "c": ""}


class TestUtil:
    @pytest.mark.parametrize(
        ("expression", "text"),
        [
            ("'it\\'s'", '"it\'s"'),
            ("[1, 'a', null, undefined, true, -0]", "[ 1, 'a', null, undefined, true, -0 ]"),
            ("({a: 1, 'b-c': [], d: {e: {f: {g: 1}}}})", "{ a: 1, 'b-c': [], d: { e: { f: [Object] } } }"),
            ("new Map([['a', {b: 1}]])", "Map(1) { 'a' => { b: 1 } }"),
            ("new Set([1, 2])", "Set(2) { 1, 2 }"),
            ("new Date(0)", "1970-01-01T00:00:00.000Z"),
            ("/x/g", "/x/g"),
            ("function f() {}", "[Function: f]"),
            ("class A {}", "[class A]"),
            ("new (class Point { constructor() { this.x = 1; } })()", "Point { x: 1 }"),
            ("Buffer.from('ab')", "<Buffer 61 62>"),
            ("(() => { const o = {a: 1}; o.self = o; return o; })()", "{ a: 1, self: [Circular *1] }"),
            ("({get a() { return 1; }})", "{ a: [Getter] }"),
            ("Array.from({length: 102}, (_, i) => i % 1)", "... 2 more items\n]"),
            ("[['a'.repeat(50)], ['b'.repeat(50)]]", "[\n  [ '" + "a" * 50 + "' ],\n  [ '" + "b" * 50 + "' ]\n]"),
        ],
    )
    def test_inspect_shows_values_as_node_does(self, expression, text):
        shown = value(f"util.inspect({expression})")
        assert shown.endswith(text) if text.startswith("...") else shown == text

    def test_format(self):
        assert (
            value("util.format('%s %d %i %j %o %%', 'a', '42.5', 42.5, {b: 1}, [2], 'rest')")
            == 'a 42.5 42 {"b":1} [ 2 ] % rest'
        )
        assert value("util.format({a: 1}, 'x')") == "{ a: 1 } x"

    async def test_promisify_and_callbackify(self):
        body = (
            "const f = util.promisify((x, callback) => callback(x < 0 ? new Error('no') : null, x * 2));"
            "let caught; try { await f(-1); } catch (e) { caught = e.message; } await util.promisify(setTimeout)(1);"
            "util.callbackify(async x => x + 1)(1, (e, v) => node.send({v})); return {v: await f(21), caught};"
        )
        handle, host = BENCH.function(body)
        handle.handle({"_msgid": "m"})
        while not host.of("done"):
            await _turn()
        assert host.of("send later")[-1] == {"_msgid": "m", "v": 42, "caught": "no"}

    def test_deep_equality(self):
        assert value("util.isDeepStrictEqual({a: [1, new Date(0)]}, {a: [1, new Date(0)]})") is True
        assert value("util.isDeepStrictEqual({a: 1}, {a: '1'})") is False


async def _turn():
    import asyncio

    await asyncio.sleep(0)


class TestCrypto:
    digest = staticmethod(function("crypto.createHash(a).update(b).digest('hex')"))
    mac = staticmethod(function("crypto.createHmac(a, b).update(c).digest()"))

    @settings(max_examples=25, deadline=None)
    @given(
        st.sampled_from(["md5", "sha1", "sha224", "sha256", "sha384", "sha512"]),
        st.binary(max_size=200),
        st.binary(max_size=150),
    )
    def test_digests_are_those_of_the_standards(self, name, data, key):
        assert self.digest(name, data) == hashlib.new(name, data).hexdigest()
        assert self.mac(name, key, data) == hmac.new(key, data, name).digest()

    def test_an_unknown_digest_is_told_with_those_there_are(self):
        with pytest.raises(ScriptError, match="Digest method not supported: crc32; there are: md5"):
            value("crypto.createHash('crc32')")

    def test_random_values_differ(self):
        made = value("[crypto.randomUUID(), crypto.randomUUID(), crypto.randomBytes(40), crypto.randomInt(5, 8)]")
        assert made[0] != made[1]
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", made[0])
        assert len(set(made[2])) > 10
        assert made[3] in (5, 6, 7)
        other = Workbench(contexts=Contexts(), engine=JavaScript(Contexts()))
        assert other.run("return {v: c.randomBytes(8)}", libraries=(("c", "crypto"),))[0]["v"] != made[2][:8]


class TestRedUtil:
    @pytest.mark.parametrize(
        ("expression", "expected"),
        [
            ("RED.util.getMessageProperty({payload: {a: [1, {b: 2}]}}, 'msg.payload.a[1].b')", 2),
            ("RED.util.getMessageProperty({a: {x: 7}, k: 'x'}, 'a[msg.k]')", 7),
            (
                "(() => { const m = {}; RED.util.setMessageProperty(m, 'a.b[1].c', 5, true); return m; })()",
                {"a": {"b": [None, {"c": 5}]}},
            ),
            ("(() => { const m = {a: 1}; return RED.util.setMessageProperty(m, 'a.b', 5, true); })()", False),
            ("RED.util.normalisePropertyExpression('a[\"b c\"].d[0]')", ["a", "b c", "d", 0]),
            ("RED.util.normalisePropertyExpression('a[msg.k].b', {k: 'x'}, true)", 'a["x"]["b"]'),
            ("RED.util.parseContextStore('#:(disk)::a.b')", {"store": "disk", "key": "a.b"}),
            ("RED.util.compareObjects({a: [1, {b: Buffer.from('x')}]}, {a: [1, {b: Buffer.from('x')}]})", True),
            ("RED.util.compareObjects({a: 1}, {a: '1'})", False),
            (
                "[RED.util.ensureString(5), RED.util.ensureString({a: 1}), RED.util.ensureString(Buffer.from('x'))]",
                ["5", '{"a":1}', "x"],
            ),
            ("[RED.util.ensureBuffer('x'), RED.util.ensureBuffer({a: 1})]", [b"x", b'{"a":1}']),
            ("/^[0-9a-f]{16}$/.test(RED.util.generateId())", True),
            ("RED.util.normaliseNodeTypeName(' http in-Node ')", "httpInNode"),
            ("RED.util.encodeObject({msg: [1, undefined, () => 1]}).format", "array[3]"),
            (
                "RED.util.encodeObject({msg: {a: new Map([['x', 1]])}}).msg",
                '{"a":{"__enc__":true,"type":"map","data":{"x":1},"length":1}}',
            ),
            ("RED.util.evaluateNodeProperty('0x1F', 'num')", 31),
            ("RED.util.evaluateNodeProperty('[1,2]', 'bin')", b"\1\2"),
            ("RED.util.evaluateNodeProperty('a.b', 'msg', {}, {a: {b: 3}})", 3),
            ("RED.util.evaluateNodeProperty('${NOT_THERE}x', 'env')", "x"),
        ],
    )
    def test_does_what_node_red_documents(self, expression, expected):
        assert value(expression) == expected

    def test_a_bad_path_is_an_error_with_its_code(self):
        with pytest.raises(ScriptError) as raised:
            value("RED.util.getMessageProperty({}, 'a..b')")
        assert raised.value.code == "INVALID_EXPR"

    def test_clones_share_nothing_but_request_and_response(self):
        made = value(
            "(() => { const m = {req: {}, a: {b: [new Date(0), Buffer.from('x'), new Map([[1, {}]])]}}; m.a.self = m.a;"
            "const c = RED.util.cloneMessage(m); return [c.req === m.req, c.a !== m.a, c.a.self === c.a, c.a.b[0] !== m.a.b[0],"
            "c.a.b[0].getTime(), c.a.b[1].toString(), c.a.b[2].get(1) !== m.a.b[2].get(1)]; })()"
        )
        assert made == [True, True, True, True, 0, "x", True]

    async def test_a_jsonata_expression_is_evaluated_by_callback_or_promise(self):
        body = (
            "const expression = RED.util.prepareJSONataExpression('payload * 2');"
            "RED.util.evaluateJSONataExpression(expression, msg, (error, v) => node.send({v}));"
            "return {v: await RED.util.evaluateJSONataExpression(expression, {payload: 5})};"
        )
        function, host = BENCH.function(body)
        function.handle({"_msgid": "m", "payload": 21})
        while not host.of("done"):
            await _turn()
        assert host.of("send later") == [{"_msgid": "m", "v": 42}, {"_msgid": "m", "v": 10}]


class TestModules:
    @pytest.mark.parametrize(
        ("expression", "expected"),
        [
            ("path.join('/a', '../b', './c/')", "/b/c/"),
            ("path.resolve('/a', 'b', '/c', '../d')", "/d"),
            (
                "[path.basename('/a/b.txt', '.txt'), path.extname('.x.tar.gz'), path.dirname('/a/b/c')]",
                ["b", ".gz", "/a/b"],
            ),
            ("path.relative('/a/b/c', '/a/d')", "../../d"),
            ("path.parse('/a/b.c').name", "b"),
            ("path.normalize('')", "."),
        ],
    )
    def test_paths(self, expression, expected):
        assert value(expression) == expected

    def test_an_emitter_of_events(self):
        made = value(
            "(() => { const e = new events(), seen = []; e.on('x', (...all) => seen.push(all)); e.once('x', () => seen.push('once'));"
            "e.emit('x', 1, 2); e.emit('x'); e.removeAllListeners('x'); return [seen, e.emit('x'), e.listenerCount('x')]; })()"
        )
        assert made == [[[1, 2], "once", []], False, 0]
