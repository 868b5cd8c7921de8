#!/bin/sh
# busybox's DHCP client asks this to do what it has learnt.
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
ip addr replace "$ip/${mask:-24}" dev "$interface"
for gateway in $router; do ip route replace default via "$gateway"; done
for server in $dns; do echo "nameserver $server"; done >/etc/resolv.conf
