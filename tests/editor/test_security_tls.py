"""HTTPS by certificate and key files."""

import asyncio
import shutil
import ssl

import httpx
import pytest
from websockets.asyncio.client import connect

from busway.editor.server.security_tls import Certificate, CertificateError, certificate_of
from busway.editor.server.serve import HttpFace
from tests.editor.certificates import issue, trusting
from tests.editor.people import guarded, login_form
from tests.editor.serving import QuietRuntime, settings_for


def install(folder, files):
    """Puts a certificate where the server has its own."""
    for source, name in zip(files, ("tls.crt", "tls.key"), strict=True):
        shutil.copyfile(source, folder / f"{name}.new")
        (folder / f"{name}.new").replace(folder / name)


TLS = {"tls_cert": "tls.crt", "tls_key": "tls.key"}


async def status(site, certificate):
    """The status of a request over a connection of its own, which trusts one certificate."""
    async with httpx.AsyncClient(verify=trusting(certificate)) as client:
        return (await client.get(f"https://127.0.0.1:{site.port}/health/live")).status_code


async def test_it_serves_https_and_takes_a_new_certificate_without_a_restart(tmp_path, monkeypatch):
    monkeypatch.setattr("busway.editor.server.security_tls.Certificate.watch", eager_watch)
    old, new = issue(tmp_path, "old"), issue(tmp_path, "new")
    install(tmp_path, old)
    async with guarded(tmp_path, **TLS) as site:
        assert site.face.scheme == "https"
        assert await status(site, old[0]) == 200
        async with connect(f"wss://127.0.0.1:{site.port}/comms", ssl=trusting(old[0])) as socket:
            await socket.send('{"auth": "x"}')
            assert await socket.recv() == '{"auth":"fail"}'
        install(tmp_path, new)
        for _ in range(200):
            try:
                assert await status(site, new[0]) == 200
                break
            except httpx.ConnectError:
                await asyncio.sleep(0.02)
        assert await status(site, new[0]) == 200
        with pytest.raises(httpx.ConnectError):
            await status(site, old[0])


_watch = Certificate.watch


async def eager_watch(self):
    await _watch(self, every=0.01)


async def test_a_cookie_that_came_over_https_stays_there(tmp_path):
    files = issue(tmp_path, "old")
    install(tmp_path, files)
    async with guarded(tmp_path, **TLS) as site, httpx.AsyncClient(verify=trusting(files[0])) as client:
        answer = await client.post(f"https://127.0.0.1:{site.port}/auth/token", json=login_form("anna"))
        assert "; Secure" in answer.headers["set-cookie"]


async def test_plain_http_gets_no_answer_there(tmp_path):
    install(tmp_path, issue(tmp_path, "old"))
    async with guarded(tmp_path, **TLS) as site:
        with pytest.raises(httpx.RemoteProtocolError):
            await site.client.get("/health/live")


def test_a_key_that_does_not_fit_changes_nothing(tmp_path):
    old, new = issue(tmp_path, "old"), issue(tmp_path, "new")
    install(tmp_path, old)
    certificate = Certificate(tmp_path / "tls.crt", tmp_path / "tls.key")
    install(tmp_path, (new[0], old[1]))
    with pytest.raises(CertificateError, match=r"tls\.crt and .*tls\.key"):
        certificate.refresh()
    assert not certificate.refresh()
    install(tmp_path, new)
    assert certificate.refresh()
    (tmp_path / "tls.key").unlink()
    with pytest.raises(CertificateError):
        certificate.refresh()


async def test_a_wrong_certificate_is_logged_and_the_watch_goes_on(tmp_path, caplog):
    install(tmp_path, issue(tmp_path, "old"))
    certificate = Certificate(tmp_path / "tls.crt", tmp_path / "tls.key")
    (tmp_path / "tls.crt").write_text("nonsense")
    watch = asyncio.create_task(certificate.watch(0.001))
    for _ in range(500):
        if "the certificate stays the old one" in caplog.text:
            break
        await asyncio.sleep(0.01)
    assert not watch.done()
    watch.cancel()
    assert "the certificate stays the old one" in caplog.text


def test_old_versions_of_tls_are_not_spoken(tmp_path):
    install(tmp_path, issue(tmp_path, "old"))
    assert Certificate(tmp_path / "tls.crt", tmp_path / "tls.key").context.minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(("given", "missing"), [("tls_cert", "tls_key"), ("tls_key", "tls_cert")])
def test_both_files_are_needed(tmp_path, given, missing):
    with pytest.raises(CertificateError, match=f"{missing} is missing"):
        certificate_of(settings_for(tmp_path, **{given: "x"}))


async def test_files_that_are_not_there_are_named(tmp_path):
    face = HttpFace(QuietRuntime(settings_for(tmp_path, **TLS)))
    with pytest.raises(CertificateError, match=r"tls\.crt"):
        await face.start()


def test_an_encrypted_key_is_told(tmp_path):
    install(tmp_path, issue(tmp_path, "old", b"locked"))
    with pytest.raises(CertificateError, match="the key is encrypted"):
        Certificate(tmp_path / "tls.crt", tmp_path / "tls.key")
