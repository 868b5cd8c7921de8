#!/bin/sh
# bed.sh COMMAND...: runs COMMAND where `qemu:///system` is a libvirt daemon of its own, under root, in namespaces of its
# own: with networks, devices, processes and folders that the rest of the computer does not see. Needs root.
# All of it ends with COMMAND, or with this script, however that ends.
set -eu
[ "$(id -u)" -eq 0 ] || {
  echo "bed.sh: the tests of networks need root: bridges and nat are the computer's own; run them as root" >&2
  exit 77
}
exec 3<&0 # what is started in the background gets /dev/null
setpriv --pdeathsig KILL -- unshare --mount --net --uts --ipc --pid --cgroup --fork --kill-child --mount-proc -- sh -euc '
  . "$0"
  mount -t sysfs sysfs /sys # of this network namespace
  ip link set lo up
  /usr/sbin/libvirtd >/run/libvirtd.log 2>&1 & daemon=$!
  until [ -S /run/libvirt/libvirt-sock ]; do
    kill -0 $daemon 2>/dev/null || { cat /run/libvirtd.log >&2; exit 70; }
    sleep 0.05
  done
  "$@" || exit $?
' "$(dirname "$0")/own.sh" "$@" <&3 3<&- &
bed=$!
trap 'kill -KILL $bed 2>/dev/null' TERM INT HUP # unshare itself hears none of them
wait $bed
