"""Builds, which the Jenkins plugin tells of as well: answered as Jira's builds API answers, and not kept.

https://developer.atlassian.com/cloud/jira/software/rest/api-group-builds/. Nothing of a build is looked at but its key.
"""

import msgspec
from msgspec import Struct

from mitregate.core.errors import Malformed

BUILDS_LIMIT = 100


class _Build(Struct, rename="camel"):
    pipeline_id: str = ""
    build_number: int | None = None


class _Builds(Struct):
    builds: list[_Build]


class _Key(Struct, rename="camel"):
    pipeline_id: str
    build_number: int


class _Error(Struct):
    message: str


class _Rejected(Struct):
    key: _Key
    errors: list[_Error]


class _Reply(Struct, rename="camel"):
    accepted_builds: list[_Key]
    rejected_builds: list[_Rejected]
    unknown_issue_keys: list[str]


_BUILDS = msgspec.json.Decoder(_Builds)


def answer_builds(payload: bytes) -> bytes:
    """Write the body of the 202 to builds; all three lists are there, be they empty.

    Args:
        payload: the body of a request to `POST /rest/builds/0.1/bulk`.

    Returns:
        The body of the reply.

    Raises:
        Malformed: there are no builds in the payload, or too many.
    """
    try:
        builds = _BUILDS.decode(payload)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Malformed(f"The payload of the build event cannot be read: {error}.") from None
    if not 1 <= len(builds.builds) <= BUILDS_LIMIT:
        raise Malformed(f"'builds' must hold 1 to {BUILDS_LIMIT} builds, not {len(builds.builds)}.")
    judged = [_judge(build) for build in builds.builds]
    return msgspec.json.encode(
        _Reply(
            accepted_builds=[one for one in judged if isinstance(one, _Key)],
            rejected_builds=[one for one in judged if isinstance(one, _Rejected)],
            unknown_issue_keys=[],
        )
    )


def _judge(build: _Build) -> _Key | _Rejected:
    missing = ["pipelineId"] if not build.pipeline_id else []
    missing += ["buildNumber"] if build.build_number is None else []
    key = _Key(pipeline_id=build.pipeline_id, build_number=build.build_number or 0)
    return _Rejected(key=key, errors=[_Error(message=f"'{name}' is required") for name in missing]) if missing else key
