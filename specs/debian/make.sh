#!/bin/sh
# Makes a small Debian in a folder, with all that the specs beside this file need: specs/debian/make.sh FOLDER
#
# It is made of the packages of this system's own release, which come from where its apt has them. Root can make it; others
# need what mmdebstrap needs of them, a range of users in /etc/subuid. It takes mmdebstrap, mke2fs and qemu-img.
set -eu
here=$(cd "$(dirname "$0")" && pwd) contract=$(cd "$(dirname "$0")/../../core/vmf/warehouse" && pwd)
mkdir -p "${1:?say in which folder}" && folder=$(cd "$1" && pwd) && work=$folder.new
set -- /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources
for sources; do
  shift && [ ! -s "$sources" ] || set -- "$@" "$sources"
done

# mmdebstrap has its own apt.conf in the new system's tmp: without it, its last calls of apt would clear away the lists of
# this computer. So nothing is removed there, and the disk is made of a view of the system with another, empty tmp.
rm -rf "$work" && mkdir -p "$work" && cd "$work"
left_out='--dpkgopt=path-exclude=/usr/share/'
mmdebstrap --variant=apt --format=null \
  --include=linux-image-cloud-amd64,systemd-sysv,udev,cloud-init \
  --aptopt='APT::Install-Recommends false' "$left_out"'man/*' "$left_out"'doc/*' "$left_out"'locale/*' \
  --customize-hook="upload '$contract/guest.sh' /usr/local/sbin/vmf-guest" \
  --customize-hook="upload '$contract/exchange.sh' /usr/local/sbin/vmf-exchange" \
  --customize-hook="upload '$contract/identity.sh' /usr/local/sbin/vmf-identity" \
  --customize-hook="upload '$here/vmf-guest.service' /etc/systemd/system/vmf-guest.service" \
  --customize-hook="upload '$here/cloud.cfg' /etc/cloud/cloud.cfg.d/90_vmf.cfg" \
  --customize-hook='chmod 755 "$1"/usr/local/sbin/vmf-* && chroot "$1" systemctl enable vmf-guest.service' \
  --customize-hook='cd "$1/tmp" && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get download sqlite3 && mv sqlite3_* sqlite3.deb' \
  --customize-hook='download /tmp/sqlite3.deb sqlite3.deb' \
  --customize-hook='download /vmlinuz vmlinuz' \
  --customize-hook='download /initrd.img initrd.img' \
  --customize-hook='cd "$1" && rm -rf var/cache/apt/* var/lib/apt/lists/* etc/resolv.conf' \
  --customize-hook='cd "$1/etc" && echo debian >hostname && : >machine-id' \
  --customize-hook='mount --make-private --bind "$1" "$1/mnt" && mount -t tmpfs tmpfs "$1/mnt/tmp"' \
  --customize-hook='mount -t tmpfs tmpfs "$1/media"' \
  --customize-hook='mke2fs -q -t ext4 -L debian -d "$1/mnt" "$1/media/root.raw" 2G' \
  --customize-hook='qemu-img convert -O qcow2 "$1/media/root.raw" "$1/media/root.qcow2"' \
  --customize-hook='download /media/root.qcow2 root.qcow2' \
  --customize-hook='umount "$1/media" "$1/mnt/tmp" "$1/mnt"' \
  '' - "$@"

# The disk last: it says that all is there.
mv vmlinuz initrd.img sqlite3.deb "$folder/" && cp "$here"/*.yaml "$folder/" && mv root.qcow2 "$folder/" && rmdir "$work"
