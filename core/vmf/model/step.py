"""What is done on a machine before its job's script, step by step, and the image that has a part of it done."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct, field

from vmf.model.file import File
from vmf.model.terms import FULL_PATH, MEBIBYTE, NAME, PACKAGE, TEXT, VARIABLE, Attributes, Duration, Name, Size


class Then(StrEnum):
    """What becomes of all else when a step has failed for good."""

    FAIL = "fail"
    CONTINUE = "continue"


class OnError(Struct, frozen=True, kw_only=True):
    """What is done about a step that fails."""

    run: Annotated[
        str | None, Meta(description="A shell script that is run each time, before the step is tried again or left.")
    ] = None
    retry: Annotated[int, Meta(description="How often the step is tried again.", ge=0, le=100)] = 0
    then: Annotated[
        Then, Meta(description="fail: nothing else is done; continue: the step counts as done, and the next one is.")
    ] = Then.FAIL


class Step(Struct, frozen=True, kw_only=True):
    """One thing to do: exactly one of a command, a script, files to put in, packages, or a host's action."""

    name: Annotated[str, Meta(description="The step's name, which others have in their `after`.", pattern=NAME)]
    after: Annotated[
        tuple[Name, ...],
        Meta(description="The steps that are done before it.", max_length=1000, extra={"single": True}),
    ] = ()
    command: Annotated[
        tuple[Annotated[str, Meta(pattern=TEXT)], ...],
        Meta(description="A program with its arguments, run in the guest without a shell.", max_length=1000),
    ] = ()
    run: Annotated[str | None, Meta(description="A shell script, run in the guest.")] = None
    files: Annotated[
        Mapping[Annotated[str, Meta(pattern=FULL_PATH)], File],
        Meta(
            description="Files and folders to put into the guest: full path there to what is put there.",
            max_length=1000,
        ),
    ] = {}
    packages: Annotated[
        tuple[Annotated[str, Meta(pattern=PACKAGE)], ...],
        Meta(
            description="Packages that the guest's own package manager installs: names, or full paths of their files.",
            max_length=1000,
        ),
    ] = ()
    on_host: Annotated[
        Name | None,
        Meta(description="An action that the host's owner lends, by its name."),
    ] = None
    arguments: Annotated[
        tuple[Annotated[str, Meta(pattern=TEXT)], ...],
        Meta(description="Arguments of the script or the action.", max_length=1000),
    ] = ()
    env: Annotated[
        Mapping[Annotated[str, Meta(pattern=VARIABLE)], Annotated[str, Meta(pattern=TEXT)]],
        Meta(description="Environment variables for it.", max_length=1000),
    ] = {}
    on_error: Annotated[OnError, Meta(description="What is done if it fails; the job or build fails if not given.")] = (
        OnError()
    )
    publish: Annotated[
        Attributes, Meta(description="Attributes that the machine has once it is done, name to ClassAd literal.")
    ] = {}
    time_limit: Annotated[Duration | None, Meta(description="How long one try may take; then it has failed.")] = None


class Finally(Struct, frozen=True, kw_only=True):
    """What is done when a job's machine is destroyed, which it cannot stop."""

    steps: Annotated[
        tuple[Step, ...],
        Meta(description="Done in the guest if it still answers, on the host in any case.", max_length=1000),
    ]
    time_limit: Annotated[
        Duration, Meta(description="How long those of the guest may take together, and those of the host.")
    ] = 60


class Steps(Struct, frozen=True, kw_only=True):
    """Steps to be done on a machine that runs."""

    name: Annotated[str, Meta(description="What they are called together.", pattern=NAME)]
    steps: Annotated[
        tuple[Step, ...],
        Meta(description="What is done, in the guest and on the host.", max_length=1000),
    ]


class Hardware(Struct, frozen=True, kw_only=True):
    """The machine that an image's steps are done on."""

    types: Annotated[
        tuple[Name, ...],
        Meta(
            description="The hypervisor's type, such as kvm, or a list of types; any if not given.",
            max_length=10,
            extra={"single": True},
        ),
    ] = field(default=(), name="type")
    memory: Annotated[Size, Meta(description="The guest's memory.")] = 512 * MEBIBYTE
    cpus: Annotated[int, Meta(description="The guest's processors.", ge=1, le=1024)] = 1
