"""The rules that the reading of a spec itself keeps: what breaks one of them is no spec."""

from __future__ import annotations

from vmf.rules import Rule, Severity

UNREADABLE = Rule(
    id="VMF101",
    title="the file cannot be read",
    why="It is not there, is no file, or belongs to somebody else.",
    mend="Check the path and the permissions.",
)
TOO_MUCH = Rule(
    id="VMF102",
    title="the file is too large, too deep, or holds too many values",
    why="A spec may come from anybody, so what reading one costs is bounded: 256 kB, 64 levels, 40,000 "
    "values, 1,000 documents.",
    mend="Put data into files that the spec names; split a file of many documents.",
)
NOT_TEXT = Rule(
    id="VMF103",
    title="the file is no UTF-8 text, or holds control characters",
    why="YAML is UTF-8 text; other bytes would mean different things to different readers.",
    mend="Save the file as UTF-8, and write control characters as escapes in double quotes.",
)
NOT_YAML = Rule(
    id="VMF104",
    title="the file is not YAML",
    why="Nothing after the fault can be read.",
    mend="Check the indentation, the quotes and the brackets at the place that is shown.",
)
EMPTY = Rule(
    id="VMF105",
    title="the file holds no document",
    why="There is nothing to run in it.",
    mend="A document begins with `apiVersion:` and `kind:`; `vmf init` writes a first one.",
)
FEATURE = Rule(
    id="VMF106",
    title="a tag or an alias that has no meaning here",
    why="Tags make other programs build objects; an alias can only stand for something before it.",
    mend="Remove it; a text that starts with `!` or `*` needs quotes.",
)
VERSION = Rule(
    id="VMF107",
    title="the version is newer than this vmf, or none of vmf's",
    why="A newer version may have fields with another meaning, so it is not guessed at.",
    mend="Upgrade vmf, or write the version that `vmf schema` shows.",
)
KIND = Rule(
    id="VMF108",
    title="a kind of document that is not read here",
    why="Jobs are data that anybody may write, hosts are policy: hosts count only from the user's own configuration "
    "or from `--hosts`.",
    mend="Keep each kind where it belongs.",
)
UNKNOWN_KEY = Rule(
    id="VMF109",
    title="an unknown key",
    why="A key that nobody knows is most often a slip, and what it was to do would silently not happen.",
    mend="Take the key that is suggested, or remove it. The block of a hypervisor needs that type's plugin.",
)
DOUBLE_KEY = Rule(
    id="VMF110",
    title="a key that is given twice, or is no text",
    why="Only one of the two could count.",
    mend="Keep one of them.",
)
MISSING_KEY = Rule(
    id="VMF111",
    title="a key that has to be there is missing",
    why="Nothing can be assumed for it.",
    mend="Add it.",
)
WRONG_SHAPE = Rule(
    id="VMF112",
    title="a text, a list or a block where another of them is wanted",
    why="What is written cannot mean what the field is for.",
    mend="Write it in the shape that is asked for.",
)
WRONG_VALUE = Rule(
    id="VMF113",
    title="a value that is not allowed here",
    why="A value means what its field makes of it, and the field cannot make anything of this one.",
    mend="Write one of the values that are listed, or in the form that is described.",
)
OUT_OF_RANGE = Rule(
    id="VMF114",
    title="a number that is out of range",
    why="No machine and no host can have it.",
    mend="Write a number in the range that is given.",
)
NAME_TWICE = Rule(
    id="VMF115",
    title="two documents have the same name",
    why="Live jobs are told apart by their names, and so are hosts.",
    mend="Give each a name of its own.",
)
BAD_CHANGE = Rule(
    id="VMF116",
    title="a change that cannot be made",
    why="`--set` and the runs of a queue name fields by their keys, such as `results.folder`.",
    mend="Write KEY=VALUE with a key that leads to a field.",
)
BAD_QUEUE = Rule(
    id="VMF117",
    title="a queue that gives no runs, or too many",
    why="A queue is a list of runs, a product, a file of rows, or a count; at most 10,000 runs come of it.",
    mend="Write one of the four.",
)
OLDER = Rule(
    id="VMF118",
    title="an older version",
    why="It is read as if it were written in today's; the old words will not be understood for ever.",
    mend="`vmf migrate FILE` rewrites it and keeps its comments.",
    severity=Severity.NOTE,
)
NO_FULL_PATH = Rule(
    id="VMF119",
    title="a path on the host that is not a full one",
    why="What does not travel is looked for on the host, where there is no folder to be relative to.",
    mend="Write the path from / on; or name a file of this computer, which travels.",
)
UNTOLD_FORMAT = Rule(
    id="VMF120",
    title="a disk whose format nobody states",
    why="Formats are never probed: a guest could write a header into a raw disk and have a file of the host opened.",
    mend="Add `format:`, or give the file a suffix that says it: .qcow2, .raw, .img, .vmdk.",
)
RESERVED = Rule(
    id="VMF121",
    title="a name that is taken",
    why="vmf itself, the language or the guest contract uses it for something else.",
    mend="Choose another name.",
)
LONG_QUEUE = Rule(
    id="VMF122",
    title="a queue that is too long to be judged whole",
    why="What linting a file costs is bounded; the runs that were not looked at differ from the others in values only.",
    mend="Nothing has to be done. `vmf plan` reads every run.",
    severity=Severity.NOTE,
)
NOT_PARSED = Rule(
    id="VMF301",
    title="an expression that cannot be parsed",
    why="Requirements, ranks, policies and attributes are expressions of the ClassAd language.",
    mend="Mend it at the place that is shown; docs/classad.md has the language, `vmf classad eval` tries it.",
)
NO_FILE = Rule(
    id="VMF401",
    title="a file that travels is not there",
    why="It is a path of this computer, relative to the folder of the spec.",
    mend="Check the path. A file that is already on the host is written as `{on_host: /full/path}`.",
)
NO_IMAGE = Rule(
    id="VMF402",
    title="an image that cannot be used",
    why="Its folder, its description or one of its files is missing or not what it should be.",
    mend="Name a disk's file, an appliance (.ova), a NAME.image.yaml, a folder with one, or an image of the warehouse.",
)
NOT_IN_WAREHOUSE = Rule(
    id="VMF403",
    title="an image that is not in the warehouse of this computer",
    why="It may well be where the job will run; here nothing can be said of it.",
    mend="Build or fetch it before the job is run.",
    severity=Severity.NOTE,
)

BAD_IMAGE = Rule(
    id="VMF404",
    title="an image or a disk that must not be used",
    why="It is not in the format that is stated, is damaged, or names other files: a backing file or a data file that "
    "an image brings along could be any file of the host.",
    mend="State the format that it has, or make a plain copy with `qemu-img convert`.",
)
UNREADABLE_IMAGE = Rule(
    id="VMF405",
    title="an image or a disk that cannot be read",
    why="Whoever runs the job has to be able to read it.",
    mend="Give access to the file and to the folders above it.",
)

RULES: tuple[Rule, ...] = tuple(each for each in list(vars().values()) if isinstance(each, Rule))
