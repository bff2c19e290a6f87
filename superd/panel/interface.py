"""The interface of the control socket, as varlink describes interfaces. Text only; ``methods.py`` does what it says."""

from __future__ import annotations

from superd.wire.varlink import SERVICE

INTERFACE = "superd.Control"

_CONTROL = """\
# What operators ask of a running superd, and what they have it do. Times are seconds; moments are seconds since 1970.
# A field may be added in a later version; none is renamed, removed or given another meaning.
interface superd.Control

# A process of superd's own; memory in bytes where it is known.
type Process (kind: string, pid: int, memory: ?int, descriptors: ?int)

# What a person should look at: severity is error or warning, about a service's name or empty, hint is what to type.
type Problem (severity: string, about: string, text: string, hint: string)

type Pause (service: string, since: float, by: int, because: string, refuse: bool, drain: bool)

type Service (
  name: string,
  addresses: []string,
  missing: []string,
  runs: string,
  user: string,
  sessions: int,
  limit: ?int,
  per_source: ?int,
  leftovers: int,
  started_minute: int,
  started_hour: int,
  refused_minute: int,
  refused_hour: int,
  most_refused: string,
  paused: ?Pause,
  no_group: string,
  certificate_end: ?float
)

type Refusals (reason: string, hour: int, total: int, last_peer: string, last_ago: float, detail: string)

type Session (
  id: string,
  service: string,
  peer: string,
  name: string,
  user: string,
  local: string,
  pid: int,
  stage: string,
  age: float,
  rule: string
)

type Ban (prefix: string, service: string, since: float, until: float, by: int, because: string, hits: int)

# A source that a service refuses for left seconds more, by limits.penalties. The service is "" for what touched a sensor: all
# services refuse it, for ever where left is 0.
type Penalty (service: string, source: string, left: float, refused: int, why: string)

# fields has what the line of the log has.
type Event (when: float, level: string, event: string, service: string, session: string, text: string, fields: object)

type FileProblem (file: string, line: int, severity: string, message: string, hint: string)

type ReloadOutcome (outcome: string, when: float, summary: string, problems: []FileProblem)

type Daemon (
  version: string,
  pid: int,
  kernel: string,
  started: float,
  uptime: float,
  config_read: float,
  processes: []Process,
  sessions: int,
  waiting: int,
  sensor_bans: int,
  log_waiting: int,
  log_lost: int,
  lag: float
)

# hosts.allow and hosts.deny: how many rules both have, and how many things of them are worth a look.
type Tables (files: []string, rules: int, warnings: int)

method GetStatus() -> (daemon: Daemon, problems: []Problem, services: []Service, bans: int, tables: Tables, reload: ReloadOutcome)

# How full a limit is: used of limit; without it, used are the sources that it holds now. who has most of it, or what it is.
type Limit (key: string, used: int, limit: ?int, who: string)

# served and refused are the last 60 minutes, the oldest first. last has the last ends and refusals.
method GetService(service: string) -> (
  service: Service,
  problems: []Problem,
  limits: []Limit,
  refusals: []Refusals,
  served: []int,
  refused: []int,
  last: []Event
)

# after is an id that an earlier reply named as next; limit is at most 1000.
method ListSessions(service: ?string, source: ?string, older_than: ?float, after: ?string, limit: ?int) -> (
  sessions: []Session,
  next: string
)

method ListBans(after: ?string, limit: ?int) -> (bans: []Ban, penalties: []Penalty, next: string)

# With follow, and more in the call, replies go on with what happens.
method ListEvents(
  service: ?string, source: ?string, reason: ?string, event: ?string, limit: ?int, follow: ?bool
) -> (events: []Event)

type Counts (
  service: string, started: int, running: int, limit: ?int, paused: bool, missing: int, refused: object,
  seconds_bounds: []float, seconds: []int, seconds_sum: float, launch_bounds: []float, launch: []int, launch_sum: float,
  exits: []int, penalised: int, certificate_end: ?float
)

# What metrics are made of: counts since the front began. seconds are sessions by their length, launch starts by the time from the
# accept, each in the ranges that end at the bounds, and one more; exits are exit status 0, another status, a signal.
method GetCounts() -> (
  version: string, started: float, read: float, reload: object, bans: int, sensor_bans: int, waiting: int, log_waiting: int,
  log_lost: int, lag: float,
  rules: int, policy_seconds: float, lookups: int, lookup_seconds: float, counters: object,
  processes: []Process, services: []Counts
)

# What is in force for a client now; limits are null where there is none. sensor says which sensors banned it, and for how long.
# refused is the reason for which another limit than these refuses it, or ""; detail says more. waits: at a limit it waits in the
# queue of the service. configuration is the same for commands that name the same files.
# address may be `uid:N` of a unix socket's client, followed by `gid:N` of each of its groups.
method Explain(service: string, address: string) -> (
  pid: int, configuration: string,
  ban: ?Ban, sensor: string, paused: ?Pause, sessions: int, limit: ?int, of_source: int, source_limit: ?int,
  refused: string, detail: string, waits: bool
)

# Ends sessions: these, or all of a source, of a service, or of both.
method Kick(ids: ?[]string, source: ?string, service: ?string, now: ?bool, dry_run: ?bool) -> (
  ended: []Session, unknown: []string
)

# own are addresses that the caller uses: a ban of one of them, or of everything, needs yes.
method Ban(
  address: string, seconds: ?float, service: ?string, because: ?string, keep: ?bool, yes: ?bool, own: ?[]string
) -> (ban: Ban, ended: []Session, unsaved: string)

# ban is null where no operator had banned; lifted are the penalties that are forgotten, and what sensors had banned.
method Unban(address: string, service: ?string) -> (ban: ?Ban, lifted: []Penalty, unsaved: string)

method Pause(services: []string, refuse: ?bool, because: ?string, drain: ?bool) -> (services: []string)

method Resume(services: []string) -> (services: []string)

# Answers once the configuration is in force, or refused: outcome is done or refused.
method Reload(dry_run: ?bool) -> (outcome: string, summary: string, problems: []FileProblem, changes: ?object)

# nearest is the most similar name there is, or empty.
error NotFound (text: string, nearest: string)
error PermissionDenied (text: string)
# The front is being replaced; the same call succeeds a moment later.
error Unavailable (text: string)
error Busy (text: string)
error TooMany (text: string)
error Malformed (text: string)
# The same call with yes = true is carried out.
error NeedsYes (text: string)
"""

_SERVICE = """\
# The varlink service interface
interface org.varlink.service

method GetInfo() -> (vendor: string, product: string, version: string, url: string, interfaces: []string)
method GetInterfaceDescription(interface: string) -> (description: string)

error InterfaceNotFound (interface: string)
error MethodNotFound (method: string)
error MethodNotImplemented (method: string)
error InvalidParameter (parameter: string)
error PermissionDenied ()
"""

DESCRIPTION = {SERVICE: _SERVICE, INTERFACE: _CONTROL}
