"""What clients have already is not sent again."""

import pytest

from busway.editor.server.revalidation import LARGEST, entity_tag, has_already, revalidated
from busway.engine.http import Answer
from tests.editor.serving import served

TAG = entity_tag(b"abc")


@pytest.mark.parametrize(
    ("if_none_match", "cache_control", "has"),
    [
        (None, None, False),
        (TAG, None, True),
        (TAG.removeprefix("W/"), None, True),
        (f'"x", {TAG} ,"y"', None, True),
        ("*", None, True),
        ('W/"x"', None, False),
        ("", None, False),
        (TAG, "no-cache", False),
        (TAG, "max-age=0 , no-cache", False),
        (TAG, "max-age=0", True),
    ],
)
def test_a_tag_is_weakly_compared(if_none_match, cache_control, has):
    assert has_already(TAG, if_none_match, cache_control) is has


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404, [], b"abc"),
        Answer(204, [], b""),
        Answer(200, [], bytes(LARGEST + 1)),
    ],
    ids=lambda answer: f"{answer.status}, {len(answer.body)} bytes",
)
def test_what_is_huge_or_no_success_stays_as_it_is(answer):
    assert revalidated(answer, "*", None) is answer


async def test_a_deploy_changes_the_tag_of_the_flows(tmp_path):
    async with served(tmp_path) as site:
        first = (await site.client.get("/flows")).headers["etag"]
        assert (await site.client.get("/flows", headers={"If-None-Match": first})).status_code == 304
        assert (await site.client.post("/flows", json=[{"id": "t", "type": "tab", "label": "new"}])).status_code == 204
        changed = await site.client.get("/flows", headers={"If-None-Match": first})
        assert (changed.status_code, changed.json()[0]["label"]) == (200, "new")
        assert "etag" not in (await site.client.get("/flow/nothing")).headers
