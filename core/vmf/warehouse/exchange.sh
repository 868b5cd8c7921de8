#!/bin/sh
# Answers vmf's requests while the script runs; docs/guest.md explains it line by line.
disk=$1 work=$PWD last='' && export TAR_OPTIONS=--format=gnu && cd "$(mktemp -d)" || exit
tell() { { echo "$1 $vmf_request" && head -c 400 words; } >answer && tar -cf - answer | head -c 1024 >"$disk" && sync; }
take() { tail -c +16385 "$drive" | (cd "$work" && tar -xf - -C "$to"); }
perform() { (cd "$work/$run" && setsid sh ./run </dev/null >/dev/console 2>&1); }
offer() { path=$(cd "$work" && ls -d -- "$out" >/dev/null && readlink -f -- "$out") && ln -sfn "${path%/*}/" at; }
answer() {
  : >words && tell busy && code=1 && set --
  { { [ ! "$to" ] || take; } && if [ "$run" ]; then perform || :; fi && { [ ! "$out" ] || offer; } && code=0; } 2>words
  [ ! "$out" ] || [ "$code" -ne 0 ] || set -- "at/${path##*/}"
  echo "$vmf_request" >vmf-end && tar -cf "$disk" answer "$@" vmf-end 2>>words
  sync && tell "$code"
}
while sleep 1; do
  for drive in /dev/sr* /dev/xvd* /dev/hd*; do
    [ "$(head -c 12 "$drive")" = vmf_request= ] && head -c 16384 "$drive" >request && . ./request || continue
    [ "$vmf_request" != "$last" ] && mkdir "$work/../turn" && { last=$vmf_request; answer; rmdir "$work/../turn"; }
  done
done
