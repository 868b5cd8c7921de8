#!/bin/sh
# The tiny guest's first process: nothing but what the guest contract and a fast boot need.
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in /modules/*; do insmod "$module"; done 2>/dev/null
for name in /sys/class/input/event*/device/name; do
  event=${name#/sys/class/input/} event=${event%%/*}
  # ends the guest when the host presses its ACPI power button
  [ "$(cat "$name")" != "Power Button" ] || { head -c 1 "/dev/input/$event" >/dev/null && poweroff -f; } &
done 2>/dev/null
. /guest.sh # in this process, which no signal of the script can kill
poweroff -f
