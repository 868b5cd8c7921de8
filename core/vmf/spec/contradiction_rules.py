"""The rules about fields that contradict each other: VMF201 to VMF299."""

from __future__ import annotations

from vmf.rules import Rule, Severity

LOGS = (".log", ".jsonl")
"""How the names of event logs end."""

NOTHING_TO_BOOT = Rule(
    id="VMF201",
    title="nothing to boot from",
    why="A machine starts from a kernel or from a disk, and there is neither.",
    mend="Name an `image:`, `disks:` or a `boot.kernel:`, or the machine in the block of its hypervisor.",
)
INITRD = Rule(
    id="VMF202",
    title="an initial RAM disk without a kernel of its own",
    why="It is loaded with a kernel's file; a kernel in the image brings its own along.",
    mend="Name the kernel's file as well, or leave the initrd out.",
)
UNUSED_BOOT = Rule(
    id="VMF203",
    title="words for a kernel that is in the image",
    why="The boot loader in the image says what its kernel is told; root and parameters would be ignored.",
    mend="Leave them out, or name the kernel's file.",
)
CONSENT = Rule(
    id="VMF204",
    title="checkpoints of a machine with a network, without consent",
    why="A restored machine goes on with connections that its peers have long given up, and with an address whose "
    "lease may have expired and may be somebody else's by then: open connections are lost, and the guest has to ask "
    "for its address anew.",
    mend="Write `lose_connections: true` below `checkpoint:` if the job can live with that, or do without one of them.",
)
IDLE_CONSENT = Rule(
    id="VMF205",
    title="a consent to what the job does not do",
    why="Without a network there are no connections to lose.",
    mend="Leave `lose_connections` out.",
    severity=Severity.WARNING,
)
DEVICE_TWICE = Rule(
    id="VMF206",
    title="a device that is given twice",
    why="Two disks, or a disk and a CD-ROM, cannot have the same name in the guest.",
    mend="Give each a device of its own.",
)
DEVICE_BUS = Rule(
    id="VMF207",
    title="a device whose name belongs to another bus",
    why="The guest names disks after their bus: vd… for virtio, sd… for SATA and SCSI, hd… for IDE, xvd… for Xen.",
    mend="Change the device or the bus, or leave one of them out.",
)
CDROM = Rule(
    id="VMF208",
    title="a CD-ROM of nothing, or of both files and an ISO",
    why="It is made of files, or it is an ISO as it is.",
    mend="Give exactly one of `files:` and `iso:`.",
)
MAC = Rule(
    id="VMF209",
    title="a MAC address that no network card can have",
    why="The lowest bit of the first byte marks groups of receivers; a card with such an address, or with none but "
    "zeros, is never reached.",
    mend="Write an address whose first byte is even, such as 52:54:00:12:34:56.",
)
NO_NETWORK = Rule(
    id="VMF210",
    title="words for a network that the job does not have",
    why="Without a network they would be ignored.",
    mend="Give `network.type` another value than none, or leave them out.",
)
FORWARDS = Rule(
    id="VMF211",
    title="port forwards that cannot be",
    why="A bridge puts the machine onto the network itself, so nothing is forwarded; on nat it has an address of its "
    "own, at which its ports are; and a port of the host leads to one port only.",
    mend="Use network type user, and give each forward a port of its own.",
)
EMPTY_CHECKPOINT = Rule(
    id="VMF212",
    title="a checkpoint that is never taken",
    why="Neither an eviction nor a period asks for one.",
    mend="Add `on_eviction: true` or `period:`, or remove the block.",
)
SHARED_IN_PLACE = Rule(
    id="VMF213",
    title="a disk that neither travels nor is a snapshot",
    why="The original on the host is changed by the guest, and no two jobs can use it at once.",
    mend="Use `access: snapshot`, or let the file travel, unless this is what you want.",
    severity=Severity.WARNING,
)
IN_PLACE_TWICE = Rule(
    id="VMF214",
    title="one file for two disks, one of which is written in place",
    why="Each would see the other's writes as damage.",
    mend="Give each disk a file of its own, or use snapshots.",
)
NO_SCRIPT = Rule(
    id="VMF215",
    title="words for a script that the job does not have",
    why="They reach the guest with the script; without one nothing reads them.",
    mend="Add `run:`, or leave them out.",
)
VARIABLE_TWICE = Rule(
    id="VMF216",
    title="a variable that is both plain and secret",
    why="Only one of the two values could reach the script.",
    mend="Keep one of them.",
)
HALT = Rule(
    id="VMF217",
    title="a script that halts",
    why="`halt` stops the processor and leaves the power on in some guests: the machine never ends, nor does the job.",
    mend="Leave the shutdown to the guest contract, or use `poweroff`.",
    severity=Severity.WARNING,
)
SECRET = Rule(
    id="VMF218",
    title="a secret in plain sight",
    why="Specs are copied, committed and shown.",
    mend="Put it into a file that only you can read, and name that in `secrets:`.",
    severity=Severity.WARNING,
)
IDLE_BLOCK = Rule(
    id="VMF219",
    title="the block of a hypervisor that the job does not run on",
    why="The job's `type` leaves it out, so nothing ever reads the block.",
    mend="Add the type, or remove the block.",
    severity=Severity.WARNING,
)
MAC_TWICE = Rule(
    id="VMF220",
    title="two jobs of one file with the same MAC address",
    why="Two machines with one address on one network are both cut off.",
    mend="Give each an address of its own, or leave it to vmf.",
    severity=Severity.WARNING,
)
SAME_RESULTS = Rule(
    id="VMF221",
    title="two jobs of one file that bring their results to the same folder, or one into that of the other",
    why="Each would be in the other's way, so they are not started.",
    mend="Give each a `results.folder` of its own, or leave it out: the folder is then named after the job.",
)
SSH_METADATA = Rule(
    id="VMF222",
    title="metadata of one's own, and a key of vmf's",
    why="cloud-init learns of the key by the metadata that vmf makes; with metadata of the job's own it would not.",
    mend="Leave out `meta_data:`; or leave out `ssh:`, and give the user a key of your own in `user_data:`.",
)
SSH = Rule(
    id="VMF223",
    title="a way in by ssh that leads nowhere",
    why="It leads over the machine's network, and its key reaches the guest with the script or with cloud-init's seed.",
    mend="Give the job a network, and `run:` or `cloud_init:`; or leave `ssh:` out.",
)
UNNAMEABLE = Rule(
    id="VMF224",
    title="a disk whose path has a control character",
    why="Hypervisors are told of disks in words that cannot hold every character, such as XML.",
    mend="Rename the file or its folder, or name a link to it.",
)
TOO_LONG = Rule(
    id="VMF225",
    title="more arguments and variables than a guest can give its script",
    why="Linux runs no program with an argument or a variable of 128 KiB or more, or with more than 2 MiB of all "
    "together.",
    mend="Put it into a file of the CD-ROM: `cdrom.files`.",
)
IN_PLACE_SHARED = Rule(
    id="VMF226",
    title="two jobs of one file with the same disk, which one of them changes in place",
    why="They cannot run at once: the second is held, or its guest sees the other's writes as damage.",
    mend="Give each a disk of its own, use snapshots, or run them one after the other.",
    severity=Severity.WARNING,
)
RESULT_TWICE = Rule(
    id="VMF227",
    title="a result that is asked for twice",
    why="A folder is handed over with all that is in it, and what has come once is refused the second time.",
    mend="Name the folder, or what is in it.",
)
IN_PLACE_KEPT = Rule(
    id="VMF228",
    title="checkpoints of a machine that writes to a disk in place",
    why="That disk goes on changing once the checkpoint has been taken, and no guest could go on with it from there.",
    mend="Let the disk be a snapshot, or do without checkpoints.",
)
EVENT_LOG = Rule(
    id="VMF231",
    title="an event log that is not called one",
    why="Nothing but its name keeps a new file from being taken for a program's settings, or for a script.",
    mend="Let its name end with `.log` or `.jsonl`.",
)
STEP_UNKNOWABLE = Rule(
    id="VMF229",
    title="a step of an image that puts in what only a host has",
    why="What is in a file of a host is not known before a host is chosen, so nobody knows whether two such steps are "
    "the same: no image that has this one done is ever begun upon, and it is built anew each time.",
    mend="Name a file of this computer, which travels with the step.",
    severity=Severity.WARNING,
)
STEP_ACTION = Rule(
    id="VMF232",
    title="a step that does nothing, or several things",
    why="A step is known by what it does, so that an image can have it done; what are two things are two steps.",
    mend="Give each step exactly one of `command`, `run`, `files`, `packages` and `on_host`.",
)
STEP_NAME = Rule(
    id="VMF233",
    title="two steps of one name",
    why="Nobody could tell which of them an `after` means; and their logs are files of these names, which are one file "
    "where capital letters do not count.",
    mend="Give each a name of its own; those of the image that a spec builds on are taken, too.",
)
STEP_UNKNOWN = Rule(
    id="VMF234",
    title="a step after one that is not there",
    why="Nobody can do it, or know when it is done.",
    mend="Check the name, or leave it out.",
)
STEP_CIRCLE = Rule(
    id="VMF235",
    title="steps that wait for each other",
    why="There is no order in which they could be done.",
    mend="Leave out one `after` of those that the finding names.",
)
STEP_WORDS = Rule(
    id="VMF236",
    title="words for a step that does not read them",
    why="Arguments go to a script or an action, variables to what is run: files and packages are not.",
    mend="Leave them out.",
)
STEP_LITERAL = Rule(
    id="VMF237",
    title="a published attribute that is no literal",
    why="What a step publishes is known when it is done, and evaluated nowhere.",
    mend="Write a number, a text in double quotes, true, false, or a list of those.",
)
IMAGE_START = Rule(
    id="VMF238",
    title="an image that begins with several things",
    why="Its first disk is that of another image, a file that is fetched, or an empty one.",
    mend="Give one of `from`, `download` and `blank`; more disks go into `disks`.",
)
STEPS_UNSEEN = Rule(
    id="VMF239",
    title="an image that is to be kept of a job without steps",
    why="It would be the image that the job begins with.",
    mend="Add `steps:`, or leave `keep_image` out.",
)
STEP_BOOTS = Rule(
    id="VMF243",
    title="steps for which a machine would have to boot several times",
    why="A host's actions are done before a machine is made and once its guest is off, never beside the guest's steps, "
    "and a job's script is the last that its guest does.",
    mend="Make an image of the first part, and begin the next one with it by `from`; or, before a script, set "
    "`keep_image`.",
)
STEP_HOST = Rule(
    id="VMF244",
    title="a script for a host",
    why="A host runs nothing but the actions that its owner lends.",
    mend="Leave `on_error.run` out of a step that is `on_host`.",
)
FINALLY = Rule(
    id="VMF245",
    title="a last step that nobody could do",
    why="In the end the guest's steps are done first, while it may still answer, and only a guest that was given a "
    "script or steps, or runs an agent, listens.",
    mend="Let the host's steps come after the guest's; give the job `run:`, steps or `agent: true`, or leave the "
    "guest's out.",
)
CONNECTION = Rule(
    id="VMF251",
    title="a connection whose fields do not go together",
    why="An address means something only where the hypervisor is elsewhere, and there it is needed; keys belong to ssh "
    "and tls, users to ssh and a hypervisor's own interface, certificates to tls and that interface; a certificate and "
    "its key prove something only together, to whom is known by `ca`.",
    mend="Give the fields of the transport, and no others.",
)
INSECURE = Rule(
    id="VMF252",
    title="a connection that anybody on the way can read and change",
    why="Transport tcp neither encrypts nor proves who is who.",
    mend="Use ssh or tls; if the way is safe, write `insecure: true`.",
)
NETWORKS = Rule(
    id="VMF253",
    title="networks that do not go together",
    why="What is said of a type means something only if it is offered: whether it is the default, who may use it, what "
    "it reaches; and a bridge needs its name.",
    mend="Add the type to `types:`, or name the bridge.",
)
OWN_GUEST = Rule(
    id="VMF254",
    title="a host that is a guest of itself",
    why="It would wait for itself.",
    mend="Name the other host.",
)
