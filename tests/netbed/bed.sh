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
  for folder in /run /etc/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt; do
    mkdir -p $folder && mount -t tmpfs -o mode=755 tmpfs $folder
  done
  mkdir -p /run/lock /run/libvirt /run/dev /etc/libvirt/qemu /var/lib/libvirt/qemu /var/log/libvirt/qemu
  mount -t sysfs sysfs /sys # of this network namespace
  # No kvm: libvirt takes the node for a proof.
  mount -t tmpfs -o mode=755 tmpfs /run/dev
  mkdir /run/dev/net /run/dev/pts /run/dev/shm
  for device in null zero full random urandom tty; do cp -a /dev/$device /run/dev/$device; done
  mknod -m 666 /run/dev/net/tun c 10 200
  mount -t devpts -o newinstance,ptmxmode=0666 devpts /run/dev/pts
  mount -t tmpfs tmpfs /run/dev/shm
  ln -s pts/ptmx /run/dev/ptmx
  ln -s /proc/self/fd /run/dev/fd
  mount --move /run/dev /dev
  cat >/etc/libvirt/qemu.conf <<CONF
stdio_handler = "file"
security_driver = "none"
remember_owner = 0
namespaces = []
cgroup_controllers = []
CONF
  printf "auth_unix_%s = \"none\"\n" ro rw >/etc/libvirt/libvirtd.conf
  ip link set lo up
  /usr/sbin/libvirtd >/run/libvirtd.log 2>&1 & daemon=$!
  until [ -S /run/libvirt/libvirt-sock ]; do
    kill -0 $daemon 2>/dev/null || { cat /run/libvirtd.log >&2; exit 70; }
    sleep 0.05
  done
  "$@" || exit $?
' bed "$@" <&3 3<&- &
bed=$!
trap 'kill -KILL $bed 2>/dev/null' TERM INT HUP # unshare itself hears none of them
wait $bed
