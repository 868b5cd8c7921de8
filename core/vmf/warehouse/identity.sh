# Gives a guest that woke from another one's memory an identity of its own; docs/guest.md explains it line by line.
. ../cd/identity && tries=0
echo "$vmf_seed" >/dev/urandom
{ vmf-reseed || perl -e 'ioctl(STDIN, 0x5207, 0)' || python3 -c 'import fcntl; fcntl.ioctl(0, 0x5207)'; } </dev/urandom
hwclock -s "$vmf_clock"
echo "$vmf_host" >/proc/sys/kernel/hostname
echo "$vmf_machine" >/etc/machine-id
until [ -z "$vmf_mac" ] || grep -qix "$vmf_mac" /sys/class/net/*/address || [ $((tries += 1)) -gt 500 ]; do
  sleep 0.02 && grep -qs ^0x02 /sys/bus/pci/devices/*/class && tries=$((tries + 4))
done
