#!/bin/sh
# Has cloud-init start what keeps vmf's guest contract, unless the image does so by itself; docs/guest.md has more of it.
! command -v vmf-guest >/dev/null || exit 0
mkdir -p /var/lib/vmf && cd /var/lib/vmf || exit
