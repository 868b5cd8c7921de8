#!/bin/sh
# Boots dom0: no more than libvirt's xen driver needs. That ssh is answered says that libvirt is.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
say() { echo "dom0: $*, $(cut -d ' ' -f 1 /proc/uptime) s after it began" >/dev/console; }
mount -t proc proc /proc
mount -t sysfs sys /sys
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
ln -s /proc/self/fd /dev/fd
ln -s fd/0 /dev/stdin  # Xen's scripts find out by it whether a lock is theirs
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /run/xen /run/xenstored /run/sshd /run/libvirt
exec </dev/null >/dev/console 2>&1
hostname dom0
while read -r driver; do modprobe "$driver"; done </etc/drivers
mount -t xenfs xenfs /proc/xen

# QEMU's network: it forwards two ports of the tests' computer to here, and leads nowhere else.
for card in /sys/class/net/*; do [ ! -e "$card/device" ] || outside=${card##*/}; done
ip link set lo up
ip addr add 10.0.2.15/24 dev "$outside"
ip link set "$outside" up
ip route add default via 10.0.2.2
ip link add xenbr0 type bridge
ip addr add 192.168.77.1/24 dev xenbr0
ip link set xenbr0 up
say network up

tools=$(echo /usr/lib/xen-[0-9]*/bin)
"$tools/xenstored" --pid-file /run/xenstored.pid
until xenstore-read -s / >/dev/null 2>&1; do sleep 0.1; done
"$tools/xen-init-dom0"
"$tools/xenconsoled" --pid-file /run/xenconsoled.pid
/usr/libexec/xen-qemu-system-i386 -xen-domid 0 -xen-attach -name dom0 -M xenpv -display none -daemonize \
  -monitor none -serial none -parallel none -pidfile /run/xen/qemu-dom0.pid
say xenstored and xenconsoled up, and the QEMU by which dom0 itself has overlays

libvirtd --daemon --listen
until virsh --connect xen:///system version; do sleep 0.5; done
/usr/sbin/sshd
say ready
