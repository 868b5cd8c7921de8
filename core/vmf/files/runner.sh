#!/bin/sh
# Does the steps of a disc of vmf's, one after the other, then becomes the job's script; docs/guest.md has the format.
# For dash, bash and busybox, as root. $1 is the disc's folder; the one that this file is in, if it is not given.
disc=$(cd "${1:-${0%/*}}" && pwd) && work=$(mktemp -d) && mkdir vmf-steps && told=$PWD/vmf-steps || exit
said=$work/said last=$work/last half=32768 most=8388608

say() { echo "vmf: step $name: $*"; }

# Hundredths of a second since the guest booted: nobody sets this clock.
clock() { read -r now rest </proc/uptime && now=$((${now%.*} * 100 + 1${now#*.} - 100)); }

# Passes on what the step has said since the last time. The middle of very much is dropped, lest it fills the disk.
show() {
  size=$(wc -c <"$said") && [ "$size" -gt "$shown" ] || return 0
  tail -c "+$((shown + 1))" "$said" | head -c "$((size - shown))"
  shown=$size
  [ "$size" -lt "$most" ] || { keep_start && tail -c "$half" "$said" >"$last" && : >"$said" && shown=0 from=1; }
}

# The log has the start and the end of what the step has said.
keep_start() { [ -s "$log" ] || { head -c "$half" "$said" >"$log" && from=$((half + 1)); }; }
keep() {
  keep_start && { cat "$last" && tail -c "+$from" "$said"; } >"$work/more"
  [ "$(wc -c <"$work/more")" -le "$half" ] && [ "$from" -ne 1 ] || echo "[some of it is left out here]" >>"$log"
  tail -c "$half" "$work/more" >>"$log"
}

# Runs the step's `script` or `error`, or else its command, in a session of its own, from /; at its limit, ends all of that.
# What it says goes through a file: a service that it starts, and that has the other end of a pipe, would never close it.
run() {
  setsid sh -c '. "${0%/*}/env" && cd / && if [ -f "$0" ]; then exec sh "$0" "$@"; else exec "$@"; fi' "$here/$1" \
    </dev/null >>"$said" 2>&1 &
  process=$! signal=TERM
  clock && due=$((now + ${limit:-0} * 100))
  while kill -0 "$process" 2>/dev/null; do # the shell takes note of its end whenever it waits for anything
    sleep 0.1 2>/dev/null || sleep 1
    show && clock
    [ "$limit" ] && [ "$now" -ge "$due" ] || continue
    [ "$signal" = KILL ] || echo "vmf: it may take $limit seconds, and is ended" >>"$said"
    kill -s "$signal" -- "-$process" 2>/dev/null
    signal=KILL due=$((now + 500))
  done
  wait "$process"
  code=$?
  [ "$signal" = TERM ] || code=124
  show
  [ ! -s "$said" ] || [ "$(tail -c 1 "$said" | wc -l)" -eq 1 ] || echo # what is said next is a line of its own
}

# Does a step, as often as it may be tried, and reports it.
perform() {
  . "$here/about" && log=$told/$number.log tries=0 shown=0 from=1 && : >"$log" && : >"$said" && : >"$last"
  clock && began=$now && say begins
  while tries=$((tries + 1)) && { run script || :; } && [ "$code" -ne 0 ]; do
    say "failed with exit code $code, try $tries of $((retry + 1))"
    failed=$code
    [ ! -f "$here/error" ] || run error
    code=$failed
    [ "$tries" -le "$retry" ] || break
  done
  keep && clock && echo "$number $code $tries $((now - began))" >>"$told/report"
}

# Lets whoever wants to inspect the guest do so at its console, until they leave.
look() {
  terminal=$(head -n 1 "$disc/inspect")
  say "$(tail -n +2 "$disc/inspect")"
  systemctl stop 'serial-getty@*' 2>/dev/null # it would take a part of what is typed
  setsid sh -i <>"$terminal" >&0 2>&1
}

number=0
while number=$((number + 1)) && here=$disc/steps/$number && [ -d "$here" ]; do
  perform
  if [ "$code" -eq 0 ]; then
    say "done"
    [ ! -f "$here/publish" ] || cat "$here/publish"
  elif [ "$anyway" ]; then
    say "left undone, as it may be"
  else
    say "could not be done, and what comes after it is not"
    [ ! -f "$disc/inspect" ] || look
    exit "$code"
  fi
done
rm -rf "$work"
[ -f "$disc/job/run" ] || exit 0
exec sh -c '. "$0/env" && exec sh "$0/run" "$@"' "$disc/job"
