# What the wide guest starts before the lines of the guest contract, in the same process; each only if there is a device.
mkdir -p /dev/pts && mount -t devpts devpts /dev/pts
ip link set lo up
cards() {
  for card in /sys/class/net/eth*; do
    [ -e "$card" ] || continue
    ip link set "${card##*/}" up
    udhcpc -i "${card##*/}" -s /etc/udhcpc.sh -T 1 -t 60 -q -n >/dev/null 2>&1 &
  done
}
cards
# Whoever wakes from a template's memory is given a card then.
! grep -qs vmf-template /sys/class/dmi/id/chassis_asset_tag || {
  { until [ -e /sys/class/net/eth0 ]; do sleep 0.01; done; cards; } &
  card=/sys/class/net
}
[ ! -e "$card" ] || dropbear -R -s -P /run/dropbear.pid
for port in /sys/class/virtio-ports/*; do
  [ -e "$port" ] && [ "$(cat "$port/name")" = org.qemu.guest_agent.0 ] || continue
  qemu-ga -d -m virtio-serial -p "/dev/${port##*/}" -t /run -f /run/qemu-ga.pid
done
